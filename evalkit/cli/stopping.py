"""Stopping: SIGINT (Ctrl-C) and SIGTERM end a command within five seconds, whatever it does, with
one line and exit code 130 or 143. What this module imports is little: it comes first."""

from __future__ import annotations

import os
import signal
import sys
import threading
import time
from contextlib import contextmanager
from typing import TYPE_CHECKING

from evalkit.core.errors import Stopped

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import FrameType

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 3.0
"""Seconds that a command has to end by itself."""
_received: list[int] = []
_at_work: list[str] = []
"""What is to be said when the command that is at work is stopped."""


def hear() -> None:
    """From now on a signal ends the process: at once while no command is at work; one that is, by
    Stopped, and at once at a second signal or where the first had no effect."""
    for number in SIGNALS:
        signal.signal(number, _stop)
    heard, written = os.pipe()
    os.set_blocking(written, False)
    signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    threading.Thread(target=_insist, args=(heard,), daemon=True).start()


@contextmanager
def stopping() -> Iterator[None]:
    """In the block signals are heard, and afterwards too where they were before; whatever they
    break off ends in SystemExit with the signal's exit code."""
    ours = signal.getsignal(SIGNALS[0]) is _stop
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.getsignal(number) for number in SIGNALS]
    if not ours:
        hear()
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if _received:
            raise SystemExit(128 + _received[0]) from None
        raise
    finally:
        if not (ours or _received):
            for number, handler in zip(SIGNALS, before, strict=True):
                signal.signal(number, handler)
            os.close(signal.set_wakeup_fd(-1))


@contextmanager
def at_work(remark: str) -> Iterator[None]:
    """In the block a command is at work, which a signal breaks off by Stopped; ``remark`` says
    what becomes of its work then."""
    _at_work.append(remark)
    try:
        yield
    finally:
        _at_work.pop()


def is_stopped() -> bool:
    """Whether a signal has asked the command to end."""
    return bool(_received)


def _stop(number: int, _frame: FrameType | None) -> None:
    if _received:
        os._exit(128 + number)
    _received.append(number)
    remark = f": {_at_work[-1]}" if _at_work and _at_work[-1] else ""
    os.write(2, f"stopped by {signal.Signals(number).name}{remark}\n".encode())
    if not _at_work:
        os._exit(128 + number)
    _hush()
    raise Stopped


def _hush() -> None:
    """What is broken off may end in any error, also where none can be raised: nothing of them is
    worth a line."""
    sys.excepthook = _nothing
    sys.unraisablehook = _nothing
    threading.excepthook = _nothing


def _nothing(*_: object) -> None:
    """Shows nothing."""


def _insist(heard: int) -> None:
    """Hears of a signal even while the main thread is in C code, and Python does not."""
    while number := os.read(heard, 1):
        if number[0] in SIGNALS:
            time.sleep(GRACE)
            os._exit(128 + number[0])
    os.close(heard)
