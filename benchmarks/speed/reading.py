"""What commands that read a finished run take of a million utterances, and how that grows.

    python -m benchmarks.speed.reading [RUN …]

Of runs of texts.SIZES utterances, made up as texts.py does, or of the finished runs that are named,
of which copies are read; each command in a process of its own. Exponents as in texts.py.
"""

from __future__ import annotations

import shutil
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

from pyarrow import parquet

from benchmarks.speed.million import write
from benchmarks.speed.table import Row, printed
from benchmarks.speed.texts import EVALKIT, EXPONENT, MEMORY, SIZES, exponent, scored
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
    with tempfile.TemporaryDirectory() as folder:
        found = dict(_named(runs, Path(folder)) if runs else _new(Path(folder)))
    sizes = list(found)
    for name in COMMANDS:
        of = [found[n][name] for n in sizes]
        work = f"{name}, {sizes[-1]:,} utterances"
        note = ", ".join(f"{each.processor:.1f}" for each in of)
        yield Row(work, of[-1].wall, SECONDS, "s", note=f"{note} s of processor time")
        yield Row(f"{work}: memory", of[-1].peak / 1e9, MEMORY, "GB")
        if len(sizes) > 1:
            yield Row(f"{name}: exponent of the size", exponent(of, sizes), EXPONENT, "")


def _named(runs: Sequence[Path], folder: Path) -> Iterator[tuple[int, dict[str, Took]]]:
    for i, run in enumerate(runs):
        shutil.copytree(run, folder / str(i) / "run")
        n = parquet.read_metadata(run / "utterances.parquet").num_rows
        yield n, _measured(folder / str(i))


def _new(folder: Path) -> Iterator[tuple[int, dict[str, Took]]]:
    for n in SIZES:
        write(folder / str(n), n)
        scored(folder / str(n))
        yield n, _measured(folder / str(n))


def _measured(folder: Path) -> dict[str, Took]:
    shutil.copytree(folder / "run", folder / "again")
    return {name: took([str(EVALKIT), *arguments], folder)
            for name, arguments in COMMANDS.items()}


if __name__ == "__main__":
    printed(rows([Path(each) for each in sys.argv[1:]]))
