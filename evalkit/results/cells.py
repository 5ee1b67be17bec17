"""A table file as rows of named cells: CSV, TSV with or without column names, JSON lines, Parquet,
and the transcript formats as tables of two columns. All of it is untrusted input."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.errors import ManifestError, one_line
from evalkit.core.files import regular
from evalkit.core.ledger import NAMED, LeftOut, merged
from evalkit.core.names import instead
from evalkit.results.delimited import Delimited, read_delimited
from evalkit.results.parquet import read_parquet
from evalkit.store.json_lines import json_object
from evalkit.systems.transcripts.file import HEAD, binary_kind, read_transcripts
from evalkit.systems.transcripts.keys import Keys

PARQUET = b"PAR1"
TRANSCRIPTS = {".trn": "trn", ".stm": "stm", ".ctm": "ctm"}
"""Formats that are no tables: the id and the text of every utterance."""
MOST_COLUMNS = 1000
"""Of a file of JSON lines, each with keys of its own."""
_NO_UTF8 = re.compile("[\udc80-\udcff]")
_HALF = re.compile("[\ud800-\udfff]")


class Row(NamedTuple):
    """One row: where it stands, such as "line 4", and its cells by column, None where there is
    nothing."""

    place: str
    cells: dict[str, Any]


@dataclass(frozen=True)
class Cells:
    """A table that was read. Where ``named`` is false the file has no column names, and its
    columns are called 1, 2, 3 …"""

    path: Path
    columns: tuple[str, ...]
    rows: tuple[Row, ...]
    left_out: tuple[LeftOut, ...]
    named: bool = True


def read_cells(path: Path, known: Collection[str], *, alternatives: bool = False) -> Cells:
    """Reads the table ``path``. The first row of a text table names the columns where one of its
    cells is among the ``known`` names, whatever its case. A row that cannot be read is left out
    and named. Transcripts may hold sclite's where ``alternatives``. Raises ManifestError for what
    is no table."""
    head = _head(path)
    if head.startswith(PARQUET):
        table = _parquet(path)
    elif kind := binary_kind(head):
        raise ManifestError(f"{path}: is {kind}; a table of results is CSV, TSV, JSON lines or "
                            "Parquet, in UTF-8")
    elif form := TRANSCRIPTS.get(path.suffix.lower()):
        table = _transcripts(path, form, alternatives=alternatives)
    else:
        table = _text(path, known)
    if not table.rows:
        raise ManifestError(f"{path}: holds no row of a table" + "".join(
            f" ({item})" for item in table.left_out[:1]))
    return table


def _head(path: Path) -> bytes:
    try:
        with regular(path).open("rb") as file:
            return file.read(HEAD)
    except OSError as error:
        raise ManifestError(f"{path}: cannot read it: {error.strerror}{instead(path)}") from error


def _checked(path: Path, rows: Iterable[tuple[str, dict[str, Any] | str]], columns: Sequence[str],
             left_out: Iterable[LeftOut] = (), *, named: bool = True) -> Cells:
    """The rows that can be used, and those, given as why they cannot, that are left out."""
    kept, lost = [], list(left_out)
    for place, cells in rows:
        if isinstance(cells, dict) and not (why := _unreadable(cells)):
            kept.append(Row(place, cells))
        else:
            why = cells if isinstance(cells, str) else why
            lost.append(LeftOut("row", path.name, one_line(why), names=(place,)))
    return Cells(path, tuple(columns), tuple(kept), tuple(merged(lost)), named)


def _unreadable(cells: dict[str, Any]) -> str:
    """What of a row is no text; "" where all is."""
    text = "".join(map(str, (*cells, *cells.values())))
    if text.isascii() or not _HALF.search(text):
        return ""
    return ("is not UTF-8; save the file as UTF-8" if _NO_UTF8.search(text) else
            "holds half a character (a lone surrogate)")


def _text(path: Path, known: Collection[str]) -> Cells:
    """What is text: JSON lines, or cells with something between them."""
    lines = path.read_bytes().decode("utf-8-sig", "surrogateescape").split("\n")
    first = next((line.lstrip() for line in lines if line.strip()), "")
    if first.startswith("["):
        raise ManifestError(f"{path}: is one list in JSON; write one object a line "
                            "(`jq -c .[] FILE`)")
    if first.startswith("{"):
        return _json(path, lines)
    return _delimited(path, read_delimited(path, lines, known))


def _delimited(path: Path, table: Delimited) -> Cells:
    left_out = [LeftOut("column", path.name, "has no name")] if "" in table.header else []
    columns = [name for name in table.header if name]
    return _checked(path, table.rows(), columns, left_out, named=table.named)


def _json(path: Path, lines: Sequence[str]) -> Cells:
    """Of the keys of all lines the first MOST_COLUMNS are columns."""
    rows = list(_objects(lines))
    keys = list(dict.fromkeys(key for _, row in rows if isinstance(row, dict) for key in row))
    left_out = LeftOut("column", path.name, f"there are more than {MOST_COLUMNS} columns",
                       len(keys) - MOST_COLUMNS, tuple(keys[MOST_COLUMNS:][:NAMED]))
    return _checked(path, rows, keys[:MOST_COLUMNS], [left_out] if left_out.n > 0 else [])


def _objects(lines: Sequence[str]) -> Iterator[tuple[str, dict[str, Any] | str]]:
    for number, line in enumerate(lines, 1):
        if line.strip():
            try:
                yield f"line {number}", json_object(line)
            except ValueError as error:
                yield f"line {number}", f"is no JSON object: {error}"


def _parquet(path: Path) -> Cells:
    table = read_parquet(path)
    return _checked(path, table.rows(), list(table.cells), table.left_out)


def _transcripts(path: Path, form: str, *, alternatives: bool) -> Cells:
    found = read_transcripts(path, form, Keys(), alternatives=alternatives)
    rows = [(f"utterance {n}", {"id": identifier, "text": text})
            for n, (identifier, text) in enumerate(found.texts.items(), 1)]
    return _checked(path, rows, ("id", "text"), found.left_out)
