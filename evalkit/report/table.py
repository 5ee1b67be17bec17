"""Tables whose cells are found by their column: one form for the page, for CSV and for Markdown."""

from __future__ import annotations

import csv
import math
import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from io import StringIO
from typing import Literal

from evalkit.core import text
from evalkit.core.types import Fact
from evalkit.store.scores import GIVEN

_FORMULA = re.compile("((?:^|[;\t\n])\\s*)(?=[=+@\uff1d\uff0b\uff0d\uff20-])")
"""What stands before that which a spreadsheet would take for a formula: the beginning of a cell, or
what parts cells where the comma is a decimal sign, whatever quotes are around it."""
_NAME = re.compile(r"\w[\w.-]*")
SILENT = ({"–"}, {"compared"})
"""What says nothing where it stands in every row."""
NOWHERE = (("n_speakers", {"0"}), ("condition", {GIVEN}))
"""Columns of a corpus that names no speakers, and of hypotheses that were made elsewhere."""
STATUS_MARKS: Mapping[str, str] = {"compared": "●", "insufficient": "○", "unknown": "○"}


@dataclass(frozen=True)
class Column:
    """``key`` is what rows call it, unique in its table; ``title`` is its header, with the unit
    where all of its values have the same."""

    key: str
    title: str
    kind: Literal["text", "number"] = "text"

    @property
    def is_number(self) -> bool:
        """Whether it is set to the right."""
        return self.kind == "number"


@dataclass(frozen=True)
class Cell:
    """A value as shown, and a ``detail`` in smaller type: its interval, or what identifies it.
    ``undefined`` says why there is none. ``value`` is the number in the unit that is shown, by
    which the table sorts and which CSV holds in full, with the ``bounds`` of its interval; None
    where the cell is a text. A ``mark`` is a shape that says the same as the text."""

    text: str
    detail: str = ""
    undefined: str = ""
    n_failed: int = 0
    best: bool = False
    value: float | None = None
    parts: Mapping[str, float] = field(default_factory=dict)
    mark: str = ""
    alarm: bool = False


@dataclass(frozen=True)
class Row:
    """``cells`` by the keys of the table's columns; ``id`` is where a link to the row leads,
    unique on the page."""

    cells: Mapping[str, Cell]
    id: str = ""


@dataclass(frozen=True)
class Table:
    """``name``, of letters, digits, dots and dashes, is unique on the page and that of its CSV
    file; ``caption`` is what it shows. Raises ValueError for another name, and where a row has
    other cells than the columns say."""

    name: str
    caption: str
    columns: Sequence[Column]
    rows: Sequence[Row]

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ValueError(f"table {self.name!r}: give it a name of letters, digits, dots and "
                             "dashes")
        keys = [column.key for column in self.columns]
        if len(set(keys)) < len(keys) or any(row.cells.keys() != set(keys) for row in self.rows):
            raise ValueError(f"table {self.name!r}: rows do not fit the columns {keys}")

    @property
    def size(self) -> str:
        """How many rows, in words."""
        return text.count(len(self.rows), "row")

    @property
    def telling(self) -> list[Column]:
        """The columns that the page shows: not those of which every cell is a dash without a
        reason, or says that a group is compared, that nobody is known to speak, or that it is not
        known what was heard."""
        said = {column.key: {row.cells[column.key].undefined or row.cells[column.key].text
                             for row in self.rows} for column in self.columns}
        return [column for column in self.columns
                if said[column.key] not in SILENT and (column.key, said[column.key]) not in NOWHERE]

    def where(self, keep: Callable[[Row], bool]) -> Table:
        """The table with the rows that are to be kept."""
        return replace(self, rows=[row for row in self.rows if keep(row)])


def texts(**values: object) -> dict[str, Cell]:
    """Cells of text by column."""
    return {key: Cell(str(value)) for key, value in values.items()}


def measured(value: float, fact: Fact, low: float = math.nan, high: float = math.nan,
             undefined: str = "") -> Cell:
    """A cell of a value in the unit and decimals of ``fact``, and of its interval where there is
    one. Without a value it says why, or else a dash."""
    if not math.isfinite(value):
        return Cell("–", undefined=undefined, value=math.nan)
    known = math.isfinite(low) and math.isfinite(high)
    bounds = {"low": fact.scale * low, "high": fact.scale * high} if known else {}
    return Cell(text.number(value, fact), text.span(low, high, fact), value=fact.scale * value,
                parts=bounds)


def counted(n: int | None) -> Cell:
    """A cell of a whole number."""
    return Cell("–", value=math.nan) if n is None else Cell(f"{n:,}", value=n)


def failed(n: int) -> Cell:
    """A cell of a number that should be zero."""
    return Cell(f"{n:,}", value=n, alarm=n > 0)


def p_value(value: float) -> Cell:
    """A cell of a p-value."""
    return Cell(text.p_value(value), value=value)


def status(of_group: str) -> Cell:
    """Whether a group takes part in comparisons, in a word and a shape."""
    word = "compared" if of_group == "ok" else of_group
    return Cell(word, mark=STATUS_MARKS.get(word, ""))


def to_csv(table: Table) -> str:
    """The table as CSV: values in full in the unit that the page shows, their parts such as the
    bounds of intervals in columns of their own, nothing for what is undefined. Whatever a
    spreadsheet would calculate is quoted by an apostrophe, headers too."""
    file = StringIO()
    writer = csv.writer(file, lineterminator="\n")
    parts = {column.key: list(dict.fromkeys(name for row in table.rows
                                            for name in row.cells[column.key].parts))
             for column in table.columns}
    writer.writerow(quoted(title) for column in table.columns
                    for title in (column.title, *(f"{column.title}, {name}"
                                                  for name in parts[column.key])))
    writer.writerows([value for column in table.columns
                      for value in _values(row.cells[column.key], parts[column.key])]
                     for row in table.rows)
    return file.getvalue()


def _values(cell: Cell, parts: Sequence[str]) -> Iterable[str]:
    if cell.value is None:
        yield quoted(f"{cell.text} [{cell.detail}]" if cell.detail else cell.text)
    else:
        yield full(cell.value)
    for name in parts:
        yield full(cell.parts.get(name, math.nan))


def full(value: float) -> str:
    """A number as CSV holds it, nothing where it is undefined."""
    return f"{value:.10g}" if math.isfinite(value) else ""


def quoted(value: str) -> str:
    """A text that a spreadsheet does not calculate."""
    return _FORMULA.sub(r"\1'", text.printable(value))
