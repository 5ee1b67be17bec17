"""What `evalkit score` takes of texts by the hundred thousand, and how that grows with size.

    python -m benchmarks.speed.score [--utterances 10000 100000 1000000]

Made-up transcripts (benchmarks/speed/million.py) of one system are scored, and the finished run is
resumed, each in a process tree of its own. Seconds depend on what else the machine does: processor
seconds stand beside them, and the exponent is fitted to those, without what a start takes.
"""

from __future__ import annotations

import argparse
import os
import platform
import sys
import tempfile
from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import NamedTuple

import numpy as np

from benchmarks.speed.million import write
from benchmarks.speed.tree import Took, took

SIZES = (10_000, 100_000, 1_000_000)
EVALKIT = Path(sys.executable).with_name("evalkit")
REACH = {"score": (90.0, 2e9), "resume": (20.0, 2e9)}
"""Seconds, and bytes of all processes together, for the largest of SIZES on two cores."""
EXPONENT = 1.05


class Row(NamedTuple):
    """What a command took of so many utterances."""

    command: str
    utterances: int
    took: Took

    def __str__(self) -> str:
        seconds, peak = REACH[self.command] if self.utterances == max(SIZES) else (None, None)
        bounds = f"<= {seconds:g} s, {peak / 1e9:g} GB" if seconds and peak else ""
        return (f"| {self.command}, {self.utterances:,} utterances | {self.took.wall:.1f} | "
                f"{self.took.processor:.1f} | {self.took.peak / 1e9:.2f} | {bounds} |")


def rows(folder: Path, sizes: Sequence[int]) -> Iterator[Row]:
    """Of each size, scored for the first time and resumed."""
    for n in sizes:
        made, run = folder / f"made{n}", folder / f"run{n}"
        write(made, n)
        command = [str(EVALKIT), "score", "--manifest", str(made / "manifest.jsonl"),
                   "--hypotheses", f"system={made / 'hypotheses.jsonl'}", "--out", str(run)]
        for name in REACH:
            yield Row(name, n, took(command))


def exponent(of: Sequence[Row]) -> float:
    """The power of the number of utterances that the processor seconds grow with, less those of a
    start, which are taken to be half of what the smallest takes."""
    start = min(row.took.processor for row in of) / 2
    slope, _ = np.polyfit(np.log([row.utterances for row in of]),
                          np.log([row.took.processor - start for row in of]), 1)
    return float(slope)


def main(sizes: Sequence[int]) -> None:
    print(f"{platform.processor() or platform.machine()}, {os.cpu_count()} cores, "
          f"{datetime.now(UTC):%Y-%m-%d}\n")
    print("| work | seconds | processor seconds | GB | to reach |\n|---|---|---|---|---|")
    found = []
    with tempfile.TemporaryDirectory() as folder:
        for row in rows(Path(folder), sizes):
            print(row, flush=True)
            found.append(row)
    for name in REACH if len(sizes) > 1 else ():
        fitted = exponent([row for row in found if row.command == name])
        print(f"| {name}, exponent of the size | {fitted:.2f} | | | <= {EXPONENT:g} |")


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--utterances", type=int, nargs="+", default=SIZES)
    main(parser.parse_args().utterances)
