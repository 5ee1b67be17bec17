"""Batches by length: padding is small, results are in order, and what a batch changes is known."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from evalkit.core.config import EvalConfig
from evalkit.core.types import Utterance
from evalkit.run.alone import ALONE
from evalkit.run.batches import by_length, slices, spread
from evalkit.run.pieces import choose
from evalkit.run.plan import make_plan
from evalkit.run.rescore import rescore
from evalkit.run.runner import HERE, Work, run
from evalkit.run.utterances import read_corpus
from evalkit.statistics.batching import by_systems
from evalkit.store.documents.run import depending
from evalkit.store.runfolder import MEASURED, RunFolder
from tests.conftest import evalkit
from tests.run.runs import config, correct_transcript, tables

pytestmark = pytest.mark.usefixtures("outside")
CLEAN = {"conditions": ["clean"], "metrics": ["wer"]}


def go(manifest: Path, out: Path, workers: int = 0, *, batch: int = 8, padding: float = 10.0,
       **changes: object) -> RunFolder:
    system = {"name": "crowded", "batch": batch, "padding": padding}
    pipelines = [{"name": "asr", "recognizer": system, "encoder": system}]
    return run(config(manifest, **CLEAN | {"pipelines": pipelines} | changes), out, Work(workers))


def content(folder: RunFolder) -> list[str]:
    """Of the tables, measured times aside, in their order."""
    return [frame.drop(columns=list(MEASURED), errors="ignore").to_json()
            for frame in (folder.scores(), folder.outputs(), folder.embeddings().assign(
                embedding=0))]


def test_the_tables_are_the_same_whatever_the_batch_and_the_workers(tiny_corpus: Path,
                                                                    tmp_path: Path) -> None:
    one = content(go(tiny_corpus, tmp_path / "one", batch=1))
    folders = [go(tiny_corpus, tmp_path / f"{batch}", batch=batch) for batch in (8, 512)]
    assert [content(each) for each in folders] == [one, one]
    assert content(go(tiny_corpus, tmp_path / "small", shard_size=3)) == one
    again = go(tiny_corpus, tmp_path / "again", 2)
    assert tables(again.path) == tables(folders[0].path)
    assert again.record().batching == folders[0].record().batching


@given(st.integers(0, 3_000), st.integers(1, 600))
@example(1197, 171)
def test_by_default_pieces_are_alike_and_of_full_batches(n: int, batch: int) -> None:
    utterances = tuple(Utterance(str(i)) for i in range(n))
    settings = EvalConfig.model_construct(shard_size=None, batch_check=0)
    pieces = choose(settings, batch, utterances, None).pieces
    assert [i for piece in pieces for i in range(n)[piece]] == [*range(n)]
    sizes = [piece.stop - piece.start for piece in pieces]
    assert all(size % batch == 0 for size in sizes[:-1]) and min(sizes, default=1) > 0
    assert max(sizes, default=0) - min(sizes, default=0) < 2 * batch
    assert all(size <= max(batch, 512) for size in sizes)


def test_a_shard_holds_several_batches(tiny_corpus: Path) -> None:
    def sizes(batch: int, **changes: object) -> list[int]:
        known = config(tiny_corpus, pipelines=[{"name": "asr", "recognizer": {
            "name": "crowded", "batch": batch}}], **CLEAN | {"shard_size": None} | changes)
        return [len(s.utterances) for s in make_plan(known, read_corpus(known).utterances).shards]

    assert (sizes(1), sizes(2), sizes(3), sizes(512)) == ([6, 6], [6, 6], [12], [12])
    assert sizes(8, shard_size=5) == [5, 5, 2], "what the user says holds"


@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=200), st.integers(1, 40))
def test_batches_by_length_pad_no_more_than_any_others(lengths: list[float], batch: int) -> None:
    utterances = [Utterance(str(i), duration=length) for i, length in enumerate(lengths)]
    batches = [part for group in by_length(utterances, [batch]) for part in slices(group, batch)]
    assert sorted(u.id for part in batches for u in part) == sorted(u.id for u in utterances)

    def padded(parts: list[list[Utterance]]) -> float:
        return sum(max(u.duration or 0 for u in part) * len(part) for part in parts)

    as_they_come = [list(part) for part in slices(utterances, batch)]
    full = len(utterances) % batch == 0  # else another batch may be the short one
    assert padded([*map(list, batches)]) <= padded(as_they_come) + (0 if full else 30 * batch)


@given(st.lists(st.floats(0.1, 30), min_size=1, max_size=100), st.integers(1, 40),
       st.integers(0, 5))
def test_the_utterances_given_alone_are_of_all_lengths(lengths: list[float], n: int, seed: int
                                                       ) -> None:
    utterances = [Utterance(str(i), duration=length) for i, length in enumerate(lengths)]
    places = spread(utterances, n, seed)
    assert places == spread(utterances, n, seed) == sorted(set(places))
    assert len(places) == min(n, len(lengths))
    ranks = {place: rank for rank, place in enumerate(sorted(
        range(len(lengths)), key=lambda i: lengths[i]))}
    largest = -(-len(lengths) // len(places))
    drawn = sorted(ranks[place] for place in places)
    assert all(b - a < 2 * largest for a, b in zip([-1, *drawn], [*drawn, len(lengths)],
                                                   strict=True))


def test_what_a_batch_changes_is_counted(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = go(tiny_corpus, tmp_path / "run", batch=4, padding=0.12, shard_size=12)
    effect, = folder.record().batching
    seconds = [0.8 + 0.05 * i for i in range(12)]  # batches are u0 to u3, u4 to u7, u8 to u11
    crowded = {f"u{i}" for i in range(12) if seconds[4 * (i // 4) + 3] - seconds[i] > 0.12}
    assert len(crowded) == 3
    assert (effect.pipeline, effect.condition, effect.batch) == ("asr", "clean", 4)
    assert (effect.n, effect.n_failed, effect.otherwise) == (12, 0, 3)
    assert {each.utterance_id for each in effect.counts
            if each.alone != each.batch} <= crowded
    heard = {f"u{i}": (int(10 * seconds[i] + 1e-9), 8 + i % 3) for i in range(12)}
    for each in effect.counts:
        n, words = heard[each.utterance_id]
        assert (each.words, each.alone) == (words, abs(n - words))
        # A word that nobody said is one error more, or stands for one that was not heard.
        more = each.utterance_id in crowded
        assert each.batch == max(n + more, words) - min(n, words)
    wer = folder.scores().query("metric == 'wer'")
    assert sum(each.batch for each in effect.counts) == wer["amount"].sum()
    assert effect.distance == pytest.approx(1 - math.cos(0.1), abs=1e-6)


def test_nothing_is_looked_for_where_nothing_is_heard_in_batches(tiny_corpus: Path, tmp_path: Path
                                                                 ) -> None:
    folder = go(tiny_corpus, tmp_path / "run", batch=1)
    assert folder.record().batching == [] and not (tmp_path / "run" / ALONE).exists()
    assert "batching" not in json.loads((tmp_path / "run" / "run.json").read_text())


def test_who_hears_one_at_a_time_is_not_asked_again(tiny_corpus: Path, tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    monkeypatch.setenv("EVALKIT_OUTSIDE_CALLS", str(calls))
    one, many = ({"name": "crowded", "batch": batch, "padding": 9.0} for batch in (1, 8))
    effect, = go(tiny_corpus, tmp_path / "run", pipelines=[
        {"name": "asr", "recognizer": one, "encoder": many}]).record().batching
    assert (effect.batch, effect.n, effect.otherwise, effect.counts) == (8, 12, None, [])
    heard = [len(line.split()) - 1 for line in calls.read_text().splitlines()]
    assert heard.count(1) == 1 + 12, "to warm up, and each once"


@pytest.mark.parametrize(("batches", "found"), [
    ({"recognised": 1, "embedded": 8}, {"embedded"}), ({"enhanced": 1, "recognised": 1}, set()),
    ({"enhanced": 2, "recognised": 1}, {"enhanced", "recognised"})])
def test_what_is_behind_an_enhancer_in_batches_depends_on_them(batches: dict[str, int],
                                                               found: set[str]) -> None:
    assert depending(batches) == found


def test_a_check_that_is_left_out_is_said(tiny_corpus: Path, tmp_path: Path) -> None:
    go(tiny_corpus, tmp_path / "run")
    folder = go(tiny_corpus, tmp_path / "run", batch_check=0)
    record = folder.record()
    assert record.batching == [] and not (tmp_path / "run" / ALONE).exists()
    assert "what batches change: 1 pipeline left out: batch_check is 0 (asr)" in [
        str(item) for item in record.left_out]


def test_a_batch_of_which_one_fails_is_compared_as_far_as_it_goes(tiny_corpus: Path,
                                                                   tmp_path: Path) -> None:
    pipelines = [{"name": "asr", "recognizer": {
        "name": "level", "batch": 4, "raise_at": round(0.9 * 16_000)}}]
    effect, = go(tiny_corpus, tmp_path / "run", pipelines=pipelines).record().batching
    assert (effect.n, effect.n_failed, effect.otherwise) == (12, 1, 0)
    assert len(effect.counts) == 11 and effect.distance is None


def test_a_new_transcript_is_counted_with_what_was_heard_before(tiny_corpus: Path, tmp_path: Path
                                                                ) -> None:
    before = go(tiny_corpus, tmp_path / "run", batch=4, padding=0.12).record().batching[0]
    correct_transcript(tiny_corpus, "u0", "on on")
    after = rescore(tmp_path / "run").record().batching[0]
    assert {a.utterance_id for a, b in zip(after.counts, before.counts, strict=True) if a != b
            } == {"u0"}
    assert after.otherwise == before.otherwise
    again = go(tiny_corpus, tmp_path / "run", batch=4, padding=0.12)
    assert again.record().batching == [after]


def test_the_end_of_a_run_says_what_batches_changed(tiny_corpus: Path, tmp_path: Path) -> None:
    (tiny_corpus.parent / "eval.yaml").write_text(
        "corpus: test.jsonl\nmetrics: [wer]\npipelines:\n"
        "  - {name: asr, recognizer: {name: crowded, batch: 4, padding: 0.12}}\n")
    done = evalkit("run", tiny_corpus.parent / "eval.yaml", "--out", tmp_path / "run",
                   "--workers", 0)
    assert "asr in clean, in batches of up to 4: 3 of 12 utterances were transcribed" in done.stdout
    progress = [line.split(",")[0] for line in done.stderr.splitlines() if " of 12 utt" in line]
    assert progress == ["12 of 12 utterances heard alone too", "12 of 12 utterances"]


def shared(manifest: Path, out: Path, recognizers: dict[str, int], **changes: object) -> RunFolder:
    """A run of recognizers under two conditions, by the batch of each."""
    pipelines = [{"name": name, "recognizer": {"name": "crowded", "batch": batch, "padding": 0.12}}
                 for name, batch in recognizers.items()]
    conditions = ["clean", {"name": "loud", "noise": "stationary", "snr_db": 20}]
    return run(config(manifest, metrics=["wer"], conditions=conditions, pipelines=pipelines,
                      **changes), out, HERE)


@pytest.mark.usefixtures("outside")
def test_what_the_same_systems_hear_alone_is_dealt_out(tiny_corpus: Path, tmp_path: Path) -> None:
    """Each utterance is heard alone in one pipeline and condition by each set of systems."""
    folder = shared(tiny_corpus, tmp_path / "run", {"a": 4, "b": 4, "c": 2}, batch_check=9)
    effects = {(each.pipeline, each.condition): each for each in folder.record().batching}
    assert {cell: each.n for cell, each in effects.items()} == {
        ("a", "clean"): 3, ("a", "loud"): 2, ("b", "clean"): 2, ("b", "loud"): 2,
        ("c", "clean"): 5, ("c", "loud"): 4}
    for cells in ("ab", "c"):
        names = [count.utterance_id for (pipeline, _), each in effects.items()
                 if pipeline in cells for count in each.counts]
        assert len(names) == len(set(names)) == 9
    first, second = by_systems(folder.record())
    assert (first.pipeline, first.condition, first.batch, first.n) == ("a, b", "clean, loud", 4, 9)
    assert (second.pipeline, second.batch, second.n) == ("c", 2, 9)
    assert first.otherwise == sum(effects[cell].otherwise or 0 for cell in effects
                                  if cell[0] in "ab")


@pytest.mark.usefixtures("outside")
def test_more_pipelines_than_utterances_to_hear_alone(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = shared(tiny_corpus, tmp_path / "run", {"a": 4, "b": 4}, batch_check=3)
    assert [(each.pipeline, each.condition, each.n) for each in folder.record().batching] == [
        ("a", "clean", 1), ("a", "loud", 1), ("b", "clean", 1)]
    assert [each.n for each in by_systems(folder.record())] == [3]


def test_the_sample_is_heard_once(tiny_corpus: Path, tmp_path: Path,
                                  monkeypatch: pytest.MonkeyPatch) -> None:
    calls = tmp_path / "calls"
    monkeypatch.setenv("EVALKIT_OUTSIDE_CALLS", str(calls))
    go(tiny_corpus, tmp_path / "run", batch_check=3, padding=9.0)
    heard = [len(line.split()) - 1 for line in calls.read_text().splitlines()]
    assert heard.count(1) == 1 + 3, "to warm up, and each alone"
    calls.unlink()
    folder = go(tiny_corpus, tmp_path / "run", batch_check=3, padding=9.0)
    assert not calls.exists() and folder.record().batching[0].n == 3
