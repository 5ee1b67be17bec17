"""Text tables: CSV, of which a broken row costs nothing but itself, and cells between tabs."""

from __future__ import annotations

import csv
from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import ManifestError

LONGEST_ROW = 200
"""Lines that a row with quoted line ends may have; a quote that nobody closed would else take all
that follows."""
DELIMITERS = ",;|\t"
COMMENTS = (";", "#")
SHOWN = 50
"""Rows that tell how many columns there are."""
Split = tuple[int, list[str] | str]
"""The number of the line that a row begins on, and its cells, or why it is none."""


@dataclass(frozen=True)
class Delimited:
    """A table as it stands in its file. Where ``named`` is false its columns have numbers."""

    header: tuple[str, ...]
    split: tuple[Split, ...]
    named: bool

    def rows(self) -> Iterator[tuple[str, dict[str, Any] | str]]:
        """Where each row stands, and its cells by column, or why it is none."""
        for number, row in self.split:
            yield f"line {number}", row if isinstance(row, str) else self._by_column(row)

    def _by_column(self, row: Sequence[str]) -> dict[str, Any] | str:
        if len(row) != len(self.header):
            return "has more or fewer cells than there are columns"
        return {name: cell for name, cell in zip(self.header, row, strict=True) if name}


def read_delimited(path: Path, lines: Sequence[str], known: Collection[str]) -> Delimited:
    """The table ``path``. Its first row names the columns where one of its cells is among the
    ``known`` names in lower case. Lines before it that begin with ; or # are comments, the last of
    which may name the columns, as in LibriSpeech's SPEAKERS.TXT. Raises ManifestError for two
    columns of one name."""
    lines = [line.removesuffix("\r") for line in lines]
    first = _begin(path, lines)
    delimiter = "\t" if path.suffix.lower() == ".tsv" else max(DELIMITERS, key=lines[first].count)
    split = tuple(_tabs(lines, first) if delimiter == "\t" else _quoted(lines, first, delimiter))
    above = "".join(lines[max(0, first - 1):first]).lstrip("".join(COMMENTS))
    table = (Delimited(_names(above.split(delimiter)), split, named=True)
             if delimiter in above else _with_header(split, known))
    (name, n), *_ = Counter(filter(None, table.header)).most_common(1) or [("", 0)]
    if n > 1:
        raise ManifestError(f"{path}: {n} columns are called {name!r}; rename or remove all but "
                            "one")
    return table


def _with_header(split: tuple[Split, ...], known: Collection[str]) -> Delimited:
    """A table whose first row may name the columns."""
    header = () if isinstance(split[0][1], str) else _names(split[0][1])
    if {name.lower() for name in header} & {*known}:
        return Delimited(header, split[1:], named=True)
    width = max(0 if isinstance(row, str) else len(row) for _, row in split[:SHOWN])
    return Delimited(tuple(map(str, range(1, width + 1))), split, named=False)


def _names(cells: Sequence[str]) -> tuple[str, ...]:
    return tuple(cell.strip() for cell in cells)


def _begin(path: Path, lines: Sequence[str]) -> int:
    """The number, from 0, of the first line that is neither blank nor a comment. Raises
    ManifestError where there is none."""
    for number, line in enumerate(lines):
        if line.strip() and not line.startswith(COMMENTS):
            return number
    raise ManifestError(f"{path}: holds no row of a table")


def _tabs(lines: Sequence[str], first: int) -> Iterator[Split]:
    """Every row that is not empty, without quoting."""
    for number, line in enumerate(lines[first:], first + 1):
        if line.strip():
            yield number, line.split("\t")


def _quoted(lines: Sequence[str], first: int, delimiter: str) -> Iterator[Split]:
    """Every row, quoted as RFC 4180 has it; between | the blanks around cells are none of theirs.
    After a row that cannot be read, reading goes on on the line after the one that it begins on."""
    ahead = _Ahead(lines, first, first)
    while ahead.begun < len(lines):
        ahead.at = ahead.begun
        try:
            for row in csv.reader(ahead, delimiter=delimiter, strict=True):
                number, ahead.begun = ahead.begun + 1, ahead.at
                if row:
                    yield number, [cell.strip() for cell in row] if delimiter == "|" else row
        except csv.Error as error:
            why = "a quote is never closed" if "unexpected end" in str(error) else str(error)
            yield ahead.begun + 1, f"is no row of CSV: {why}"
            ahead.begun += 1


@dataclass
class _Ahead:
    """The lines from ``at`` on, as csv.reader asks for them; ``begun`` is the first of the row."""

    lines: Sequence[str]
    at: int
    begun: int

    def __iter__(self) -> _Ahead:
        return self

    def __next__(self) -> str:
        if self.at >= len(self.lines):
            raise StopIteration
        if self.at - self.begun >= LONGEST_ROW:
            raise csv.Error(f"a quote is not closed within {LONGEST_ROW} lines")
        self.at += 1
        return self.lines[self.at - 1] + "\n"
