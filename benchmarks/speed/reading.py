"""What commands that read a finished run take of a million utterances, and how that grows.

    python -m benchmarks.speed.reading [RUN …]

Of the runs of texts.SIZES utterances that texts.py makes, or of the finished runs that are named;
copies are read, by each command in a process of its own. Exponents as in texts.py.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pyarrow import parquet

from benchmarks.speed.table import Row, printed
from benchmarks.speed.texts import EVALKIT, EXPONENT, MEMORY, SIZES, exponent, finished
from benchmarks.speed.tree import Took, took

SECONDS = 60.0
COMMANDS: Mapping[str, Sequence[str]] = {
    "groups": ("groups", "run", "--by", "accent"),
    "baseline freeze": ("baseline", "freeze", "run", "--out", "baseline.json.gz"),
    "compare": ("compare", "run", "again"),
    "cohorts": ("cohorts", "run"),
    "report": ("report", "run", "--out", "report"),
}
"""Their arguments; ``run`` and ``again`` are two copies of one run."""


def rows(runs: Sequence[Path] = ()) -> Iterator[Row]:
    """Of finished ``runs``, the smallest first; without them, of new ones of SIZES."""
    found = dict(_measured(run) for run in (runs or (finished(n) / "run" for n in SIZES)))
    sizes = list(found)
    for name in COMMANDS:
        of = [found[n][name] for n in sizes]
        work = f"{name}, {sizes[-1]:,} utterances"
        note = ", ".join(f"{each.processor:.1f}" for each in of)
        yield Row(work, of[-1].wall, SECONDS, "s", note=f"{note} s of processor time")
        yield Row(f"{work}: memory", of[-1].peak / 1e9, MEMORY, "GB")
        if len(sizes) > 1:
            yield Row(f"{name}: exponent of the size", exponent(of, sizes), EXPONENT, "")


def _measured(run: Path) -> tuple[int, dict[str, Took]]:
    """How many utterances it has, and what each command takes of copies of it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        for copy in ("run", "again"):
            shutil.copytree(run, folder / copy)
        n = parquet.read_metadata(run / "utterances.parquet").num_rows
        return n, {name: took([str(EVALKIT), *arguments], folder)
                   for name, arguments in COMMANDS.items()}


if __name__ == "__main__":
    printed(rows([Path(each) for each in sys.argv[1:]]))
