"""What the workers of a run spend inside PESQ, STOI and alignment, and nothing else: workers load
this module, so that it loads only what they have anyway."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Callable
from functools import cache, wraps
from pathlib import Path
from typing import Any, NamedTuple, Self

from evalkit.core.processes import Worker
from evalkit.metrics import words
from evalkit.run import pipeline
from evalkit.run.at_once import process_shard
from evalkit.run.halving import minded
from evalkit.run.plan import Shard
from evalkit.run.tables import ShardResult


class Spent(NamedTuple):
    """Seconds by the clock and of the processor."""

    clock: float = 0.0
    processor: float = 0.0

    @classmethod
    def now(cls, processor: Callable[[], float]) -> Self:
        return cls(time.perf_counter(), processor())

    def plus(self, other: Spent) -> Spent:
        return Spent(self.clock + other.clock, self.processor + other.processor)

    def since(self, start: Spent) -> Spent:
        return Spent(self.clock - start.clock, self.processor - start.processor)


_inside = Spent()
"""Of this process so far."""


def process_noted(worker: Worker, shard: Shard, folder: Path) -> ShardResult:
    """``process_minded``, whose worker notes beside the run what it has spent inside."""
    return minded(worker, shard, folder, _process)


def noted(folder: Path) -> Spent:
    """What all workers of runs in ``folder`` have spent inside."""
    whole = Spent()
    for file in folder.glob("*.inside"):
        whole = whole.plus(Spent(*json.loads(file.read_text())))
    return whole


def _process(shard: Shard, folder: Path, *others: Any) -> ShardResult:
    _clock_all()
    result = process_shard(shard, folder, *others)
    folder.with_name(f"{os.getpid()}.inside").write_text(json.dumps(_inside))
    return result


@cache
def _clock_all() -> None:
    """Once a process."""
    from evalkit.metrics.pesq import PesqWideband
    from evalkit.metrics.stoi import Stoi

    for owner, name in ((PesqWideband, "measure"), (Stoi, "measure"), (words, "count_edits"),
                        (pipeline, "align")):
        setattr(owner, name, _clocked(getattr(owner, name)))


def _clocked(function: Callable[..., Any]) -> Callable[..., Any]:
    @wraps(function)
    def timed(*values: Any, **options: Any) -> Any:
        global _inside  # noqa: PLW0603 -- it is of the process
        start = Spent.now(time.thread_time)
        try:
            return function(*values, **options)
        finally:
            _inside = _inside.plus(Spent.now(time.thread_time).since(start))
    return timed
