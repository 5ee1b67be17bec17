"""Tables that sort and filter, the same on the page and as CSV."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from io import StringIO

from evalkit.core.text import count, number, printable
from evalkit.core.text import p_value as chance
from evalkit.core.types import Fact

_FORMULA = ("=", "+", "-", "@", "\t", "\r")
"""What a spreadsheet would take for the beginning of a formula."""


@dataclass(frozen=True)
class Cell:
    """A value as shown, and its ``interval``. ``undefined`` says why there is none. A ``key`` is
    what the cell is sorted by and what CSV holds, with the ``bounds`` of the interval, instead of
    the text; a ``mark`` is a shape that says the same as the text."""

    text: str
    interval: str = ""
    undefined: str = ""
    n_failed: int = 0
    best: bool = False
    key: float | None = None
    bounds: tuple[float, float] | None = None
    mark: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class Line:
    """A row; ``id`` is where a link to it leads, unique on the page."""

    cells: Sequence[Cell]
    id: str = ""


@dataclass(frozen=True)
class Listing:
    """A table of ``name``, unique on the page; ``caption`` is what it shows, ``numbers`` are the
    columns that hold numbers."""

    name: str
    caption: str
    columns: Sequence[str]
    lines: Sequence[Line]
    numbers: frozenset[str] = field(default_factory=frozenset)

    @property
    def size(self) -> str:
        """How many rows, in words."""
        return count(len(self.lines), "row")


def plain(*texts: object) -> list[Cell]:
    """Cells of text."""
    return [Cell(str(value)) for value in texts]


def measured(value: float, fact: Fact, low: float = math.nan, high: float = math.nan,
             undefined: str = "") -> Cell:
    """A cell of a value in the unit and decimals of ``fact``, and of its interval where there is
    one. Without a value it says why, or else a dash."""
    if not math.isfinite(value):
        return Cell("–", undefined=undefined, key=math.nan)
    known = math.isfinite(low) and math.isfinite(high)
    interval = f"{number(low, fact)} to {number(high, fact)}" if known else ""
    return Cell(number(value, fact), interval, key=value, bounds=(low, high) if known else None)


def counted(n: int | None) -> Cell:
    """A cell of a whole number."""
    return Cell("–", key=math.nan) if n is None else Cell(f"{n:,}", key=n)


def failed(n: int) -> Cell:
    """A cell of a number that should be zero."""
    return Cell(f"{n:,}", key=n, alarm=n > 0)


def p_value(value: float) -> Cell:
    """A cell of a p-value."""
    return Cell(chance(value), key=value)


def to_csv(listing: Listing) -> str:
    """The table as CSV: values in full, the bounds of intervals in columns of their own, nothing
    for what is undefined. A text that a spreadsheet would calculate is quoted by an apostrophe."""
    columns = list(zip(listing.columns, zip(*(line.cells for line in listing.lines), strict=True),
                       strict=True)) if listing.lines else [(name, ()) for name in listing.columns]
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    ranged = [any(cell.bounds for cell in cells) for _, cells in columns]
    writer.writerow(title for (name, _), wide in zip(columns, ranged, strict=True)
                    for title in ((name, f"{name}, low", f"{name}, high") if wide else (name,)))
    writer.writerows([value for cell, wide in zip(line.cells, ranged, strict=True)
                      for value in _values(cell, wide)] for line in listing.lines)
    return file.getvalue()


def _values(cell: Cell, ranged: bool) -> Iterable[str]:
    yield _text(cell.text) if cell.key is None else _full(cell.key)
    if ranged:
        yield from map(_full, cell.bounds or (math.nan, math.nan))


def _full(value: float) -> str:
    return f"{value:.10g}" if math.isfinite(value) else ""


def _text(value: str) -> str:
    text = printable(value)
    return f"'{text}" if text.startswith(_FORMULA) else text
