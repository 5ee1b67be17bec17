"""Work that a copy of this process does, which has read and loaded all that this one has.

Only a command's process is copied: a program that calls evalkit may have threads, whose locks a
copy would wait for. Workers that start anew, and may be killed, are evalkit.core.processes."""

from __future__ import annotations

import os
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from multiprocessing.connection import Connection

T = TypeVar("T")
_SIGNALS = {signal.SIGINT, signal.SIGTERM}
_commands: list[int] = []
"""The processes that are a command's, and nothing else's."""


def is_a_command() -> None:
    """Says that this process does nothing but a command of evalkit's."""
    _commands.append(os.getpid())


def can_copy() -> bool:
    """Whether a copy of this process may be made, and has a processor to work on."""
    from evalkit.core.processes import cores  # not of every command

    return sys.platform == "linux" and os.getpid() in _commands and cores() > 1


@contextmanager
def in_a_copy(work: Callable[[], T]) -> Iterator[Callable[[], T]]:
    """In the block a copy of this process does ``work``, whose result can be pickled. What the
    block is given waits for the result. It does the work here where there is no copy, since it died
    or none could be made, and where the work raised there. What is still done when the block ends
    is broken off."""
    from multiprocessing import Pipe
    from multiprocessing.context import ForkProcess

    here, there = Pipe(duplex=False)
    copy = ForkProcess(target=_answer, args=(work, here, there), daemon=True)
    before = signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
    try:
        with suppress(OSError):  # no room for another process
            copy.start()
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)
        there.close()
    try:
        yield lambda: _result(here, work)
    finally:
        if copy.pid:
            copy.kill()
            copy.join()
        here.close()


def _result(here: Connection, work: Callable[[], T]) -> T:
    try:
        result: T = here.recv()
    except Exception:  # it died, or what it made cannot be read here
        return work()
    return result


def _answer(work: Callable[[], object], here: Connection, there: Connection) -> None:
    """The whole life of a copy. Signals are its parent's to hear, with whom it ends."""
    from multiprocessing.reduction import ForkingPickler

    from evalkit.core.worker import end_with_parent

    here.close()
    signal.set_wakeup_fd(-1)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, signal.SIG_DFL)
    signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
    end_with_parent(there.fileno())
    try:
        there.send_bytes(ForkingPickler.dumps(work()))
    except BaseException:  # it is raised where the work is done again
        os._exit(1)
