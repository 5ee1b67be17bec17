"""What the readers share: text files, delimited tables, genders and times as corpora write them."""

from __future__ import annotations

import csv
import math
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.core.errors import ManifestError
from evalkit.core.files import regular
from evalkit.core.ledger import LeftOut
from evalkit.core.names import instead

GENDERS = {"f": "female", "female": "female", "female_feminine": "female",
           "m": "male", "male": "male", "male_masculine": "male"}
LARGEST = 1 << 24
"""Characters of a cell: a table with a larger one is none."""
Row = dict[str, str | None]
"""Cells of a table by column, None where blank."""


def gender(value: str | None) -> str | None:
    """One spelling for female and male; any other answer as it was given, blank as None."""
    return GENDERS.get(value.strip().lower(), value) if value else None


def seconds(text: str | None) -> float | None:
    """A time in seconds, None where blank. Raises ValueError for what is no finite number
    from 0."""
    try:
        value = float(text) if text else 0.0
    except ValueError:
        value = math.nan
    if not 0 <= value < math.inf:
        raise ValueError("a time is not a number of seconds from 0 up")
    return value if text else None


def read_rows(path: Path, *, tabs: bool, nameless: bool = False) -> Iterator[Row | LeftOut]:
    """The rows of a table with a line of column names. Cells are between ``tabs``, as they are,
    or between commas, where quotes may enclose them. A row of more or fewer cells than there are
    columns is left out, and so is a column without a name, of which there may be several where
    they may be ``nameless``. Raises ManifestError naming the file
    for two columns of one name, and for a quote that is never closed."""
    rows = _cells(path, tabs)
    header = next(rows, [])
    twice = [name for name, n in Counter(header).items() if n > 1 and (name or not nameless)]
    if twice:
        raise ManifestError(f"{path}: {header.count(twice[0])} columns are called {twice[0]!r}; "
                            "rename or remove all but one")
    if "" in header:
        yield LeftOut("column", str(path), "has no name")
    for number, row in enumerate(rows, 1):
        if len(row) == len(header):
            cells = dict(zip(header, row, strict=True))
            yield {column: cell or None for column, cell in cells.items() if column}
        else:
            yield LeftOut("row", str(path), "has more or fewer cells than there are columns",
                          names=(f"row {number}",))


def _cells(path: Path, tabs: bool) -> Iterator[list[str]]:
    """Every row that is not empty."""
    csv.field_size_limit(LARGEST)
    reader = (csv.reader(read_lines(path), delimiter="\t", quoting=csv.QUOTE_NONE) if tabs else
              csv.reader(read_lines(path), strict=True))
    try:
        yield from filter(None, reader)
    except csv.Error as error:
        raise ManifestError(f"{path}: not a table: {error}, on line {reader.line_num} or before; "
                            "in CSV a quote encloses a whole cell and is doubled within it"
                            ) from error


@dataclass(frozen=True)
class Pairs:
    """A file of keys and values. ``twice`` are the keys that stand there with several values, of
    which none can be chosen."""

    path: Path
    values: dict[str, str]
    twice: frozenset[str]


def read_pairs(path: Path, *, optional: bool = False) -> Pairs:
    """Lines of a key, a space and a value; nothing where an ``optional`` file does not exist.
    Raises ManifestError naming the file."""
    values: dict[str, str] = {}
    twice: set[str] = set()
    lines: Sequence[str] = () if optional and not path.exists() else list(read_lines(path))
    for line in filter(str.strip, lines):
        key, *rest = line.strip().split(maxsplit=1)
        value = "".join(rest)
        if values.setdefault(key, value) != value:
            twice.add(key)
    return Pairs(path, values, frozenset(twice))


def one_text(path: Path) -> str | None:
    """The words of a file that holds one text; None where it is not there."""
    return " ".join(" ".join(read_lines(path)).split()) if path.is_file() else None


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file. Raises ManifestError naming the file."""
    try:
        with regular(path).open(encoding="utf-8-sig", newline="") as file:
            yield from file
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}{instead(path)}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: not UTF-8 text: {error}") from error
