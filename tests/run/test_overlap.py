"""Scoring goes on while systems work: the same tables, and both at once."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import Future
from pathlib import Path
from typing import Any
from unittest import mock

import pytest

from evalkit.core.config import EvalConfig
from evalkit.core.errors import ConfigError
from evalkit.core.processes import DeadWorkerError
from evalkit.core.protocols import Metric
from evalkit.core.worker import Note, ParentLink
from evalkit.run import overlap, shard
from evalkit.run.executors import process_all
from evalkit.run.measure import measure
from evalkit.run.overlap import Work, graphics_processors, own_graphics
from evalkit.run.plan import make_plan
from evalkit.run.runner import run
from evalkit.run.stages import UtteranceWork
from evalkit.run.utterances import read_corpus
from evalkit.store.outputs import Row
from evalkit.store.runfolder import RunFolder
from tests.run.runs import config, tables
from tests.run.test_ended import DIED, Frail, chosen, frail

pytestmark = pytest.mark.usefixtures("outside")
BOTH = Work(1, scorers=1)


class Here:
    """A pool whose only worker is in this process, and works when no other does."""

    turn = threading.Lock()

    def __init__(self, worker: Frail) -> None:
        self.worker = worker

    def __enter__(self) -> Here:
        return self

    def __exit__(self, *_error: object) -> None:
        pass

    def lend(self, mind: Callable[..., Any], *arguments: Any) -> Future[Any]:
        future: Future[Any] = Future()
        with self.turn:
            try:
                future.set_result(mind(self.worker, *arguments))
            except BaseException as error:
                future.set_exception(error)
        return future


def both(settings: EvalConfig, out: Path, guilty: str = "") -> RunFolder:
    """A run whose makers and scorers are in this process. The recognizer is the death of an
    utterance that is ``guilty``."""
    with mock.patch.object(overlap, "WorkerPool", lambda *_: Here(Frail("recognizer", guilty))):
        return run(settings, out, BOTH)


def done_before(settings: EvalConfig, out: Path) -> bool:
    said: list[str] = []
    run(settings, out, say=said.append)
    return "0 shards to do" in said[0]


@pytest.mark.parametrize("keep_audio", [True, False])
def test_the_tables_are_those_of_a_run_that_does_one_after_the_other(
        tiny_corpus: Path, tmp_path: Path, keep_audio: bool) -> None:
    settings = config(tiny_corpus, keep_audio=keep_audio, metrics=["wer", "si_sdr"], conditions=[
        {"name": "hum", "noise": "stationary", "snr_db": 10}], shard_size=12)
    one = run(settings, tmp_path / "one", Work(0))
    assert tables(both(settings, tmp_path / "both").path) == tables(one.path)
    assert done_before(settings, tmp_path / "both")


def test_a_recognizer_that_kills_costs_its_utterance(tiny_corpus: Path, tmp_path: Path) -> None:
    settings = chosen(tiny_corpus)
    one = frail("recognizer", tiny_corpus, tmp_path / "one")
    assert tables(both(settings, tmp_path / "both", "u6").path) == tables(one.path)
    assert list(one.scores().query("utterance_id == 'u6'")["error"].unique()) == [DIED]
    assert done_before(settings, tmp_path / "both")


def test_a_metric_that_kills_costs_its_utterance(tiny_corpus: Path, tmp_path: Path) -> None:
    def deadly(metric: Metric, work: UtteranceWork) -> list[Row]:
        if work.utterance.id == "u6":
            place = ParentLink.here.order.index("u6")  # type: ignore[attr-defined]
            raise DeadWorkerError("SIGSEGV", Note(place, 1, 0.0))
        return measure(metric, work)

    settings = chosen(tiny_corpus)
    with mock.patch.object(shard, "measure", deadly):
        one = frail("recognizer", tiny_corpus, tmp_path / "one", guilty="")
        two = both(settings, tmp_path / "both")
    assert tables(two.path) == tables(one.path)
    assert list(two.scores().query("utterance_id == 'u6'")["error"].unique()) == [DIED]
    assert done_before(settings, tmp_path / "both")


@pytest.mark.parametrize(("work", "at_once"), [(BOTH, 1.0), (Work(0), 0.0)])
def test_systems_go_on_while_scores_are_made(tiny_corpus: Path, tmp_path: Path, work: Work,
                                             at_once: float) -> None:
    marks = {"marks": str(tmp_path / "marks")}
    settings = config(tiny_corpus, conditions=["clean"], shard_size=1, pipelines=[
        {"name": "asr", "recognizer": {"name": "marking", "late": 13_600, **marks}}], metrics=[
            {"name": "meanwhile", "of": "u0", "patience": 60.0 if at_once else 0.1, **marks}])
    # All but u0 are as long as that.
    scores = run(settings, tmp_path / "run", work).scores().set_index("utterance_id")["amount"]
    assert scores["u0"] == at_once and len(scores) == 12


def test_systems_wait_where_scoring_does_not_follow(tiny_corpus: Path, tmp_path: Path) -> None:
    settings = config(tiny_corpus, conditions=["clean"], shard_size=1, metrics=["wer"], pipelines=[
        {"name": "p", "recognizer": "level"}])
    plan = make_plan(settings, read_corpus(settings).utterances)
    begun: list[str] = []

    def note(shards: list[overlap.Shard]) -> Iterator[overlap.Shard]:
        for each in shards:
            begun.append(each.key)
            yield each

    for folder in ("scores", "shards"):
        (tmp_path / "run" / folder).mkdir(parents=True)
    results = process_all(note([*plan.shards]), tmp_path / "run", BOTH)
    next(results)
    time.sleep(0.2)
    assert len(begun) <= overlap.window(BOTH) < 12, "what is made and not taken is bounded"
    results.close()


def test_a_worker_for_each_graphics_processor(tiny_corpus: Path) -> None:
    def usual(device: str | None, shown: str) -> tuple[int, int]:
        known = config(tiny_corpus, pipelines=[{"name": "p", "recognizer": {
            "name": "speechbrain", "path": "x", **({"device": device} if device else {})}}])
        with (mock.patch.dict("os.environ", {"CUDA_VISIBLE_DEVICES": shown}),
              mock.patch.object(overlap, "cores", lambda: 8)):
            work = Work.usual(known, None, None)
            assert Work.usual(known, 3, 2) == Work(3, scorers=2)
            for alone in ({"workers": 0}, {"workers": 2, "scheduler": "tcp://there:1"}):
                with pytest.raises(ConfigError, match="--scorers: they score what processes of"):
                    Work.usual(known, **alone, scorers=2)
        return work.workers, work.scorers

    assert usual("cuda", "0") == usual("cuda:0", "0") == usual("auto", "3") == (1, 7)
    assert usual("auto", "0,1") == (2, 6)
    assert usual("auto", "") == usual(None, "0") == usual("cpu", "0") == (8, 0)
    with mock.patch.dict("os.environ", {"CUDA_VISIBLE_DEVICES": "4, GPU-ab"}):
        assert graphics_processors() == ["4", "GPU-ab"]
        assert [each["CUDA_VISIBLE_DEVICES"] for each in own_graphics(3)] == ["4", "GPU-ab", "4"]
    with mock.patch.dict("os.environ", {"CUDA_VISIBLE_DEVICES": "-1"}):
        assert own_graphics(2) == [{}, {}]
