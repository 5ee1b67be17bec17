"""What `evalkit score` takes of a million utterances of texts, and how that grows with size.

Made-up transcripts (benchmarks/speed/million.py) of one system are scored, and the finished run is
resumed, each in processes of its own. The exponent is fitted to processor seconds, less those of a
start, which are taken to be half of what the smallest takes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
from functools import cache
from pathlib import Path

import numpy as np

from benchmarks.speed.million import write
from benchmarks.speed.table import Row
from benchmarks.speed.tree import Took, took

SIZES = (10_000, 100_000, 1_000_000)
EVALKIT = Path(sys.executable).with_name("evalkit")
REACH = {"evalkit score": 90.0, "resuming it": 20.0}
"""Seconds on two cores, for the largest of SIZES."""
MEMORY, EXPONENT = 2.0, 1.05
"""Gigabytes of all processes together."""


def rows() -> Iterator[Row]:
    found = {name: [measure(n) for n in SIZES] for name, measure in (
        ("evalkit score", _scored), ("resuming it", _resumed))}
    for name, of in found.items():
        work = f"{name}, {SIZES[-1]:,} utterances"
        note = ", ".join(f"{each.processor:.1f}" for each in of)
        yield Row(work, of[-1].wall, REACH[name], "s", note=f"{note} s of processor time")
        yield Row(f"{work}: memory", of[-1].peak / 1e9, MEMORY, "GB")
        yield Row(f"{name}: exponent of the size", exponent(of), EXPONENT, "")


def finished(n: int) -> Path:
    """A folder with the finished run ``run`` of ``n`` utterances, made once a process."""
    _scored(n)
    return _folder(n)


@cache
def _folder(n: int) -> Path:
    folder = Path(_everything().name) / str(n)
    write(folder, n)
    return folder


@cache
def _everything() -> tempfile.TemporaryDirectory[str]:
    """Gone when the process ends."""
    return tempfile.TemporaryDirectory()


@cache
def _scored(n: int) -> Took:
    return _resumed(n)


def _resumed(n: int) -> Took:
    """What million.py wrote becomes ``run``, or is seen to be."""
    folder = _folder(n)
    return took([str(EVALKIT), "score", "--manifest", str(folder / "manifest.jsonl"),
                 "--hypotheses", f"system={folder / 'hypotheses.jsonl'}",
                 "--out", str(folder / "run")])


def exponent(of: Sequence[Took], sizes: Sequence[int] = SIZES) -> float:
    """The power of ``sizes`` that processor seconds grow with."""
    start = of[0].processor / 2
    slope, _ = np.polyfit(np.log(sizes), np.log([each.processor - start for each in of]), 1)
    return float(slope)
