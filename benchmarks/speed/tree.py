"""What a command takes: seconds, processor seconds, and the memory of all its processes together.

    python benchmarks/speed/tree.py COMMAND …
"""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

import psutil

OFTEN = .2
"""Seconds between two looks at the memory."""


class Took(NamedTuple):
    """Of a command and the processes that it started: seconds, processor seconds, and the peak of
    their memory together in bytes, a page that several share counted once."""

    wall: float
    processor: float
    peak: int

    def __str__(self) -> str:
        return (f"{self.wall:.1f} s, {self.processor:.1f} processor seconds, "
                f"{self.peak / 1e9:.2f} GB")


def took(command: Sequence[str], folder: Path | None = None) -> Took:
    """Runs ``command``, in ``folder`` if there is one; what it prints is not kept. Raises
    CalledProcessError where it fails."""
    before, started, peak = _processor(), time.perf_counter(), 0
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                          cwd=folder) as process:
        root = psutil.Process(process.pid)
        while process.poll() is None:
            peak = max(peak, _memory(root))
            time.sleep(OFTEN)
    if process.returncode:
        raise subprocess.CalledProcessError(process.returncode, command)
    return Took(time.perf_counter() - started, _processor() - before, peak)


def _processor() -> float:
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def _memory(root: psutil.Process) -> int:
    total = 0
    with suppress(psutil.Error):
        for process in [root, *root.children(recursive=True)]:
            with suppress(psutil.Error):
                total += process.memory_full_info().pss
    return total


if __name__ == "__main__":
    print(took(sys.argv[1:]), file=sys.stderr)
