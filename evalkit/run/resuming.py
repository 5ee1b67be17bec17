"""What of a run is done already: shards whose tables, outputs and audio are all as they were
written. That a file is there proves nothing."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path

from evalkit.core.text import count
from evalkit.run import ended
from evalkit.run.plan import Shard
from evalkit.run.tables import has_ended, table_paths
from evalkit.store.outputs import OutputStore
from evalkit.store.sealed import DamageError, read_table, seal

NAMED = 3
"""Damages that are named."""


@dataclass(frozen=True)
class Fault:
    """What a shard lacks. ``broken``: a file is there, but not as it was written."""

    what: str
    broken: bool


@dataclass(frozen=True)
class Resumed:
    """The shards that are still to do; of those that were done once the first damage each; and the
    damages to ``files`` of the whole run."""

    pending: list[Shard]
    damages: list[str]
    files: list[str] = field(default_factory=list)
    assembled: bool = False

    @property
    def is_done(self) -> bool:
        """Whether the tables of the whole run, which were ``assembled``, hold too."""
        return self.assembled and not (self.pending or self.damages or self.files)

    def lines(self) -> Iterator[str]:
        """A line about the damages of either kind."""
        for what, damages in (("damaged shard", self.damages), ("file", self.files)):
            if damages:
                more = "; …" if len(damages) > NAMED else ""
                yield (f"{count(len(damages), what)} made again: "
                       f"{'; '.join(damages[:NAMED])}{more}")


def resumed(shards: Sequence[Shard], run: Path, finished: Collection[str]) -> Resumed:
    """Looks through everything that ``shards`` left in ``run``: tables and outputs are read whole,
    about a second for each gigabyte, and of kept audio the sizes, some ten seconds for a million
    files. ``finished`` are the keys of the tables that the run had when it was done."""
    with ThreadPoolExecutor() as pool:
        found = list(pool.map(lambda shard: list(_faults(shard, run)), shards))
    pending = [shard for shard, faults in zip(shards, found, strict=True) if faults]
    damages = [_first(faults) for shard, faults in zip(shards, found, strict=True)
               if _was_done(shard, faults, run, finished)]
    return Resumed(pending, damages)


def _faults(shard: Shard, run: Path) -> Iterator[Fault]:
    tables = [fault for path in table_paths(run, shard.key) if (fault := _fault(path))]
    yield from tables
    store = OutputStore(run)
    if shard.cell.outputs_only:
        return
    yield from (fault for path in _kept(shard, store, whole=not tables) if (fault := _fault(path)))
    if not tables and shard.cell.keep_audio:
        yield from _lost_audio(shard, store)


def _kept(shard: Shard, store: OutputStore, *, whole: bool) -> list[Path]:
    """Where the outputs and scores of a shard are, whose tables are ``whole`` or not."""
    if whole and has_ended(shard, store.run):
        return ended.paths(shard, store)
    parts = [*shard.keys.stages.items(), *(("measured", key) for key in shard.keys.measured)]
    return [store.path(stage, key) for stage, key in parts]


def _fault(path: Path) -> Fault | None:
    try:
        seal(path)
    except DamageError as error:
        return Fault(str(error), path.exists())
    return None


def _lost_audio(shard: Shard, store: OutputStore) -> Iterator[Fault]:
    """Audio that the shard's table of outputs names and that is not as long as it was."""
    kept = read_table(table_paths(store.run, shard.key)[1],
                         columns=["input_audio", "output_audio"])
    for stage, column in (("heard", "input_audio"), ("enhanced", "output_audio")):
        wanted = [store.run / name for name in kept[column].drop_null().unique().to_pylist()
                  if stage in shard.keys.stages]
        exact = [path.with_suffix(".npy") for path in wanted if stage == "enhanced"]
        lost = store.lost_audio(shard.keys.stages.get(stage, ""), [*wanted, *exact])
        if lost is not None:
            yield Fault(f"{lost}: is missing or not as long as it was", lost.exists())


def _was_done(shard: Shard, faults: Sequence[Fault], run: Path, finished: Collection[str]) -> bool:
    """Whether what the shard lacks is a damage, and not what a killed run had still to do."""
    return bool(faults) and (shard.key in finished or any(fault.broken for fault in faults)
                             or table_paths(run, shard.key)[0].exists())


def _first(faults: Sequence[Fault]) -> str:
    return next((fault.what for fault in faults if fault.broken), faults[0].what)
