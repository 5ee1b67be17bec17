"""What was asked of a piece of work, and what was measured."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import date
from pathlib import Path


@dataclass(frozen=True)
class Row:
    """``measured`` is at most ``bar``, or at least where ``at_least``."""

    work: str
    measured: float
    bar: float
    unit: str
    at_least: bool = False
    note: str = ""

    @property
    def met(self) -> bool:
        return self.measured >= self.bar if self.at_least else self.measured <= self.bar

    def __str__(self) -> str:
        asked = f"{'≥' if self.at_least else '≤'} {self.bar:g} {self.unit}"
        return (f"| {self.work} | {asked} | {self.measured:.3g} {self.unit} | "
                f"{'yes' if self.met else 'no'} | {self.note} |")


def printed(rows: Iterable[Row]) -> None:
    """Prints a table, a row as soon as it is measured."""
    print(f"{machine()}, {date.today():%d %B %Y}\n\n"
          "| work | asked | measured | met | |\n|---|---|---|---|---|", flush=True)
    for row in rows:
        print(row, flush=True)


def machine() -> str:
    """The processor and how many there are, as far as the system says."""
    try:
        lines = Path("/proc/cpuinfo").read_text().splitlines()
        name = next(line.split(":")[1].strip() for line in lines if line.startswith("model name"))
    except (OSError, StopIteration):
        name = platform.processor() or platform.machine()
    return f"{os.cpu_count()} x {name}, Python {platform.python_version()}"


def ratio(ours: Callable[[], object], peer: Callable[[], object], times: int = 5) -> float:
    """Processor seconds of one by those of the other, the least of runs that take turns, two at a
    time: the second finds the processor's caches as the first left them."""
    ours(), peer()
    found = [[min(_once(work), _once(work)) for work in (ours, peer)] for _ in range(times)]
    return min(a for a, _ in found) / min(b for _, b in found)


def _once(work: Callable[[], object]) -> float:
    started = time.process_time()
    work()
    return time.process_time() - started
