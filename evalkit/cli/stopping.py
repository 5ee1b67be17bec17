"""Stopping: SIGINT (Ctrl-C) and SIGTERM end a command within five seconds, whatever it does."""

from __future__ import annotations

import os
import signal
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from evalkit.core.endings import Stopped

SIGNALS = (signal.SIGINT, signal.SIGTERM)
GRACE = 3.0
"""Seconds that a command has to end by itself."""
_LINE = ("stopped by {name}: what was finished is kept; start the same command again to go on\n")
_received: list[int] = []


@contextmanager
def stopping() -> Iterator[None]:
    """In the block, the first signal raises KeyboardInterrupt, a second one ends the process at
    once, and so does time where the first had no effect. Exit codes are 130 and 143."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    before = [signal.signal(number, _stop) for number in SIGNALS]
    heard, written = os.pipe()
    os.set_blocking(written, False)
    wakeup = signal.set_wakeup_fd(written, warn_on_full_buffer=False)
    threading.Thread(target=_insist, args=(heard,), daemon=True).start()
    try:
        yield
    except (KeyboardInterrupt, SystemExit):
        if _received:
            raise SystemExit(128 + _received[0]) from None
        raise
    finally:
        if not _received:
            _give_back(before, wakeup, written)


def is_stopped() -> bool:
    """Whether a signal has asked the command to end."""
    return bool(_received)


def _give_back(before: list[Any], wakeup: int, written: int) -> None:
    for number, handler in zip(SIGNALS, before, strict=True):
        signal.signal(number, handler)
    signal.set_wakeup_fd(wakeup)
    os.close(written)


def _stop(number: int, _frame: FrameType | None) -> None:
    if _received:
        os._exit(128 + number)
    _received.append(number)
    os.write(2, _LINE.format(name=signal.Signals(number).name).encode())
    raise Stopped


def _insist(heard: int) -> None:
    """Hears of a signal even while the main thread is in C code, and Python does not."""
    while number := os.read(heard, 1):
        if number[0] in SIGNALS:
            time.sleep(GRACE)
            os._exit(128 + number[0])
    os.close(heard)
