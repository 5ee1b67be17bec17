"""Processes that work for this one (evalkit.core.worker is what they are from within): a worker
does one call at a time, can be killed at any moment, and costs no more than its call."""

from __future__ import annotations

import mmap
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager, suppress
from multiprocessing import Pipe
from multiprocessing.connection import Connection
from queue import SimpleQueue
from types import TracebackType
from typing import IO, Any, TypeVar

from evalkit.core.errors import RunError
from evalkit.core.worker import FAREWELL, NOTE_SIZE, Note

T = TypeVar("T")
TICK = 0.25
"""Seconds between two looks at a worker that says nothing."""
DYING = 10.0
"""Seconds that a process has to be gone once it hung up, before it is killed: the system may be
busy, or write its core."""
_PROGRAM = ("import sys; sys.path[:] = {path!r}; "
            "from evalkit.core.worker import serve; serve({connection}, {note}, {idle!r})")


def cores() -> int:
    """How many this process may use."""
    if sys.platform == "linux":
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


class DeadWorkerError(RunError):
    """A worker died in the middle of a call (``how``, such as "SIGSEGV"), or was killed because it
    was ``overdue``. ``note`` is the last that it wrote."""

    def __init__(self, how: str, note: Note, *, overdue: bool = False) -> None:
        super().__init__(f"a worker process died ({how})")
        self.how, self.note, self.overdue = how, note, overdue


class Worker:
    """One worker process: started when there is a call, and again after it died. It ends where it
    has had no call for ``idle`` seconds; ``environment`` is added to this process's."""

    def __init__(self, *, idle: float | None = None,
                 environment: Mapping[str, str] | None = None) -> None:
        self._idle, self._environment = idle, dict(environment or {})
        self._process: subprocess.Popen[bytes] | None = None
        self._busy = self._closed = False
        self._lock = threading.Lock()

    def call(self, work: Callable[..., Any], *arguments: Any,
             limit: Callable[[Note], float] = lambda note: float("inf"),
             heard: Callable[[Any], None] = lambda message: None) -> Any:
        """What ``work(*arguments)`` returns or raises in the worker. ``heard`` gets what it tells
        meanwhile; where its note is older than ``limit(note)`` seconds it is killed.

        Raises DeadWorkerError; RunError where the worker was dismissed."""
        process = self._start()
        started = time.monotonic()
        try:
            self._connection.send((work, arguments))
            while (answer := self._answer(process, started, limit))[0] == "told":
                heard(answer[1])
        except (EOFError, ConnectionError) as error:
            raise DeadWorkerError(self._bury(process), self._note()) from error
        finally:
            self._busy = False
        if answer[0] == "raised":
            raise answer[1]
        return answer[1]

    def dismiss(self) -> None:
        """Tells the process to end, for good: kindly where it is idle."""
        with self._lock:
            self._closed = True
            if self._process is not None:
                self._process.kill() if self._busy else self._connection.close()

    def wait(self, seconds: float) -> None:
        """Waits until a process that was dismissed has ended, which it has after ``seconds``."""
        if self._process is not None:
            with suppress(subprocess.TimeoutExpired):
                self._process.wait(seconds)
            self._process.kill()
            self._process.wait()

    def _answer(self, process: subprocess.Popen[bytes], started: float,
                limit: Callable[[Note], float]) -> tuple[str, Any]:
        while not self._connection.poll(TICK):
            note = self._note()
            if time.monotonic() - max(started, note.since) > limit(note):
                process.kill()
                how = self._bury(process)
                raise DeadWorkerError(how, note, overdue=note == self._note())
            if process.poll() is not None and not self._connection.poll():
                raise EOFError  # a child of its own may still hold the connection
        answer: tuple[str, Any] = self._connection.recv()
        return answer

    def _note(self) -> Note:
        """What is read twice the same: the worker may be writing."""
        before, now = b"", self._paper[:]
        while now != before:
            before, now = now, self._paper[:]
        return Note.unpack(now)

    def _start(self) -> subprocess.Popen[bytes]:
        with self._lock:
            if self._closed:
                raise RunError("stopped")
            if self._process is None or self._process.poll() is not None:
                self._connection, self._paper, self._process = _started(
                    self._idle, os.environ | self._environment)
            self._busy = True
            return self._process

    def _bury(self, process: subprocess.Popen[bytes]) -> str:
        """How the process ended."""
        with suppress(subprocess.TimeoutExpired):
            process.wait(DYING)
        process.kill()
        code = process.wait()
        self._connection.close()
        return signal.Signals(-code).name if code < 0 else f"exit code {code}"


def _started(idle: float | None, environment: Mapping[str, str]
             ) -> tuple[Connection, mmap.mmap, subprocess.Popen[bytes]]:
    here, there = Pipe()
    with there, _shared_file() as file:
        file.write(Note(0, 0, 0.0).pack())
        file.flush()
        paper = mmap.mmap(file.fileno(), NOTE_SIZE)
        program = _PROGRAM.format(path=sys.path, connection=there.fileno(), note=file.fileno(),
                                  idle=idle)
        with _interrupts_blocked():
            process = subprocess.Popen([sys.executable, "-c", program], env=environment,
                                       pass_fds=(there.fileno(), file.fileno()),
                                       stdin=subprocess.DEVNULL)
    return here, paper, process


def _shared_file() -> IO[bytes]:
    """A file without a name: in memory where the system can, so that nothing is ever left."""
    if sys.platform == "linux":
        return os.fdopen(os.memfd_create("evalkit"), "r+b")
    return tempfile.TemporaryFile()


@contextmanager
def _interrupts_blocked() -> Iterator[None]:
    """A process that is started here does not hear Ctrl-C, which a terminal sends to all."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


class WorkerPool:
    """``workers`` worker processes, each minded by a thread, and each with what ``environments``
    say of it added to its own. Leaving the block ends them, whatever they are doing."""

    def __init__(self, workers: int, environments: Sequence[Mapping[str, str]] = ()) -> None:
        self._threads = ThreadPoolExecutor(workers)
        self._workers = [Worker(environment=each) for each in environments or [{}] * workers]
        self._free: SimpleQueue[Worker] = SimpleQueue()
        for worker in self._workers:
            self._free.put(worker)

    def __enter__(self) -> WorkerPool:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None,
                 where: TracebackType | None) -> None:
        for worker in self._workers:
            worker.dismiss()
        latest = time.monotonic() + FAREWELL
        for worker in self._workers:
            worker.wait(max(0.0, latest - time.monotonic()))
        self._threads.shutdown(cancel_futures=True)

    def submit(self, work: Callable[..., T], *arguments: Any) -> Future[T]:
        """``work(*arguments)`` in a worker; DeadWorkerError where that dies."""
        return self.lend(Worker.call, work, *arguments)

    def lend(self, mind: Callable[..., T], *arguments: Any) -> Future[T]:
        """``mind(worker, *arguments)`` in a thread of this process, with a worker that is free."""
        return self._threads.submit(self._lent, mind, arguments)

    def _lent(self, mind: Callable[..., T], arguments: tuple[Any, ...]) -> T:
        worker = self._free.get()
        try:
            return mind(worker, *arguments)
        finally:
            self._free.put(worker)
