"""How long the making of a plug-in may take while work is planned, where no other process keeps a
limit of time."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, NoReturn

MAKING_LIMIT = 300.0
"""Seconds, where no longer limit is set."""
_AGAIN = 1.0
"""Seconds after which what goes on all the same is told again."""
_limit: ContextVar[float | None] = ContextVar("limit of making a plug-in", default=None)


class OverdueError(BaseException):
    """It took longer than it may. No Exception, since plug-ins catch those."""


@contextmanager
def planning(time_limit: float = 0.0) -> Iterator[None]:
    """In the block, making a plug-in or asking it what it is may take MAKING_LIMIT seconds, or
    ``time_limit`` where that is longer."""
    token = _limit.set(max(time_limit, MAKING_LIMIT))
    try:
        yield
    finally:
        _limit.reset(token)


@contextmanager
def in_time() -> Iterator[None]:
    """Raises OverdueError in the block when the time of ``planning`` is over; never outside of it,
    nor in a thread, nor while C code does not return."""
    limit = _limit.get()
    if limit is None or threading.current_thread() is not threading.main_thread():
        yield
        return

    def overdue(*_: Any) -> NoReturn:
        raise OverdueError(f"not done after {limit:g} s")

    before = signal.signal(signal.SIGALRM, overdue)
    signal.setitimer(signal.ITIMER_REAL, limit, _AGAIN)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)
