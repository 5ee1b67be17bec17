"""Recognizers that a run gives their input piece by piece, and what they show meanwhile."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from evalkit.core.config import EvalConfig
from evalkit.core.errors import ConfigError
from evalkit.core.plugins import available
from evalkit.core.protocols import StreamingRecognizer
from evalkit.core.types import Audio, Hypothesis, Shown
from evalkit.run.overlap import Work
from evalkit.run.runner import run
from evalkit.run.streamed_recognizer import StreamedRecognizer
from evalkit.store.events import CLOCKS, EMISSIONS_TABLE, EVENTS_TABLE
from evalkit.store.runfolder import RunFolder
from tests.run.runs import config, tables
from tests.streaming.logs import spoken

pytestmark = pytest.mark.usefixtures("outside")

LENGTHS = (5, 3, 6, 1)
METRICS = ["wer", "emission_latency", "revoked_words"]


def streamed(manifest: Path, *, stream: float | None = 0.01, show: float | None = None,
             metrics: list[str] = METRICS, **options: Any) -> EvalConfig:
    pace = {name: value for name, value in (("stream", stream), ("show", show)) if value}
    return config(manifest, conditions=["clean"], metrics=metrics, shard_size=2, pipelines=[
        {"name": "live", "recognizer": {"name": "repeating", **options}, **pace}])


def values(folder: RunFolder) -> dict[str, float]:
    return {row.metric: row.value for row in folder.summary().scores}


def test_whoever_streams_is_a_recognizer() -> None:
    assert available("streaming_recognizers").keys() <= available("recognizers").keys()
    assert available("event_logs").keys() <= available("recognizers").keys()


@pytest.mark.parametrize("late", [0.0, 0.42])
def test_words_that_come_late_are_that_late(late: float, tmp_path: Path) -> None:
    folder = run(streamed(spoken(tmp_path, LENGTHS), late=late), tmp_path / "run")
    assert values(folder)["emission_latency"] == pytest.approx(1000 * late, abs=10)
    assert values(folder)["wer"] == values(folder)["revoked_words"] == 0
    came = folder.streamed(EMISSIONS_TABLE)
    assert len(came) == sum(LENGTHS)
    assert (1000 * (came["shown"] - came["end"] - late)).between(-0.1, 10.1).all()
    assert values(folder)["late_words_300ms"] == (late > 0.3)
    assert values(folder)["first_word_latency"] == pytest.approx(1000 * late, abs=10)
    assert values(folder)["finalisation_latency"] == pytest.approx(1130)  # the silence at the end


@pytest.mark.parametrize("every", [1, 3])
def test_words_that_are_rewritten_are_counted_exactly(every: int, tmp_path: Path) -> None:
    folder = run(streamed(spoken(tmp_path, LENGTHS), rewrite=every), tmp_path / "run")
    revoked = sum(n // every for n in LENGTHS)
    assert values(folder)["revoked_words"] == pytest.approx(revoked / sum(LENGTHS))
    assert values(folder)["wer"] == 0


def test_neither_workers_nor_the_size_of_pieces_change_what_was_seen(tmp_path: Path) -> None:
    manifest = spoken(tmp_path, LENGTHS)
    found, digests = [], []
    for stream, workers in ((0.12, 1), (0.12, 2), (0.04, 0), (0.01, 0)):
        folder = run(streamed(manifest, stream=stream, show=0.12, late=0.03, rewrite=2),
                     tmp_path / f"{stream}-{workers}", Work(workers))
        events = folder.streamed(EVENTS_TABLE).drop(columns=list(CLOCKS))
        scores = folder.scores().to_json()
        found.append((events.to_json(), scores, (folder.path / EMISSIONS_TABLE).read_bytes()))
        if stream == 0.12:
            digests.append(tables(folder.path))
    assert all(each == found[0] for each in found[1:])
    assert digests[0] == digests[1]


def test_a_streamed_run_can_be_scored_anew_and_goes_on(tmp_path: Path) -> None:
    import evalkit

    manifest = spoken(tmp_path, LENGTHS)
    folder = run(streamed(manifest, metrics=["wer"]), tmp_path / "run")
    again = evalkit.rescore(folder.path, metrics=METRICS)
    whole = run(streamed(manifest), tmp_path / "whole")
    assert values(again) == values(whole)
    for path in folder.path.glob("outputs/recognised/*"):
        path.unlink()
    made = run(streamed(manifest), tmp_path / "run")
    assert values(made) == values(whole)
    assert made.record().timings.shards_reused == 0


def test_streamed_and_whole_are_two_pipelines(tmp_path: Path) -> None:
    manifest = spoken(tmp_path, (3, 2))
    tree = streamed(manifest, metrics=METRICS)
    two = tree.model_copy(update={"pipelines": [
        *tree.pipelines, streamed(manifest, stream=None).pipelines[0].model_copy(
            update={"name": "whole"})]})
    folder = run(two, tmp_path / "run")
    found = folder.scores().groupby("pipeline")["metric"].agg(set)
    assert "emission_latency" in found["live"] and "wer" in found["whole"]
    assert not {"emission_latency", "revoked_words"} & found["whole"]
    assert set(folder.streamed(EVENTS_TABLE)["pipeline"]) == {"live"}
    record = folder.record().pipelines
    assert [record[name].recognizer.stream_ms for name in ("live", "whole")] == [10, None]
    timed = folder.outputs().set_index("pipeline").loc["live"]
    assert timed["recognizer_machine"].notna().all()


def test_no_latency_is_taken_of_speech_of_another_speed(tmp_path: Path) -> None:
    """Its words were heard at other times than the manifest has; those under noise were not."""
    tree = streamed(spoken(tmp_path, LENGTHS))
    both = config(tmp_path / "m.jsonl", metrics=METRICS, shard_size=2, conditions=[
        {"name": "fast", "speed": 1.25}, {"name": "quieter", "gain": -6}],
        pipelines=[each.model_dump(exclude_none=True) for each in tree.pipelines])
    folder = run(both, tmp_path / "run")
    scores = folder.scores().query("metric == 'emission_latency'").set_index("condition")
    assert scores.loc["fast", "error"].str.startswith("NoWordTimes: ").all()
    assert scores.loc["quieter", "error"].isna().all()
    assert set(folder.streamed(EMISSIONS_TABLE)["condition"]) == {"quieter"}
    assert set(folder.streamed(EVENTS_TABLE)["condition"]) == {"fast", "quieter"}


def test_another_authors_recognizer_may_know_what_was_shown(tmp_path: Path) -> None:
    folder = run(config(spoken(tmp_path, (2, 1)), conditions=["clean"], metrics=["revoked_words"],
                        pipelines=[{"name": "log", "recognizer": "remembered"}]), tmp_path / "run")
    assert values(folder) == {"revoked_words": 1, "revoked_words_per_second": pytest.approx(1.25)}


class Watched:
    """Hears as many pieces as there are, each in a second of a clock that the test has."""

    rate, batch, needs_audio, identity = 100, 1, True, "watched"

    def __init__(self, costs: list[float]) -> None:
        self.costs, self.now, self.heard = costs, 0.0, [0]

    def transcribe(self, batch: Any) -> list[Hypothesis]:
        raise AssertionError

    def open(self, rate: int) -> Watched:
        assert rate == self.rate
        return self

    def push(self, samples: np.ndarray) -> list[Shown]:
        assert not samples.flags.writeable
        self.heard.append(len(samples))
        self.now += self.costs[len(self.heard) - 2]
        return [Shown(str(len(self.heard) - 1))]

    def finish(self) -> Hypothesis:
        return Hypothesis("end")


def test_the_computational_clock_is_a_queue(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pieces of 1 s come at 1, 2 and 3.5 s; what takes longer than its piece keeps the next
    waiting, and the audio that was given does not know of it."""
    from evalkit.core import clock
    from evalkit.run import streamed_recognizer

    system = Watched([1.5, 0.2, 0.1, 0.3])
    monkeypatch.setattr(streamed_recognizer, "clock", lambda: clock.Spent(system.now, 0))
    monkeypatch.setattr(streamed_recognizer, "since",
                        lambda start: clock.Spent(system.now - start.elapsed, 0))
    speech = Audio(np.zeros(350, np.float32), 100)
    (heard,) = StreamedRecognizer(system, 1.0, None).transcribe([speech])
    assert system.heard[1:] == [100, 100, 100, 50]
    assert [(e.audio, e.text, e.kind) for e in heard.events] == [
        (1.0, "1", "partial"), (2.0, "2", "partial"), (3.0, "3", "partial"), (3.5, "end", "final")]
    assert [e.clock for e in heard.events] == pytest.approx([2.5, 2.7, 3.1, 3.8])


@pytest.mark.parametrize(("shows", "error"), [
    ("text", "WrongType: the recognizer's stream shows a str; it must be a Shown"),
    ("nothing", "WrongType: what the recognizer's stream shows is None; it must be a list"),
    ("kind", "BadKind: what the recognizer's stream shows is of the kind 'late'"),
    ("surrogate", "BadText: what is shown holds U+D800"), ("long", "TooLong: what is shown has"),
    ("words", "WrongType: its words must be a tuple of Word")])
def test_what_a_stream_shows_is_looked_at(shows: str, error: str, tmp_path: Path) -> None:
    tree = config(spoken(tmp_path, (2, 1)), conditions=["clean"], metrics=METRICS, pipelines=[
        {"name": "live", "recognizer": {"name": "unruly", "shows": shows}, "stream": 0.1}])
    folder = run(tree, tmp_path / "run")
    assert folder.scores()["error"].str.startswith(error).all()


@pytest.mark.parametrize(("changes", "line"), [
    ({"recognizer": "level", "stream": 0.1}, "stream: 0.1: the recognizer 'level' does not stream; "
     "these do: "),
    ({"recognizer": "repeating", "stream": 0.1, "show": 0.15}, "the pipeline 'p' cannot show every "
     "0.15 s what it hears 0.1 s at a time; make 'show' a whole multiple of 'stream'"),
    ({"recognizer": "repeating", "stream": 1.0, "show": 1e9}, "must be at most 60"),
    ({"recognizer": "repeating", "show": 0.15}, "the pipeline 'p' streams no recognizer"),
    ({"recognizer": "repeating"}, "nothing could be measured; no metric of the run is one of its "
     "pipelines: emission_latency needs a recognizer that is streamed (stream: SECONDS), or")])
def test_what_cannot_be_streamed_is_one_line(changes: dict[str, Any], line: str, tmp_path: Path
                                             ) -> None:
    with pytest.raises(ConfigError) as refused:
        run(config(spoken(tmp_path, (1,)), conditions=["clean"], metrics=["emission_latency"],
                   pipelines=[{"name": "p", **changes}]), tmp_path / "run")
    assert line in str(refused.value)


def test_pocketsphinx_shows_what_it_hears(tiny_corpus: Path, tmp_path: Path) -> None:
    """However its input is cut; and its result is that of a stream of its own."""
    pytest.importorskip("pocketsphinx")
    from evalkit.core.plugins import create
    from evalkit.recordings.reading import load

    rows = [json.loads(line) for line in tiny_corpus.read_text().splitlines()]
    speech = [load(tiny_corpus.parent / row["audio"]) for row in rows[:2]]
    system: StreamingRecognizer = create("streaming_recognizers", "pocketsphinx", {})
    one, other = (StreamedRecognizer(system, seconds, 0.4).transcribe(speech)
                  for seconds in (0.1, 0.4))
    system.open(16_000).push(speech[0].samples[:8_000])  # and dropped
    third = StreamedRecognizer(system, 0.2, 0.4).transcribe(speech[1:])
    without = [[(e.audio, e.text, e.kind) for e in heard.events]
               for heard in (*one, *other, *third)]
    assert without[:2] == without[2:4] and without[1] == without[4]
    assert all(events[-1][2] == "final" for events in without)
    assert all(e.clock >= e.audio for heard in one for e in heard.events)


def test_pocketsphinx_hears_the_same_steps_however_they_come(monkeypatch: pytest.MonkeyPatch
                                                             ) -> None:
    """Its estimate of the channel moves between them, on real speech after some 3 s, and what it
    showed then was another of pieces of another length."""
    from evalkit.systems import pocketsphinx

    class Decoder:
        def __init__(self) -> None:
            self.heard: list[bytes] = []

        def process_raw(self, pcm: bytes, full_utt: bool) -> None:
            self.heard.append(pcm)

        def hyp(self) -> None: ...

        def end_utt(self) -> None: ...

    monkeypatch.setattr(pocketsphinx, "_begun", lambda _: Decoder())
    samples = np.linspace(-1, 1, 16_100, dtype=np.float32)
    steps = []
    for size in (1600, 400, 37, 16_100):
        stream = pocketsphinx._Listening(pocketsphinx._begun(1))
        for first in range(0, len(samples), size):
            stream.push(samples[first:first + size])
        stream.finish()
        steps.append(stream.decoder.heard)
    assert all(each == steps[0] for each in steps)
    assert {len(each) for each in steps[0][:-1]} == {320}
    assert b"".join(steps[0]) == pocketsphinx._pcm(samples)
