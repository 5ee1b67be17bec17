"""End-pointers on speech whose every pause is known."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evalkit.core.config import EvalConfig
from evalkit.core.errors import ConfigError
from evalkit.core.plugins import available, create
from evalkit.core.types import Audio, Endpoint, Event, Hypothesis
from evalkit.run.endpointed import Endpointed, with_endpoints
from evalkit.run.overlap import Work
from evalkit.run.runner import run
from evalkit.store.events import EVENTS_TABLE
from evalkit.store.runfolder import RunFolder
from tests.run.runs import config, tables
from tests.streaming.logs import RATE, lines

pytestmark = pytest.mark.usefixtures("outside")

WORD, TRAILING, FRAME = 0.2, 1.0, 0.01
PAUSES = ([0.15, 0.3], [0.05], [0.45, 0.1, 0.2], [], [0.25, 0.62], [0.7])
METRICS = ["endpoint_delay", "perceived_latency"]


def paused(folder: Path, pauses: Sequence[Sequence[float]] = PAUSES, *, trailing: float = TRAILING
           ) -> Path:
    """A manifest of "words", stretches of sound, with pauses of so many seconds between them."""
    rows = []
    for number, gaps in enumerate(pauses):
        at, words, parts = 0.2, [], [np.zeros(round(0.2 * RATE))]
        for i, gap in enumerate([*gaps, trailing]):
            words.append([f"w{i}", at, at + WORD])
            parts += [np.full(round(WORD * RATE), 0.5), np.zeros(round(gap * RATE))]
            at += WORD + gap
        soundfile.write(folder / f"{number}.wav", np.concatenate(parts), RATE, subtype="FLOAT")
        rows.append({"id": f"u{number}", "audio": f"{number}.wav", "speaker": f"s{number % 3}",
                     "text": " ".join(word for word, *_ in words), "words": words})
    return lines(folder / "m.jsonl", rows)


def pointed(manifest: Path, hangovers: Sequence[float], **options: Any) -> EvalConfig:
    """A pipeline for each hang-over."""
    more = {name: options.pop(name) for name in ("recognizer", "stream", "show")
            if name in options}
    return config(manifest, conditions=["clean"], metrics=METRICS, shard_size=2, pipelines=[
        {"name": f"h{h}", "endpointer": {"name": "energy", "hangover": h, **options}, **more}
        for h in hangovers])


def scores(folder: RunFolder, pipeline: str, metric: str) -> dict[str, float]:
    """By utterance, of those that have one."""
    rows = folder.scores().query("pipeline == @pipeline and metric == @metric")
    assert rows["error"].isna().all(), rows["error"].tolist()
    return dict(zip(rows["utterance_id"], rows["amount"], strict=True))


def test_it_cuts_early_where_a_pause_exceeds_its_hangover_and_is_as_late_as_that(tmp_path: Path
                                                                               ) -> None:
    hangovers = (0.12, 0.27, 0.5, 0.66, 1.4)
    folder = run(pointed(paused(tmp_path), hangovers), tmp_path / "run")
    for h in hangovers:
        cut, late = (scores(folder, f"h{h}", name) for name in ("early_cut", "endpoint_delay"))
        assert cut == {f"u{i}": float(max(gaps, default=0) > h) for i, gaps in enumerate(PAUSES)}
        assert late.keys() == {name for name, early in cut.items() if not early}
        none = h > TRAILING
        assert set(scores(folder, f"h{h}", "no_endpoint").values()) == {float(none)}
        for delay in late.values():  # where there was none, at least what was silent at the end
            assert delay == pytest.approx(1000 * min(h, TRAILING), abs=1000 * FRAME + 0.1)
        resets = scores(folder, f"h{h}", "resets")
        assert resets == {f"u{i}": sum(gap > h for gap in gaps) for i, gaps in enumerate(PAUSES)}


def test_what_is_found_depends_on_neither_workers_nor_pieces(tmp_path: Path) -> None:
    manifest = paused(tmp_path)
    found = []
    for stream, show, workers in ((0.12, 0.12, 0), (0.12, 0.12, 2), (0.01, 0.12, 0)):
        tree = pointed(manifest, (0.27,), speculative=0.2, recognizer="repeating",
                       stream=stream, show=show)
        folder = run(tree, tmp_path / f"{stream}-{workers}", Work(workers))
        made = tables(folder.path)
        found.append((made[EVENTS_TABLE], folder.scores().to_json(),
                      made if stream == 0.12 else None))
    assert found[0] == found[1] and found[0][:2] == found[2][:2]


def test_a_guess_ahead_gains_its_time_where_the_words_are_the_same(tmp_path: Path) -> None:
    """Words that come 100 ms late are known when 300 ms of silence are over, those of 350 ms only
    when 500 ms are."""
    manifest = paused(tmp_path, ([], [0.1]))
    for late, agree in ((0.1, 1.0), (0.35, 0.0)):
        tree = pointed(manifest, (0.5,), speculative=0.2, stream=0.01,
                       recognizer={"name": "repeating", "late": late})
        folder = run(tree, tmp_path / f"{late}")
        values = {row.metric: row.value for row in folder.summary().scores}
        assert values["speculative_agreement"] == agree
        assert values["speculative_gain"] == pytest.approx(200 * agree, abs=0.1)
        assert values["perceived_latency"] == pytest.approx(300 if agree else 700, abs=10.1)
        assert values["early_cut"] == values["resets"] == 0
        events = folder.streamed(EVENTS_TABLE).query("utterance_id == 'u1'")
        assert events["kind"].tolist()[-3:] == ["speculative", "final", "final"] or not agree
        assert events["text"].iloc[-1] == "w0 w1" == folder.outputs()["hypothesis"].iloc[1]
        # the whole of what is in a run can be scored anew, and nothing is made again
        before = folder.scores()
        import evalkit
        assert evalkit.rescore(folder.path, metrics=METRICS).scores().equals(before)
        made = run(tree, tmp_path / f"{late}").record()
        assert made.timings.shards_reused == 1


def test_another_authors_end_pointer_is_one(tmp_path: Path) -> None:
    tree = config(paused(tmp_path), conditions=["clean"], metrics=METRICS, pipelines=[
        {"name": "waiting", "endpointer": {"name": "waiting", "samples": 4_000}, "stream": 0.03}])
    folder = run(tree, tmp_path / "run")
    cut = {f"u{i}": float(max(gaps, default=0) >= 0.25) for i, gaps in enumerate(PAUSES)}
    assert scores(folder, "waiting", "early_cut") == cut
    assert folder.record().pipelines["waiting"].endpointer.stream_ms == 30
    assert "perceived_latency" not in set(folder.scores()["metric"])


def test_end_points_stand_among_what_was_shown() -> None:
    heard = Hypothesis("a b", events=(Event(0.5, "a"), Event(0.9, "a b"),
                                      Event(2.0, "a b", "final")))
    found = (Endpoint(0.3, "speculative"), Endpoint(0.9), Endpoint(2.0, "speculative"))
    events = with_endpoints(heard, found).events
    assert [(e.audio, e.text, e.kind) for e in events] == [
        (0.3, "", "speculative"), (0.5, "a", "partial"), (0.9, "a b", "partial"),
        (0.9, "a b", "final"), (2.0, "a b", "speculative"), (2.0, "a b", "final")]
    assert [(e.audio, e.text, e.kind) for e in with_endpoints(None, found).events] == [
        (e.audio, "", e.kind) for e in found]


class Foretelling:
    """Says what the test tells it, whatever it hears."""

    rate, identity = None, "foretelling"

    def __init__(self, says: Any) -> None:
        self.says = says

    def open(self, rate: int) -> Foretelling:
        return self

    def push(self, samples: np.ndarray) -> Any:
        return self.says


@pytest.mark.parametrize(("says", "error"), [
    (None, "WrongType: what the end-pointer's stream says is None"),
    ([0.05], "WrongType: the end-pointer's stream says a float; it must be an Endpoint"),
    ([Endpoint(0.3)], "BadTime: an end-point is at 0.3 s, when 0 to 0.1 s were just heard"),
    ([Endpoint(0.07), Endpoint(0.05)], "BadTime: an end-point is at 0.05 s, when 0.07 to 0.1 s"),
    ([Endpoint(0.05, "partial")], "BadKind: an end-point is of the kind 'partial'"),  # type: ignore[arg-type]
    ([Endpoint(float("nan"))], "NotFinite: audio of an end-point")])
def test_an_end_pointer_cannot_look_ahead(says: Any, error: str) -> None:
    from evalkit.core.errors import UtteranceError

    with pytest.raises(UtteranceError) as caught:
        Endpointed(Foretelling(says), 0.1).find([Audio(np.zeros(RATE, np.float32), RATE)])
    assert str(caught.value).startswith(error)


@pytest.mark.parametrize(("options", "line"), [
    ({"hangover": 0}, "hangover must be above 0 and at most 60 s, not 0"),
    ({"speculative": 0.5}, "speculative is how many seconds the guess comes before"),
    ({"threshold": -1}, "threshold must be above 0 decibels"), ({"hang": 1}, "no option 'hang'")])
def test_a_wrong_option_is_one_line(options: dict[str, Any], line: str) -> None:
    with pytest.raises(ConfigError, match=line):
        create("endpointers", "energy", options)


def test_nothing_to_measure_says_what_is_missing(tmp_path: Path) -> None:
    tree = config(paused(tmp_path), metrics=["endpoint_delay"], conditions=["clean"],
                  pipelines=[{"name": "p", "recognizer": "level"}])
    with pytest.raises(ConfigError, match=r"endpoint_delay needs an end-pointer \(endpointer:"):
        run(tree, tmp_path / "run")


@pytest.mark.parametrize("name", sorted({*available("endpointers")} - {"transducer"}))
def test_every_end_pointer_hears_speech_end(name: str, tiny_corpus: Path) -> None:
    """Speech between two seconds of faint noise: it ends once, hang-over and a few frames late,
    however the signal is cut, and however often it is heard."""
    from evalkit.recordings.reading import load

    rows = [json.loads(line) for line in tiny_corpus.read_text().splitlines()]
    speech = load(tiny_corpus.parent / rows[0]["audio"])
    hiss = 1e-4 * np.random.default_rng(1).standard_normal((2, speech.rate))
    spoken = Audio(np.concatenate([hiss[0], speech.samples, hiss[1]]).astype(np.float32),
                   speech.rate)
    end = 1 + np.flatnonzero(np.abs(speech.samples) > 0.02)[-1] / speech.rate
    system = create("endpointers", name, {"hangover": 0.6, "speculative": 0.2})
    one, other, again = (Endpointed(system, seconds).find([spoken])[0]
                         for seconds in (0.1, 0.37, 0.1))
    assert one == other == again
    assert [each.kind for each in one[-2:]] == ["speculative", "final"]
    assert one[-1].audio - one[-2].audio == pytest.approx(0.2, abs=0.035)
    assert 0.55 < one[-1].audio - end < 0.95


def test_the_page_names_the_end_pointer(tmp_path: Path) -> None:
    import evalkit

    folder = run(pointed(paused(tmp_path), (0.27,)), tmp_path / "run")
    page = evalkit.report(folder.path, tmp_path / "page").read_text()
    assert "End-pointer" in page and "energy, given 100 ms at a time" in page
    assert "Early cuts" in page
