"""What a call of a system takes: time, and processor time, and on which machine. The clock stands
still while a model is loaded."""

from __future__ import annotations

import os
import platform
import re
import resource
import time
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cache
from pathlib import Path
from typing import NamedTuple

_MODEL = re.compile(r"^model name\s*:\s*(\S.*)$", re.MULTILINE)


class Spent(NamedTuple):
    """Seconds that passed, and seconds of processors: of all threads of this process, and of the
    processes that it started and that have ended. What a graphics processor or another machine
    does is in the former alone."""

    elapsed: float
    processor: float

    def part(self, share: float) -> Spent:
        """A share of it, from 0 to 1."""
        return Spent(share * self.elapsed, share * self.processor)

    def without(self, other: Spent) -> Spent:
        """The rest."""
        return Spent(self.elapsed - other.elapsed, self.processor - other.processor)


NOTHING = Spent(0.0, 0.0)


_loading = [NOTHING]
"""What loading has taken in this process so far."""


def clock() -> Spent:
    """Up to now, from some moment on that stays the same, without ``loading``."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    now = Spent(time.perf_counter(), time.process_time() + ended.ru_utime + ended.ru_stime)
    return now.without(_loading[0])


def since(start: Spent) -> Spent:
    """From ``start``, which was read off the clock, up to now."""
    return clock().without(start)


@contextmanager
def loading() -> Iterator[None]:
    """The block loads a model that a system cannot keep from one utterance to the next: what it
    takes is no part of what the system takes for an utterance."""
    started = clock()
    try:
        yield
    finally:
        spent, before = since(started), _loading[0]
        _loading[0] = Spent(before.elapsed + spent.elapsed, before.processor + spent.processor)


def elsewhere(seconds: float) -> None:
    """Adds seconds of processors of a process that works for this one and has not ended."""
    before = _loading[0]
    _loading[0] = before._replace(processor=before.processor - seconds)


@cache
def machine() -> str:
    """The processor's model and how many cores there are, as of what was timed on it."""
    try:
        found = _MODEL.search(Path("/proc/cpuinfo").read_text(errors="replace"))
    except OSError:
        found = None
    name = found[1].strip() if found else platform.processor() or platform.machine()
    cores = os.cpu_count() or 1
    return f"{name}, {cores} core{'s' * (cores > 1)}"
