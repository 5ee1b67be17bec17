"""Systems and scoring at once: some processes make outputs, one for each graphics processor, and
others score what has been made, which waits in a queue of bounded length."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from evalkit.core.config import EvalConfig
from evalkit.core.errors import ConfigError
from evalkit.core.processes import WorkerPool, cores
from evalkit.run import ended
from evalkit.run.halving import minded, process_minded
from evalkit.run.plan import Shard
from evalkit.run.portions import Portion
from evalkit.run.tables import ShardResult, has_ended, process_outputs
from evalkit.store.outputs import OutputStore
from evalkit.store.sealed import is_whole

WAITING = 2
"""Shards that are in hand or wait, for each process."""


class Pools(NamedTuple):
    """Processes that make outputs, and those that score them."""

    makers: WorkerPool
    scorers: WorkerPool


@dataclass(frozen=True)
class Work:
    """How the shards are worked on: ``workers`` processes (0: this one), or a Dask scheduler.
    Where there are ``scorers``, so many further processes score what the workers make."""

    workers: int = 0
    scheduler: str | None = None
    scorers: int = 0
    pools: Pools | None = None
    """Processes that stay for several runs, so that each loads a model once."""
    portion: Portion | None = None
    """The share of the run that is done; all of it where None."""

    @classmethod
    def usual(cls, config: EvalConfig, workers: int | None, scorers: int | None,
              scheduler: str | None = None, shard: str | None = None) -> Work:
        """What is not given: a worker a graphics processor, and a scorer for each core that is
        left, where a system of ``config`` has the option ``device`` and works on one; a worker a
        core, which scores too, elsewhere. Raises ConfigError for ``scorers`` of no processes."""
        if scorers and (scheduler or workers == 0):
            raise ConfigError("--scorers: they score what processes of --workers make, and there "
                              f"are none with {'--scheduler' if scheduler else '--workers 0'}; "
                              "leave one of them away")
        graphics = _on_graphics(config)
        if workers is None:
            workers = max(1, len(graphics_processors())) if graphics else cores()
        if scorers is None:
            scorers = max(1, cores() - workers) if graphics else 0
        return cls(workers, scheduler, scorers, portion=portion_said(shard))


def portion_said(shard: str | None) -> Portion | None:
    """The share of a command line. Raises ConfigError."""
    return None if shard is None else Portion.parsed(shard)


HERE = Work()
"""In this process."""


def graphics_processors() -> list[str]:
    """NVIDIA's, by what CUDA_VISIBLE_DEVICES calls each."""
    shown = os.environ.get("CUDA_VISIBLE_DEVICES")
    if shown is None:
        return [str(i) for i, _ in enumerate(Path("/dev").glob("nvidia[0-9]*"))]
    return [name.strip() for name in shown.split(",") if name.strip() not in ("", "-1")]


def _on_graphics(config: EvalConfig) -> bool:
    devices = [str(plugin.options.get("device", "")) for pipeline in config.pipelines
               for plugin in (pipeline.enhancer, pipeline.recognizer, pipeline.encoder) if plugin]
    return any(device.startswith("cuda") or (device == "auto" and graphics_processors())
               for device in devices)


def own_graphics(workers: int) -> list[Mapping[str, str]]:
    """What each of ``workers`` finds in its environment: a graphics processor of its own, in turn,
    where there are several."""
    found = graphics_processors()
    if len(found) < 2:
        return [{}] * workers
    return [{"CUDA_VISIBLE_DEVICES": found[i % len(found)]} for i in range(workers)]


Submit = Callable[[Shard], Future[ShardResult]]


@contextmanager
def pools_of(work: Work) -> Iterator[Pools]:
    """The processes of ``work``: those that stay, which end only with an error, or new ones, which
    end with the block."""
    with ExitStack() as stack:
        pools = work.pools or Pools(
            stack.enter_context(WorkerPool(work.workers, own_graphics(work.workers))),
            stack.enter_context(WorkerPool(max(1, work.scorers))))
        try:
            yield pools
        except BaseException:
            for pool in work.pools or ():
                stack.enter_context(pool)
            raise


@contextmanager
def staying(work: Work) -> Iterator[Work]:
    """``work`` whose processes stay for all runs of the block."""
    if work.workers == 0 or work.scheduler is not None:
        yield work
        return
    with pools_of(work) as pools:
        yield replace(work, pools=pools)


@contextmanager
def side_by_side(run: Path, work: Work) -> Iterator[Submit]:
    """Submits a shard to workers and then to scorers."""
    with ThreadPoolExecutor(window(work)) as threads, pools_of(work) as pools:
        yield lambda shard: threads.submit(_process, shard, run, *pools)


def window(work: Work) -> int:
    """Shards that are in flight at a time."""
    return WAITING * (work.workers + work.scorers)


def _process(shard: Shard, run: Path, makers: WorkerPool, scorers: WorkerPool) -> ShardResult:
    """Where a metric ended its process, or the shard cannot be scored from what is kept, all is
    done by one worker."""
    if not _can_be_scored_alone(shard):
        return makers.lend(process_minded, shard, run).result()
    makers.lend(minded, _unscored(shard), run, process_outputs).result()
    of_outputs = replace(shard, cell=replace(shard.cell, outputs_only=True))
    result = scorers.lend(process_minded, of_outputs, run).result()
    if has_ended(shard, run) and not all(map(is_whole, ended.paths(shard, OutputStore(run)))):
        return makers.lend(process_minded, shard, run).result()
    return result


def _can_be_scored_alone(shard: Shard) -> bool:
    cell = shard.cell
    return cell.keep_audio or "enhanced" not in shard.keys.stages or not cell.metrics


def _unscored(shard: Shard) -> Shard:
    return replace(shard, keys=replace(shard.keys, measured=()),
                   cell=replace(shard.cell, metrics=()))

