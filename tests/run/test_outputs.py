"""What is kept between runs: nothing is made twice, and nothing is kept that would be other."""

from __future__ import annotations

import json
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
import soundfile

from evalkit.core.config import Plugin
from evalkit.core.errors import ConfigError, ManifestError, PluginError, RunError
from evalkit.core.ledger import LeftOut
from evalkit.run.pipeline import WordOptions, complete
from evalkit.run.rescore import rescore
from evalkit.run.runner import run
from tests.conftest import evalkit, tone
from tests.run.runs import config, correct_transcript, tables

pytestmark = pytest.mark.usefixtures("outside")
Calls = Callable[[], list[tuple[str, tuple[int, ...]]]]
WARM_UP = {(8_000,), (16_000,), (48_000,)}
"""Lengths of what systems are warmed up with, which one of the recordings has too."""


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    """Which outside systems were called since this was last asked, and with how many samples."""
    log = tmp_path / "calls"
    monkeypatch.setenv("EVALKIT_OUTSIDE_CALLS", str(log))

    def read() -> list[tuple[str, tuple[int, ...]]]:
        lines = [line.split() for line in log.read_text().splitlines()] if log.exists() else []
        log.unlink(missing_ok=True)
        return [(name, tuple(map(int, lengths))) for name, *lengths in lines]
    return read


def numbers(asked: list[tuple[str, tuple[int, ...]]]) -> dict[str, int]:
    """How often each system was called, but for calls that may have been warming up."""
    names = [name for name, lengths in asked if lengths not in WARM_UP]
    return {name: names.count(name) for name in sorted(set(names))}


def same_tables(one: Path, other: Path) -> bool:
    """Whether two run folders hold the same tables, and the same audio of this configuration."""
    a, b = tables(one), tables(other)
    return b.items() <= a.items() and {n for n in a if not n.startswith("audio/")} <= b.keys()


def test_the_first_run_calls_everything(tiny_corpus: Path, tmp_path: Path, calls: Calls) -> None:
    run(config(tiny_corpus), tmp_path / "run")
    assert numbers(calls()) == {"bands": 22, "late": 22, "level": 44}


@pytest.mark.parametrize("changes", [
    {"metrics": ["wer", "stoi", "cer", "hypothesis_length"]}, {"metrics": ["estoi", "si_sdr"]},
    {"normaliser": "none"}, {"costs": "sclite"}, {"metrics": ["wer"]}])
def test_other_scores_need_no_model(tiny_corpus: Path, tmp_path: Path, calls: Calls,
                                    changes: dict[str, Any]) -> None:
    run(config(tiny_corpus), tmp_path / "run")
    run(config(tiny_corpus, **changes), tmp_path / "fresh")
    calls()
    run(config(tiny_corpus, **changes), tmp_path / "run")
    assert calls() == []
    assert same_tables(tmp_path / "run", tmp_path / "fresh")


def test_a_corrected_transcript_needs_no_model(tiny_corpus: Path, tmp_path: Path, calls: Calls,
                                               ) -> None:
    before = run(config(tiny_corpus), tmp_path / "run")
    old = before.scores()
    correct_transcript(tiny_corpus, "u7", "off")
    calls()
    new = run(config(tiny_corpus), tmp_path / "run").scores()
    assert calls() == []
    changed = old[old["amount"].ne(new["amount"]) & old["error"].isna()]
    assert set(changed["utterance_id"]) == {"u7"} and set(changed["metric"]) >= {"wer"}
    run(config(tiny_corpus), tmp_path / "fresh")
    assert same_tables(tmp_path / "run", tmp_path / "fresh")


def test_a_new_label_needs_no_model(tiny_corpus: Path, tmp_path: Path, calls: Calls) -> None:
    run(config(tiny_corpus), tmp_path / "run")
    rows = [json.loads(line) | {"age": "old"} for line in tiny_corpus.read_text().splitlines()]
    tiny_corpus.write_text("".join(json.dumps(row) + "\n" for row in rows))
    calls()
    assert set(run(config(tiny_corpus), tmp_path / "run").utterances()["age"]) == {"old"}
    assert calls() == []


def test_a_changed_model_runs_alone_and_switching_back_runs_nothing(
        tiny_corpus: Path, tmp_path: Path, calls: Calls) -> None:
    def pipelines(rate: int | None) -> list[dict[str, Any]]:
        return [{"name": "late", "enhancer": "late", "encoder": "bands",
                 "recognizer": {"name": "level", "rate": rate}}]

    run(config(tiny_corpus, pipelines=pipelines(None)), tmp_path / "run")
    first = tables(tmp_path / "run")
    calls()
    run(config(tiny_corpus, pipelines=pipelines(8_000)), tmp_path / "run")
    assert numbers(calls()) == {"level": 22}
    run(config(tiny_corpus, pipelines=pipelines(8_000)), tmp_path / "fresh")
    assert same_tables(tmp_path / "run", tmp_path / "fresh")
    calls()
    run(config(tiny_corpus, pipelines=pipelines(None)), tmp_path / "run")
    assert calls() == []
    assert tables(tmp_path / "run") == first


def test_pipelines_share_what_is_the_same(tiny_corpus: Path, tmp_path: Path, calls: Calls) -> None:
    pipelines = [{"name": "a", "enhancer": "late", "recognizer": "level"},
                 {"name": "b", "enhancer": "late", "recognizer": {"name": "level", "rate": 8_000}},
                 {"name": "c", "enhancer": "late", "recognizer": "level"}]
    folder = run(config(tiny_corpus, pipelines=pipelines, conditions=["clean"]), tmp_path / "run")
    assert numbers(calls()) == {"late": 11, "level": 22}
    wer = folder.scores().query("metric == 'wer'").set_index("pipeline")["amount"]
    assert wer["a"].tolist() == wer["c"].tolist()
    run(config(tiny_corpus, pipelines=[pipelines[0] | {"name": "other"}], conditions=[
        {"name": "quiet", "plugin": None}]), tmp_path / "run")
    assert calls() == []


def test_one_recording_that_changed_is_heard_again(tiny_corpus: Path, tmp_path: Path,
                                                   calls: Calls) -> None:
    pipelines = [{"name": "plain", "recognizer": "level"}]
    changes: dict[str, Any] = {"pipelines": pipelines, "conditions": ["clean"], "shard_size": 1}
    run(config(tiny_corpus, **changes), tmp_path / "run")
    calls()
    soundfile.write(tiny_corpus.parent / "audio" / "0.wav", tone(0.9), 16_000)
    run(config(tiny_corpus, **changes), tmp_path / "run")
    assert calls() == [("level", (12_800,))]


def test_audio_that_is_not_kept_is_made_again(tiny_corpus: Path, tmp_path: Path,
                                              calls: Calls) -> None:
    run(config(tiny_corpus, keep_audio=False, metrics=["wer"]), tmp_path / "run")
    assert not (tmp_path / "run" / "audio").exists()
    calls()
    run(config(tiny_corpus, keep_audio=False, metrics=["wer", "cer"]), tmp_path / "run")
    assert calls() == []
    run(config(tiny_corpus, keep_audio=False, metrics=["wer", "stoi"]), tmp_path / "run")
    assert numbers(calls()) == {"late": 22}
    run(config(tiny_corpus, keep_audio=False), tmp_path / "fresh")
    assert same_tables(tmp_path / "run", tmp_path / "fresh")


def test_what_is_made_of_kept_audio_is_exact(tiny_corpus: Path, tmp_path: Path) -> None:
    """An enhancer's samples lie between those that 16 bits can say, and beyond full scale."""
    late = {"name": "late", "gain": 30 / 7}
    loud = [{"name": "late", "enhancer": late, "recognizer": "level"}]
    metrics = ["si_sdr", "stoi", "pesq_wb"]
    run(config(tiny_corpus, pipelines=loud, metrics=metrics), tmp_path / "at once")
    run(config(tiny_corpus, pipelines=loud, metrics=["wer"]), tmp_path / "later")
    run(config(tiny_corpus, pipelines=loud, metrics=metrics), tmp_path / "later")
    assert same_tables(tmp_path / "later", tmp_path / "at once")


def test_prune_leaves_what_the_run_uses(tiny_corpus: Path, tmp_path: Path, calls: Calls) -> None:
    run(config(tiny_corpus), tmp_path / "run")
    few: dict[str, Any] = {"conditions": ["clean"], "metrics": ["wer"]}
    run(config(tiny_corpus, **few), tmp_path / "run", prune=True)
    run(config(tiny_corpus, **few), tmp_path / "fresh")
    assert tables(tmp_path / "run") == tables(tmp_path / "fresh")
    files = [{str(path.relative_to(folder)) for path in folder.rglob("outputs/*/*")}
             for folder in (tmp_path / "run", tmp_path / "fresh")]
    assert files[0] == files[1]
    calls()
    run(config(tiny_corpus), tmp_path / "run")
    assert numbers(calls()) == {"bands": 11, "late": 11, "level": 22}


@pytest.mark.parametrize("options", [
    {"metrics": ["cer", "wer"]}, {"metrics": ["si_sdr", "wer"]}, {"normaliser": "none"},
    {"costs": "sclite"}])
def test_score_does_what_a_run_would_do(tiny_corpus: Path, tmp_path: Path, calls: Calls,
                                        options: dict[str, Any]) -> None:
    run(config(tiny_corpus), tmp_path / "run")
    run(config(tiny_corpus, **options), tmp_path / "fresh")
    calls()
    folder = rescore(tmp_path / "run", **options)
    assert calls() == []
    assert same_tables(tmp_path / "run", tmp_path / "fresh")
    assert folder.summary().scores == run(config(tiny_corpus, **options),
                                          tmp_path / "run").summary().scores
    assert calls() == []


def test_score_takes_corrected_transcripts(tiny_corpus: Path, tmp_path: Path) -> None:
    run(config(tiny_corpus), tmp_path / "run")
    corrected = tiny_corpus.with_name("corrected.jsonl")
    corrected.write_text(tiny_corpus.read_text() + '{"id": "new", "text": "on"}\n')
    correct_transcript(corrected, "u7", "off")
    folder = rescore(tmp_path / "run", manifest=corrected)
    texts = folder.utterances().set_index("utterance_id")["text"]
    assert texts["u7"] == "off" and len(texts) == 12
    assert folder.record().left_out == [
        LeftOut("utterance", str(corrected), "not in the run", names=("new",))]
    corrected.write_text('{"id": "u7", "text": "off"}\n')
    with pytest.raises(ManifestError, match=r"no line for 11 utterances of the run, such as 'u0'"):
        rescore(tmp_path / "run", manifest=corrected)


def test_score_refuses_what_only_a_run_can_do(tiny_corpus: Path, tmp_path: Path) -> None:
    run(config(tiny_corpus, keep_audio=False, metrics=["wer"]), tmp_path / "run")
    with pytest.raises(ConfigError, match="stoi: needs the enhanced audio, which this run did not"):
        rescore(tmp_path / "run", metrics=["stoi"])
    with pytest.raises(ConfigError, match="whisper_english"):
        rescore(tmp_path / "run", normaliser="loud")
    assert rescore(tmp_path / "run", metrics=["wer"]).record().config.keep_audio is False
    for path in (tmp_path / "run" / "outputs" / "recognised").iterdir():
        path.write_bytes(b"not Parquet")
    with pytest.raises(RunError, match="`evalkit run` makes it again"):
        rescore(tmp_path / "run", metrics=["cer"])
    run(config(tiny_corpus, keep_audio=False, metrics=["wer"]), tmp_path / "run")
    assert rescore(tmp_path / "run", metrics=["cer"]).summary().scores
    (tmp_path / "run" / "outputs" / "index.parquet").unlink()
    with pytest.raises(RunError, match="run it again with `evalkit run`"):
        rescore(tmp_path / "run", metrics=["cer"])


def test_score_measures_no_other_recordings(tiny_corpus: Path, tmp_path: Path) -> None:
    run(config(tiny_corpus, metrics=["wer"]), tmp_path / "run")
    soundfile.write(tiny_corpus.parent / "audio" / "0.wav", tone(0.9), 16_000)
    with pytest.raises(RunError, match="not those of the run"):
        rescore(tmp_path / "run", metrics=["si_sdr"])
    assert rescore(tmp_path / "run", metrics=["cer"]).summary().scores


def test_score_of_a_run_loads_no_torch(tiny_corpus: Path, tmp_path: Path) -> None:
    run(config(tiny_corpus), tmp_path / "run")
    check = ("import sys; from pathlib import Path; from evalkit.run.rescore import rescore; "
             "rescore(Path(sys.argv[1]), metrics=['wer', 'cer'], normaliser='none'); "
             "print({'torch', 'librosa', 'matplotlib', 'pesq', 'evalkit_outside'} "
             "& set(sys.modules))")
    result = subprocess.run([sys.executable, "-c", check, tmp_path / "run"],
                            capture_output=True, text=True, check=True)
    assert result.stdout.strip() == "set()"


def test_the_command_line_scores_a_run(tiny_corpus: Path, tmp_path: Path) -> None:
    run(config(tiny_corpus), tmp_path / "run")
    done = evalkit("score", tmp_path / "run", "--metric", "cer", "-j", "0")
    assert done.returncode == 0 and "cer %" in done.stdout
    wrong = evalkit("score", tmp_path / "run", "--hypotheses", "a.tsv")
    assert wrong.returncode == 2 and "leave --hypotheses" in wrong.stderr
    assert evalkit("score", "--metric", "cer").returncode == 2


@pytest.mark.parametrize(("batch", "sizes"), [(1, [1] * 12), (4, [4, 4, 4]), (5, [5, 5, 2])])
def test_batches_are_formed_by_length(tiny_corpus: Path, tmp_path: Path, calls: Calls, batch: int,
                                      sizes: list[int]) -> None:
    lines = tiny_corpus.read_text().splitlines(keepends=True)
    tiny_corpus.write_text("".join(lines[::2] + lines[1::2]))
    changes: dict[str, Any] = {"shard_size": 12, "conditions": ["clean"], "metrics": ["wer"]}
    pipelines = [{"name": "late", "enhancer": {"name": "late", "batch": 4},
                  "recognizer": {"name": "level", "batch": batch}, "encoder": "bands"}]
    folder = run(config(tiny_corpus, pipelines=pipelines, **changes), tmp_path / "run")
    heard = [lengths for name, lengths in calls() if name == "level"][-len(sizes):]
    assert [len(lengths) for lengths in heard] == sizes
    assert batch == 1 or [n for lengths in heard for n in lengths] == sorted(
        n for lengths in heard for n in lengths)
    alone = [{"name": "late", "enhancer": "late", "recognizer": "level", "encoder": "bands"}]
    other = run(config(tiny_corpus, pipelines=alone, **changes), tmp_path / "alone")
    pd.testing.assert_frame_equal(folder.scores(), other.scores())
    assert folder.record().pipelines["late"].recognizer.batch == batch


def test_a_failure_in_a_batch_costs_one_utterance(tiny_corpus: Path, tmp_path: Path) -> None:
    odd = round((0.8 + 0.05 * 3) * 16_000)
    pipelines = [{"name": "plain", "recognizer": {"name": "level", "raise_at": odd, "batch": 4}}]
    outputs = run(config(tiny_corpus, pipelines=pipelines, conditions=["clean"]),
                  tmp_path / "run").outputs().set_index("utterance_id")
    errors = outputs["error"].dropna()
    assert list(errors.index) == ["u3"]
    assert errors["u3"].startswith("RuntimeError: odd length (systems.py, line ")
    assert outputs["hypothesis"].drop("u3").notna().all()
    assert (outputs["processing_seconds"].drop("u3") > 0).all()


def test_options_of_texts_are_given_to_those_who_declare_them(tiny_corpus: Path, tmp_path: Path,
                                                              ) -> None:
    metrics = ["words_missed", {"name": "loudness", "normaliser": 2}]
    folder = run(config(tiny_corpus, metrics=metrics, normaliser="whisper_english",
                        conditions=["clean"]), tmp_path / "run")
    values = {row.metric: row.value for row in folder.summary().scores if row.pipeline == "plain"}
    assert values["words_missed"] == 0 and values["loudness"] > 0
    told = complete(Plugin(name="words_missed"), WordOptions("whisper_english", "sclite"))
    assert told.options == {"normaliser": "whisper_english"}
    assert complete(Plugin(name="loudness"), WordOptions("basic", "sclite")).options == {}


def test_a_condition_is_shown_no_text(tiny_corpus: Path, tmp_path: Path) -> None:
    conditions = [{"name": "quiet", "plugin": "quieter"}, "clean"]
    levels = run(config(tiny_corpus, conditions=conditions), tmp_path / "run").outputs().query(
        "pipeline == 'plain'").groupby("condition")["level_dbfs"].mean()
    assert levels["clean"] - levels["quiet"] == pytest.approx(20, abs=0.01)


@pytest.mark.parametrize(("recognizer", "words"), [
    ("forgetful", "'forgetful' has no 'batch', which every Recognizer needs"),
    ({"name": "level", "batch": 0}, "batch must be a whole number from 1, not 0")])
def test_plug_ins_that_lack_something_are_refused(
        tiny_corpus: Path, tmp_path: Path, recognizer: Any, words: str) -> None:
    with pytest.raises(PluginError, match=words):
        run(config(tiny_corpus, pipelines=[{"name": "x", "recognizer": recognizer}]),
            tmp_path / "run")


@pytest.mark.parametrize("content", [None, b"", b"PAR1 and no more"])
@pytest.mark.parametrize("table", ["scores/*.parquet", "shards/*.outputs.parquet",
                                   "shards/*.embeddings.parquet"])
def test_a_damaged_table_of_a_shard_is_made_again(tiny_corpus: Path, tmp_path: Path, table: str,
                                                  content: bytes | None) -> None:
    whole = tables(run(config(tiny_corpus), tmp_path / "run").path)
    damaged = sorted((tmp_path / "run").glob(table))[0]
    damaged.unlink() if content is None else damaged.write_bytes(content)
    assert tables(run(config(tiny_corpus), tmp_path / "run").path) == whole


def test_texts_are_scored_again_without_the_audio(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = run(config(tiny_corpus), tmp_path / "run").path
    shutil.rmtree(folder / "audio")
    rescored = rescore(folder, metrics=["wer"], normaliser="none").scores()
    assert rescored["error"].isna().all() and set(rescored["metric"]) >= {"wer"}
    with pytest.raises(RunError, match="evalkit run"):
        rescore(folder, metrics=["si_sdr"])


def test_kept_samples_that_are_damaged_are_one_line(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = run(config(tiny_corpus), tmp_path / "run").path
    for path in folder.glob("audio/*/*.npy"):
        path.write_bytes(b"")
    with pytest.raises(RunError, match="npy: cannot be read"):
        rescore(folder, metrics=["si_sdr"])
