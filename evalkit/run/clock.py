"""What a call of a system takes: time, and processor time, and on which machine."""

from __future__ import annotations

import os
import platform
import re
import resource
import time
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


NOTHING = Spent(0.0, 0.0)


def clock() -> Spent:
    """Up to now, from some moment on that stays the same."""
    ended = resource.getrusage(resource.RUSAGE_CHILDREN)
    return Spent(time.perf_counter(), time.process_time() + ended.ru_utime + ended.ru_stime)


def since(start: Spent) -> Spent:
    """From ``start``, which was read off the clock, up to now."""
    now = clock()
    return Spent(now.elapsed - start.elapsed, now.processor - start.processor)


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
