"""Lattices of what the recognizers of a run took into account. A run keeps texts and best guesses;
its recordings are heard again for them."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from threadpoolctl import threadpool_limits

from evalkit.core.config import PipelineConfig
from evalkit.core.errors import ConfigError, RunError, UtteranceError
from evalkit.core.folders import without_folders
from evalkit.core.lattices import WordLattice
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.names import offer
from evalkit.core.plugins import available
from evalkit.core.protocols import Enhancer, LatticeRecognizer
from evalkit.core.types import Utterance
from evalkit.run.batches import ask
from evalkit.run.exchange import taken_lattice
from evalkit.run.heard_again import HeardAgain, heard_again
from evalkit.run.pipeline import build_part, build_system, pace_of, plugins_of
from evalkit.run.plan import Cell
from evalkit.run.stages import UtteranceWork, enhance, hear
from evalkit.store.slf import write_slf

GROUP = "lattice_recognizers"
SUFFIX = ".slf"


@dataclass(frozen=True)
class Exported:
    """How many lattices were written in each folder, and of which utterances there is none."""

    written: Mapping[Path, int]
    left_out: tuple[LeftOut, ...]


@dataclass(frozen=True)
class _Hearing:
    """The systems of a pipeline on the way to lattices."""

    enhancer: Enhancer | None
    recognizer: LatticeRecognizer

    def of(self, utterance: Utterance, cell: Cell) -> WordLattice | UtteranceError | None:
        """The lattice of an utterance in the condition of ``cell``, None where it has no
        audio."""
        work = UtteranceWork(utterance)
        hear(work, cell)
        work.audio = work.input
        if self.enhancer is not None:
            enhance([work], self.enhancer)
        (answer,) = ask(self.recognizer.lattices, self.recognizer.rate, [work.audio],
                        lambda made, _: taken_lattice(made))
        made: WordLattice | UtteranceError | None = answer.value
        return made


def export_lattices(run: Path, out: Path, *, pipelines: Sequence[str] = (),
                    conditions: Sequence[str] = (), say: Callable[[str], None]) -> Exported:
    """Writes the lattice of every utterance under ``conditions``, all where none are named, as the
    recognizers of ``pipelines`` give them, all that do where none are named: HTK's files, named by
    the utterance, in the folder ``out``/PIPELINE.CONDITION. Those of an earlier export are
    overwritten. ``say`` is told what is being made.

    Raises ConfigError for a pipeline or condition that the run has not, a recognizer that gives no
    lattices, or where a folder holds anything else, and RunError where what would be heard, or the
    recognizer, is not the run's."""
    again = heard_again(run)
    made: dict[Path, int] = {}
    left_out: list[LeftOut] = []
    for pipeline in _chosen(again.config.pipelines, pipelines):
        hearing = _hearing(again, pipeline)
        for condition, cell in again.cells(conditions):
            folder = out / f"{pipeline.name}.{condition.name}"
            _check_free(folder, again.utterances)
            say(f"{folder}: hearing {len(again.utterances):,} utterances")
            with threadpool_limits(1):  # as in a run
                without = list(_written(hearing, cell, again.utterances, folder))
            made[folder] = len(again.utterances) - len(without)
            left_out += without
    return Exported(made, tuple(merged(left_out)))


def _chosen(pipelines: Sequence[PipelineConfig], names: Sequence[str]) -> list[PipelineConfig]:
    """Those of the names, or all whose recognizers give lattices."""
    known, able = {each.name: each for each in pipelines}, available(GROUP)
    for name in names:
        if name not in known:
            raise ConfigError(f"no pipeline {name!r} in the run; {offer(name, known)}")
        if not _gives(known[name], able):
            raise ConfigError(f"{name}: no recognizer that gives lattices; "
                              f"{offer('', able, 'these do:')}")
    giving = [each for each in pipelines if _gives(each, able)]
    if not giving:
        raise ConfigError("no pipeline of the run has a recognizer that gives lattices; "
                          f"{offer('', able, 'these do:')}")
    return [known[name] for name in names] or giving


def _gives(pipeline: PipelineConfig, able: Collection[str]) -> bool:
    return pipeline.recognizer is not None and pipeline.recognizer.name in able


def _hearing(again: HeardAgain, pipeline: PipelineConfig) -> _Hearing:
    """Raises RunError where the recognizer is not as it was in the run."""
    plugin, enhancer = plugins_of(pipeline)["recognised"], pipeline.enhancer
    then = again.record.pipelines[pipeline.name].recognizer
    now = build_system("recognised", plugin, pace_of(pipeline, "recognised")).identity
    if then is None or then.identity != without_folders(now):
        raise RunError(f"{pipeline.name}: the recognizer is not the run's any more: its options, "
                       "weights or packages are others; `evalkit run` hears with these")
    made: Any = enhancer and build_system("enhanced", enhancer, pace_of(pipeline, "enhanced"))
    return _Hearing(made, build_part(GROUP, plugin))


def _check_free(folder: Path, utterances: Sequence[Utterance]) -> None:
    """Raises ConfigError where there is anything but lattices of these utterances, which would be
    taken for theirs."""
    known = {each.id + SUFFIX for each in utterances}
    other = sorted(path.name for path in folder.glob("*") if path.name not in known)
    if other or folder.is_file():
        raise ConfigError(f"{folder}: is there already, and no earlier export of the run"
                          + (f": it holds {other[0]!r}" if other else "") + "; give a new folder")


def _written(hearing: _Hearing, cell: Cell, utterances: Sequence[Utterance], folder: Path
             ) -> Iterator[LeftOut]:
    """What cannot be written; everything else is."""
    for utterance in utterances:
        name = utterance.id + SUFFIX
        made: Any = UtteranceError("BadName", "the id is no name of a file, which readers of "
                                   "lattices know it by")
        if Path(name).name == name and "\0" not in name:
            made = hearing.of(utterance, cell)
        if isinstance(made, WordLattice):
            write_slf(folder / name, made)
        else:
            yield LeftOut("utterance", folder.name, str(made), names=(utterance.id,))
