"""Where shards are worked on: worker processes, this process, or a Dask scheduler. Wherever it
is, a process minds the one that works on a shard (evalkit.run.halving)."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import FIRST_COMPLETED, CancelledError, Future, wait
from contextlib import suppress
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar
from uuid import uuid4

from evalkit.core.errors import ConfigError, RunError
from evalkit.core.plugins import missing_package
from evalkit.core.processes import Worker
from evalkit.core.worker import FAREWELL
from evalkit.run.at_once import process_shard
from evalkit.run.halving import process_minded
from evalkit.run.overlap import Work, pools_of, side_by_side, window
from evalkit.run.plan import Shard
from evalkit.run.tables import ShardResult

if TYPE_CHECKING:
    from distributed import Client

T = TypeVar("T")
Results = Generator[ShardResult, None, None]
"""As they come; closing it ends all work."""
IDLE = 60.0
"""Seconds after which a worker on a Dask cluster that has nothing to do ends."""
IN_FLIGHT = 256
"""Shards that a Dask scheduler is given at a time."""
PATIENCE = 10.0
"""Seconds that a Dask scheduler has to answer."""
LOOK = 3.0
"""Seconds without a result after which a Dask scheduler is asked whether it has workers."""
SAID_AGAIN = 60.0
"""Seconds after which it is said again that it has none."""


def process_all(shards: Iterable[Shard], run: Path, work: Work) -> Results:
    """Results of all shards, as they come, from the processes of ``work``. Where it has none, this
    process does all: then nothing keeps a limit of time, and what kills it ends the run."""
    if work.workers == 0:
        yield from (process_shard(shard, run) for shard in shards)
    elif work.scorers:
        with side_by_side(run, work) as submit:
            yield from _as_they_come(submit, shards, window(work))
    else:
        with pools_of(work) as pools:
            yield from _as_they_come(lambda shard: pools.makers.lend(process_minded, shard, run),
                                     shards, window(work))


def process_on_dask(shards: Iterable[Shard], run: Path, address: str,
                    say: Callable[[str], None] = lambda line: None) -> Results:
    """The same on the Dask scheduler at ``address``, whose workers must see the same files.
    Where it has none they are waited for, which is said.

    Raises PluginError without Dask, ConfigError where no scheduler answers, RunError where it
    goes away."""
    key = uuid4().hex
    with _client(address) as client:
        from distributed import KilledWorker

        pool, manned = client.get_executor(), _Manned(client, address, say)
        try:
            yield from _as_they_come(lambda shard: pool.submit(_on_dask, shard, run, key), shards,
                                     IN_FLIGHT, look=manned.look)
        except (CancelledError, KilledWorker, OSError) as error:
            raise RunError(f"--scheduler {address}: it went away, or its workers did "
                           f"({type(error).__name__}); start the run again to go on") from error
        finally:
            pool.shutdown(wait=False)
            with suppress(Exception):  # where the scheduler is gone they end by themselves
                client.run(_end, key)


def check_answers(address: str | None, say: Callable[[str], None]) -> None:
    """Raises PluginError without Dask, ConfigError where no scheduler answers at ``address``, if
    any; says first that it is asked."""
    if address is not None:
        say(f"--scheduler {address}: asked; it has {PATIENCE:g} s to answer")
        _client(address).close()


@dataclass
class _Manned:
    """Whether a Dask scheduler has workers, and when it was last said that it has none."""

    client: Client
    address: str
    say: Callable[[str], None]
    said: float = -SAID_AGAIN

    def look(self) -> None:
        """Says that workers are waited for, where there are none and it was not just said."""
        if time.monotonic() - self.said >= SAID_AGAIN and not self.client.nthreads():
            self.said = time.monotonic()
            self.say(f"--scheduler {self.address}: has no workers; waiting for one "
                     f"(`dask worker {self.address}` starts one; said every {SAID_AGAIN:g} s)")


def _client(address: str) -> Client:
    try:
        from distributed import Client
    except ModuleNotFoundError as error:
        raise missing_package(error, "--scheduler") from error
    for name in ("distributed", "distributed.client"):
        logging.getLogger(name).setLevel(logging.CRITICAL)  # its tracebacks; what it raises is said
    try:
        return _within(PATIENCE, lambda: Client(address, timeout=PATIENCE))
    except Exception as error:  # whatever else answers there is taken for a scheduler's words
        raise ConfigError(f"--scheduler {address}: no Dask scheduler answers there; give the "
                          "address that `dask scheduler` prints, such as tcp://host:8786"
                          ) from error


def _within(seconds: float, work: Callable[[], T]) -> T:
    """What ``work()`` returns or raises; TimeoutError where it does neither within ``seconds``, as
    a client does that waits for another server's words."""
    future: Future[T] = Future()

    def do() -> None:
        try:
            future.set_result(work())
        except BaseException as error:
            future.set_exception(error)

    threading.Thread(target=do, daemon=True).start()
    return future.result(seconds)


_on_this: dict[tuple[str, int], Worker] = {}
"""Of a process of a Dask cluster: the worker of every run and thread."""


def _on_dask(shard: Shard, run: Path, key: str) -> ShardResult:
    worker = _on_this.setdefault((key, threading.get_ident()), Worker(idle=IDLE))
    return process_minded(worker, shard, run)


def _end(key: str) -> None:
    for each in [each for each in _on_this if each[0] == key]:
        worker = _on_this.pop(each)
        worker.dismiss()
        worker.wait(FAREWELL)


def _as_they_come(submit: Callable[[Shard], Future[ShardResult]], shards: Iterable[Shard],
                  window: int, look: Callable[[], None] = lambda: None) -> Results:
    """Keeps ``window`` shards in flight. Every LOOK seconds without a result, ``look`` is called.
    """
    waiting, flying = iter(shards), set[Future[ShardResult]]()
    while True:
        flying |= {submit(shard) for shard in islice(waiting, window - len(flying))}
        if not flying:
            return
        done, flying = wait(flying, timeout=LOOK, return_when=FIRST_COMPLETED)
        if not done:
            look()
        yield from (future.result() for future in done)
