"""Where shards are worked on: a process pool, this process, or a Dask scheduler."""

from __future__ import annotations

import multiprocessing
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import (
    FIRST_COMPLETED,
    BrokenExecutor,
    Executor,
    Future,
    ProcessPoolExecutor,
    wait,
)
from contextlib import AbstractContextManager
from dataclasses import replace
from itertools import islice
from pathlib import Path
from typing import TypeVar

from evalkit.core.errors import ConfigError
from evalkit.core.plugins import missing_package
from evalkit.run.plan import Shard
from evalkit.run.shard import Made, crashed, make
from evalkit.run.tables import ShardResult, process_shard, write_shard

T = TypeVar("T")


def process_pool(workers: int) -> ProcessPoolExecutor:
    """Fresh interpreters with one thread each: no state of the parent reaches a result."""
    return ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"),
                               initializer=_one_thread)


def _one_thread() -> AbstractContextManager[object]:
    """How sums are split among threads changes their rounding."""
    from threadpoolctl import threadpool_limits

    return threadpool_limits(1)


def dask_executor(address: str) -> AbstractContextManager[Executor]:
    """The executor of the Dask scheduler at ``address``. Its workers must see the same files.

    Raises PluginError without Dask, ConfigError where no scheduler answers."""
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise missing_package(error, "--scheduler") from error
    try:
        return Client(address, timeout="10s").get_executor()
    except (OSError, ValueError, TimeoutError) as error:
        raise ConfigError(f"--scheduler {address}: no Dask scheduler answers there") from error


def process_all(shards: Iterable[Shard], run: Path, workers: int) -> Iterator[ShardResult]:
    """Results of all shards, as they come, from ``workers`` processes (this one where 0).

    A process that dies, as C code can on one recording, costs that recording only: the shards
    that were in flight are done again alone, the guilty one utterance by utterance."""
    if workers == 0:
        with _one_thread():
            yield from (process_shard(shard, run) for shard in shards)
        return
    waiting = iter(shards)
    while True:
        lost: list[Shard] = []
        with process_pool(workers) as pool:
            yield from submit_all(pool, waiting, run, 2 * workers, lost)
        if not lost:
            return
        for shard in lost:
            yield _alone(shard, run)


def submit_all(pool: Executor, shards: Iterator[Shard], run: Path, window: int,
               lost: list[Shard]) -> Iterator[ShardResult]:
    """Keeps ``window`` shards in flight. Where the pool breaks, the shards in flight are added to
    ``lost`` and the rest is left in ``shards``."""
    flying: dict[Future[ShardResult], Shard] = {}
    while not lost:
        for shard in islice(shards, window - len(flying)):
            try:
                flying[pool.submit(process_shard, shard, run)] = shard
            except BrokenExecutor:
                lost.append(shard)
        if not flying:
            return
        for future in wait(flying, return_when=FIRST_COMPLETED).done:
            shard = flying.pop(future)
            try:
                yield future.result()
            except BrokenExecutor:
                lost.append(shard)
    lost.extend(flying.values())


def _alone(shard: Shard, run: Path) -> ShardResult:
    """``shard`` in a process of its own; where that dies, every utterance in its own."""
    try:
        return _in_own_process(process_shard, shard, run)
    except BrokenExecutor:
        made = Made()
        for utterance in shard.utterances:
            made.extend(_surviving(replace(shard, utterances=(utterance,)), run))
        return write_shard(shard, made, run)


def _surviving(shard: Shard, run: Path) -> Made:
    try:
        return _in_own_process(make, shard, run)
    except BrokenExecutor:
        return crashed(shard)


def _in_own_process(work: Callable[[Shard, Path], T], shard: Shard, run: Path) -> T:
    with process_pool(1) as pool:
        return pool.submit(work, shard, run).result()
