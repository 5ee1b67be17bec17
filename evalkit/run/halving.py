"""Working on a shard so that what kills a process, or never ends, costs its utterance alone."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, TypeVar

from evalkit.core.errors import RunError, UtteranceError
from evalkit.core.processes import DeadWorkerError, Worker
from evalkit.core.types import Utterance
from evalkit.core.worker import Note
from evalkit.run.at_once import process_shard
from evalkit.run.made import Made
from evalkit.run.plan import Shard
from evalkit.run.shard import begun, failed, make
from evalkit.run.tables import ShardResult
from evalkit.run.watch import Begun

T = TypeVar("T")
LOADING_LIMIT = 1800.0
"""Seconds for whatever is not the work on utterances: a process's start, loading a system and
hearing a first sound with it, writing a shard's tables."""
DOUBTS = 5
"""Deaths in a shard that are taken for chance, such as another program's need of memory. After so
many a batch is blamed at once."""
BLIND = 3
"""Deaths in a shard with no utterance in hand that end the run."""


def process_minded(worker: Worker, shard: Shard, run: Path) -> ShardResult:
    """``process_shard`` in ``worker``, as ``minded`` does it."""
    return minded(worker, shard, run, process_shard)


def minded(worker: Worker, shard: Shard, run: Path, process: Callable[..., T]) -> T:
    """``process``, which is called as ``process_shard`` is, in ``worker``.

    Where the worker dies, all that was not made is done once more as it was. Where it dies again
    in the same batch, or is overdue, that batch is tried in halves, and what is guilty alone has
    failed. Raises RunError where no utterance can be blamed."""
    made, parts = begun(shard, run)
    return _Minding(worker, shard, run, parts, made).through(process)


@dataclass
class _Minding:
    """A shard, what was made of it, and the parts of it that are still to be worked on: the last
    first. ``order`` is that of the worker. A ``doubted`` batch was in hand at a death; among the
    ``guilty`` is one that kills or never ends."""

    worker: Worker
    shard: Shard
    run: Path
    parts: list[tuple[Utterance, ...]]
    made: Made
    order: tuple[str, ...] = ()
    doubted: frozenset[str] = frozenset()
    guilty: frozenset[str] = frozenset()
    doubts: int = 0
    blind: int = 0

    def through(self, process: Callable[..., T]) -> T:
        while True:
            part = self.parts.pop()
            try:
                if not self.parts:
                    return self._call(process, self.shard, self.run, part, self.made)
                self._take(self._call(make, replace(self.shard, utterances=part), self.run))
            except DeadWorkerError as death:
                done = self.made.ids
                self._after(death, [u for u in part if u.id not in done])

    def _call(self, work: Callable[..., T], *arguments: Any) -> T:
        return self.worker.call(work, *arguments, limit=self._limit, heard=self._take)

    def _take(self, message: Begun | Made) -> None:
        if isinstance(message, Begun):
            self.order = message.ids
        else:
            self.made.extend(message)

    def _limit(self, note: Note) -> float:
        return note.n * self.shard.cell.time_limit if note.n else LOADING_LIMIT

    def _after(self, death: DeadWorkerError, rest: Sequence[Utterance]) -> None:
        """Blames the batch that was in hand, or nobody yet."""
        names = frozenset(self.order[death.note.first:death.note.first + death.note.n])
        if not names:
            self._check_blind(death)
        if not names or self._may_be_chance(death, names):
            self.parts.append(tuple(rest))
            return
        self.parts.append(tuple(u for u in rest if u.id not in names))
        batch = tuple(u for u in rest if u.id in names)
        if len(batch) == 1:
            self.made.extend(failed(replace(self.shard, utterances=batch), self._error(death)))
        else:
            middle = len(batch) // 2
            self.parts += [batch[middle:], batch[:middle]]
            self.guilty |= names
            self.made.halved = True

    def _may_be_chance(self, death: DeadWorkerError, names: frozenset[str]) -> bool:
        if (death.overdue or names <= self.guilty or names == self.doubted
                or self.doubts == DOUBTS):
            return False
        self.doubted, self.doubts = names, self.doubts + 1
        return True

    def _check_blind(self, death: DeadWorkerError) -> None:
        self.blind += 1
        pipeline = f"pipeline {self.shard.cell.pipeline.name!r}"
        if death.overdue:
            raise RunError(f"{pipeline}: not loaded after {LOADING_LIMIT:g} s; see whether its "
                           "systems wait for something, such as a network") from death
        if self.blind == BLIND:
            raise RunError(f"{pipeline}: its process died {BLIND} times with no utterance in hand "
                           f"({death.how}); see whether its systems can be loaded, and whether "
                           "memory suffices for so many workers") from death

    def _error(self, death: DeadWorkerError) -> UtteranceError:
        if death.overdue:
            return UtteranceError("TimedOut", f"not done after {self.shard.cell.time_limit:g} s")
        return UtteranceError("Crashed", "the process that worked on this utterance died "
                                         f"({death.how})")
