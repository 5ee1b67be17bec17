"""What `evalkit score` takes of a million utterances of texts, and how that grows with size.

Made-up transcripts (benchmarks/speed/million.py) of one system are scored, and the finished run is
resumed, each in processes of its own. The exponent is fitted to processor seconds, less those of a
start, which are taken to be half of what the smallest takes.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterator, Sequence
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
    with tempfile.TemporaryDirectory() as folder:
        found = {n: _measured(Path(folder) / str(n), n) for n in SIZES}
    for name, seconds in REACH.items():
        of = [found[n][name] for n in SIZES]
        work = f"{name}, {SIZES[-1]:,} utterances"
        yield Row(work, of[-1].wall, seconds, "s",
                  note=f"{of[-1].processor:.0f} s of processor time")
        yield Row(f"{work}: memory", of[-1].peak / 1e9, MEMORY, "GB")
        yield Row(f"{name}: exponent of the size", exponent(of), EXPONENT, "")


def _measured(folder: Path, n: int) -> dict[str, Took]:
    """Scored for the first time, and resumed."""
    write(folder, n)
    return {name: scored(folder) for name in REACH}


def scored(folder: Path) -> Took:
    """What million.py wrote into ``folder`` becomes ``folder / "run"``."""
    return took([str(EVALKIT), "score", "--manifest", str(folder / "manifest.jsonl"),
                 "--hypotheses", f"system={folder / 'hypotheses.jsonl'}",
                 "--out", str(folder / "run")])


def exponent(of: Sequence[Took], sizes: Sequence[int] = SIZES) -> float:
    """The power of ``sizes`` that processor seconds grow with."""
    start = of[0].processor / 2
    slope, _ = np.polyfit(np.log(sizes), np.log([each.processor - start for each in of]), 1)
    return float(slope)
