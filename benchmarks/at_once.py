"""Trainings as processes of their own, so many at once, until the minutes are over."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path


def run_at_once(modules: Sequence[tuple[Path, Sequence[str]]], most: int, minutes: float
                ) -> list[Path]:
    """Runs each module of Python, its name and its arguments, with one thread, in this order and at
    most so many at once; what it says goes into its log. Those that run when the ``minutes`` are
    over are killed. Returns the logs of those that failed; one that fails stops no other."""
    ends = time.monotonic() + 60 * minutes
    to_do, running, failed = list(modules), {}, []
    while (to_do or running) and time.monotonic() < ends:
        for log in [log for log, process in running.items() if process.poll() is not None]:
            if running.pop(log).returncode:
                failed.append(log)
        while to_do and len(running) < most:
            log, module = to_do.pop(0)
            running[log] = _started(log, module)
        time.sleep(0.2)
    for process in running.values():
        process.kill()
        process.wait()
    return failed


def _started(log: Path, module: Sequence[str]) -> subprocess.Popen[bytes]:
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        return subprocess.Popen([sys.executable, "-m", *module], stdout=file, stderr=file,
                                env={**os.environ, "OMP_NUM_THREADS": "1"})
