"""A CSV or TSV file with a line of column names, one utterance a row; it needs no audio."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from evalkit.core.errors import ManifestError
from evalkit.core.ledger import LeftOut
from evalkit.core.names import offer
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import Row, read_rows, seconds
from evalkit.corpora.readers.naming import check_fields
from evalkit.store.manifest_rows import FIELDS

_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,40})?")


def table(source: Path, **columns: str) -> Iterator[Utterance | LeftOut]:
    """The rows of ``source``, which is tab-separated where it is called ``*.tsv``.

    ``columns`` says which column is which field (``id="idx", text="reference"``); a field's own
    name otherwise. Every other column is metadata: numbers where all its values are. Audio
    paths are relative to the file.
    """
    check_fields(columns)
    return _read(source, columns)


def _read(source: Path, columns: Mapping[str, str]) -> Iterator[Utterance | LeftOut]:
    items = list(read_rows(source, tabs=source.suffix.lower() == ".tsv"))
    yield from (item for item in items if isinstance(item, LeftOut))
    rows = [item for item in items if not isinstance(item, LeftOut)]
    for field in ("id", *columns):
        if rows and columns.get(field, field) not in rows[0]:
            name = columns.get(field, field)
            raise ManifestError(f"{source}: no column {name!r} for {field}; its first line names "
                                f"{offer(name, rows[0], 'the columns')}; say --column {field}=NAME")
    yield from _utterances(source, rows, {field: columns.get(field, field) for field in FIELDS})


def _utterances(source: Path, rows: list[Row], columns: Mapping[str, str]
                ) -> Iterator[Utterance | LeftOut]:
    others = [column for column in (rows[0] if rows else ()) if column not in columns.values()]
    for column in sorted(set(others) & set(columns)):
        yield LeftOut("column", str(source), f"the {column} of an utterance is in the column "
                      f"{columns[column]!r}", names=(column,))
    is_number = _numeric(rows, [column for column in others if column not in columns])
    for number, row in enumerate(rows, 1):
        fields = {field: row.get(column) for field, column in columns.items()}
        try:
            utterance = _utterance(source, fields)
        except ValueError as error:
            yield LeftOut("row", str(source), str(error),
                          names=(fields["id"] or f"row {number}",))
            continue
        yield replace(utterance, metadata={column: _value(row[column], numeric)
                                           for column, numeric in is_number.items()})


def _numeric(rows: Sequence[Row], columns: Sequence[str]) -> dict[str, bool]:
    """Whether all values of each column are numbers."""
    return {column: all(_NUMBER.fullmatch(row[column] or "0") for row in rows)
            for column in columns}


def _utterance(source: Path, fields: Mapping[str, str | None]) -> Utterance:
    """An utterance without metadata. Raises ValueError where the row cannot be used."""
    offset, duration = (seconds(fields[field]) for field in ("offset", "duration"))
    if not fields["id"]:
        raise ValueError("has no id")
    audio, reference = (source.parent / path if path else None
                        for path in (fields["audio"], fields["reference_audio"]))
    return Utterance(fields["id"], audio, fields["speaker"], fields["text"], reference,
                     offset or 0.0, duration)


def _value(cell: str | None, is_number: bool) -> str | int | float | None:
    if cell is None or not is_number:
        return cell
    return float(cell) if "." in cell else int(cell)
