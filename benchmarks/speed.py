"""How fast evalkit is, beside what it is measured against: one table.

    python benchmarks/speed.py [alignment trials quality texts reading …]

Without names, all of MEASUREMENTS but ONLY_NAMED. Ratios are of processor time, least of several
runs that take turns in one process, with one thread. What was measured when is in
docs/performance.md.
"""

from __future__ import annotations

import os
import sys
from argparse import ArgumentParser
from collections.abc import Callable, Iterable, Mapping
from importlib import import_module
from itertools import chain
from pathlib import Path

os.environ.setdefault("OMP_NUM_THREADS", "1")
sys.path[0] = str(Path(__file__).parent.parent)
os.environ["PYTHONPATH"] = sys.path[0]  # for the processes that some measure in

from benchmarks.speed.table import Row, printed  # noqa: E402

MEASUREMENTS: Mapping[str, str] = {
    "alignment": "benchmarks.speed.alignment",
    "trials": "benchmarks.speed.trials",
    "quality": "benchmarks.speed.quality",
    "stub_run": "benchmarks.speed.stub_run",
    "texts": "benchmarks.speed.texts",
    "reading": "benchmarks.speed.reading",
    "stub_run_large": "benchmarks.speed.stub_run_large",
}
"""By name the module whose ``rows`` measure."""
ONLY_NAMED = {"stub_run_large"}
"""Those that take long, and are done where their names are given."""


def rows(names: Iterable[str]) -> Iterable[Row]:
    measures: Iterable[Callable[[], Iterable[Row]]] = (
        import_module(MEASUREMENTS[name]).rows for name in names)
    return chain.from_iterable(measure() for measure in measures)


def asked() -> list[str]:
    """The measurements that the command names, or those that it makes without names."""
    parser = ArgumentParser(
        prog="python benchmarks/speed.py", description="How fast evalkit is: one table.",
        epilog="example: python benchmarks/speed.py alignment texts")
    parser.add_argument("names", nargs="*", metavar="NAME", help=(
        f"any of {', '.join(MEASUREMENTS)}; without names all but {', '.join(ONLY_NAMED)}"))
    names: list[str] = parser.parse_args().names
    if unknown := sorted(set(names) - MEASUREMENTS.keys()):
        parser.error(f"no measurement {unknown[0]!r}; there are {', '.join(MEASUREMENTS)}")
    return names or [name for name in MEASUREMENTS if name not in ONLY_NAMED]


if __name__ == "__main__":
    printed(rows(asked()))
