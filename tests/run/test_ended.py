"""What was made where some utterance ended its process: scored anew, and not made twice."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any
from unittest import mock

import pandas as pd
import pytest

from evalkit.core.config import EvalConfig
from evalkit.core.errors import RunError
from evalkit.core.processes import DeadWorkerError, Worker
from evalkit.core.worker import Note, ParentLink
from evalkit.run import runner
from evalkit.run.halving import process_minded
from evalkit.run.rescore import rescore
from evalkit.run.watch import Begun
from evalkit.store.runfolder import RunFolder
from tests.run.runs import config, tables
from tests.run.test_workers import length

pytestmark = pytest.mark.usefixtures("outside")
DIED = "Crashed: the process that worked on this utterance died (SIGSEGV)"
HELD = "TimedOut: not done after 300 s"
IN_HAND = {"recognizer": 3, "metric": 5}
"""How often an utterance is in hand until the recognizer, or a metric, has it."""


class Frail(ParentLink, Worker):
    """A worker in this process that ends whenever ``guilty`` is in the hands of ``whom``."""

    def __init__(self, whom: str, guilty: str = "u6") -> None:
        self.whom, self.guilty = whom, guilty
        self.order: tuple[str, ...] = ()
        self.times = 0

    def call(self, work: Callable[..., Any], *arguments: Any, limit: Callable[[Note], float],
             heard: Callable[[Any], None]) -> Any:
        self.heard, self.times = heard, 0
        with mock.patch.object(ParentLink, "here", self):
            return work(*arguments)

    def tell(self, message: Any) -> None:
        if isinstance(message, Begun):
            self.order = message.ids
        self.heard(message)

    def note(self, first: int = 0, n: int = 0) -> None:
        self.times += self.guilty in self.order[first:first + n]
        if n and self.times == IN_HAND[self.whom] and self.guilty in self.order[first:first + n]:
            raise DeadWorkerError("SIGSEGV", Note(first, n, 0.0), overdue=self.whom == "metric")


def frail(whom: str, corpus: Path, out: Path, *, guilty: str = "u6", **changes: Any) -> RunFolder:
    """A run of which an utterance that is ``guilty`` is the death."""
    with mock.patch.object(runner, "process_all", lambda shards, run, work: (
            process_minded(Frail(whom, guilty), shard, run) for shard in shards)):
        return runner.run(chosen(corpus, **changes), out)


def chosen(corpus: Path, batch: int = 1, **changes: Any) -> EvalConfig:
    pipelines = [{"name": "late", "enhancer": "late",
                  "recognizer": {"name": "level", "batch": batch}}]
    return config(corpus, **{"pipelines": pipelines, "metrics": ["wer", "si_sdr"],
                             "shard_size": 12} | changes)


def values(folder: RunFolder, metric: str = "wer") -> pd.DataFrame:
    table = folder.scores().query("metric == @metric")
    return table.set_index(["condition", "utterance_id"])[["amount", "weight", "error"]]


def others(table: pd.DataFrame) -> pd.DataFrame:
    return table.drop(index="u6", level="utterance_id")


@pytest.mark.parametrize(("whom", "batch", "error"), [
    ("recognizer", 1, DIED), ("recognizer", 4, DIED), ("metric", 1, HELD)])
def test_all_but_the_ended_is_scored_anew(tiny_corpus: Path, tmp_path: Path, whom: str, batch: int,
                                          error: str) -> None:
    frail(whom, tiny_corpus, tmp_path / "run", batch=batch)
    calm = runner.run(chosen(tiny_corpus, batch, normaliser="none"), tmp_path / "calm")
    folder = rescore(tmp_path / "run", normaliser="none")
    for metric in ("wer", "si_sdr"):
        pd.testing.assert_frame_equal(others(values(folder, metric)), others(values(calm, metric)),
                                      check_categorical=False)
        assert set(values(folder, metric).xs("u6", level=1)["error"]) == {error}
    assert {(f.n, f.of, f.why, tuple(f.names)) for f in folder.summary().failures} == {
        (1, 12, error, ("u6",))}
    again = rescore(tmp_path / "run", metrics=["cer"])
    assert set(values(again, "cer")["error"].dropna()) == {error}


@pytest.mark.parametrize(("whom", "batch", "again"), [
    ("recognizer", 1, {"late": 4}), ("metric", 1, {"late": 2, "level": 2}),
    ("recognizer", 4, None)])
def test_only_the_ended_is_tried_again(tiny_corpus: Path, tmp_path: Path,
                                       monkeypatch: pytest.MonkeyPatch, whom: str, batch: int,
                                       again: dict[str, int] | None) -> None:
    """In either condition, and after a death once more; unless batches were halved, which another
    run would not do."""
    frail(whom, tiny_corpus, tmp_path / "run", batch=batch)
    log = tmp_path / "calls"
    monkeypatch.setenv("EVALKIT_OUTSIDE_CALLS", str(log))
    folder = frail(whom, tiny_corpus, tmp_path / "run", batch=batch, metrics=["wer", "cer"])
    calls = [line.split() for line in log.read_text().splitlines()]
    heard = [(name, sizes) for name, *sizes in calls if sizes != ["16000"]]
    if again is not None:
        assert Counter(name for name, _ in heard) == again
        assert all(sizes == [str(length(6))] for _, sizes in heard)
    else:
        assert len([name for name, _ in heard if name == "late"]) >= 22
    fresh = frail(whom, tiny_corpus, tmp_path / "fresh", batch=batch, metrics=["wer", "cer"])
    assert without_audio(folder) == without_audio(fresh)


def without_audio(folder: RunFolder) -> dict[str, str]:
    return {name: seal for name, seal in tables(folder.path).items()
            if not name.startswith("audio/")}


def test_once_it_succeeds_it_is_a_run_that_nobody_disturbed(tiny_corpus: Path, tmp_path: Path,
                                                            ) -> None:
    frail("recognizer", tiny_corpus, tmp_path / "run")
    changes = {"metrics": ["wer", "cer"]}
    folder = runner.run(chosen(tiny_corpus, **changes), tmp_path / "run")
    calm = runner.run(chosen(tiny_corpus, **changes), tmp_path / "calm")
    assert tables(folder.path) == tables(calm.path)
    assert rescore(tmp_path / "run", metrics=["cer"]).scores()["error"].isna().all()


def test_a_shard_in_which_all_ended(tiny_corpus: Path, tmp_path: Path) -> None:
    frail("recognizer", tiny_corpus, tmp_path / "run", shard_size=1)
    errors = values(rescore(tmp_path / "run", metrics=["wer"], normaliser="none"))["error"]
    assert set(errors.dropna().index.get_level_values(1)) == {"u6"} and errors.isna().sum() == 22


def test_another_pipeline_tries_it_too(tiny_corpus: Path, tmp_path: Path) -> None:
    """They share the enhancer, of which it may have been the fault."""
    frail("recognizer", tiny_corpus, tmp_path / "run")
    shared = {"name": "other", "enhancer": "late", "recognizer": {"name": "level", "rate": 8_000}}
    both = [*chosen(tiny_corpus).model_dump()["pipelines"], shared]
    folder = runner.run(chosen(tiny_corpus, pipelines=[shared]), tmp_path / "run")
    assert folder.scores()["error"].isna().all()
    frail("recognizer", tiny_corpus, tmp_path / "both", pipelines=both)
    assert set(rescore(tmp_path / "both", metrics=["wer"]).scores().dropna(subset="error")[
        "utterance_id"]) == {"u6"}


@pytest.mark.parametrize("damage", [Path.unlink, lambda path: path.write_bytes(b"PAR1")])
@pytest.mark.parametrize("table", ["recognised", "ended"])
def test_what_is_kept_apart_is_looked_at(tiny_corpus: Path, tmp_path: Path, table: str,
                                         damage: Callable[[Path], None]) -> None:
    whole = tables(frail("recognizer", tiny_corpus, tmp_path / "run").path)
    damage(sorted((tmp_path / "run").glob(f"outputs/{table}/*"))[0])
    with pytest.raises(RunError, match="`evalkit run` makes it again"):
        rescore(tmp_path / "run", metrics=["cer"])
    assert tables(frail("recognizer", tiny_corpus, tmp_path / "run").path) == whole
    assert rescore(tmp_path / "run", metrics=["cer"]).summary().scores


def test_prune_leaves_what_is_kept_apart(tiny_corpus: Path, tmp_path: Path) -> None:
    frail("recognizer", tiny_corpus, tmp_path / "run")
    said: list[str] = []
    runner.run(chosen(tiny_corpus), tmp_path / "run", prune=True, say=said.append)
    assert any("0 shards to do" in line for line in said)
    assert any(line.startswith("0 files and folders of earlier") for line in said)
    assert rescore(tmp_path / "run", metrics=["cer", "si_sdr"]).summary().scores


def test_a_real_death(tiny_corpus: Path, tmp_path: Path) -> None:
    deadly = [{"name": "late", "recognizer": {"name": "level", "die_at": length(6)}}]
    runner.run(chosen(tiny_corpus, pipelines=deadly, metrics=["wer"], conditions=["clean"]),
               tmp_path / "run", runner.Work(1))
    errors = rescore(tmp_path / "run", metrics=["cer"]).scores().query("metric == 'cer'")["error"]
    assert errors.dropna().tolist() == [DIED.replace("SIGSEGV", "exit code 11")]


def test_a_table_of_another_stage_is_not_what_ended(tiny_corpus: Path, tmp_path: Path) -> None:
    frail("recognizer", tiny_corpus, tmp_path / "run")
    for ended in tmp_path.glob("run/outputs/ended/*"):
        ended.write_bytes((tmp_path / "run/outputs/enhanced" / ended.name).read_bytes())
    with pytest.raises(RunError, match="what late made is not kept as this needs it"):
        rescore(tmp_path / "run", metrics=["cer"])
