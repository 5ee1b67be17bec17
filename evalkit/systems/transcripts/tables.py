"""Transcripts in tables: CSV with a header, and tab-separated values with or without one."""

from __future__ import annotations

import csv
from collections.abc import Iterator, Sequence

from evalkit.systems.transcripts.keys import Keys
from evalkit.systems.transcripts.lines import BadLineError, Line, Transcript

DELIMITERS = ",;|"


def read_csv(lines: Sequence[Line], keys: Keys) -> Iterator[Transcript]:
    """Quoted as RFC 4180 has it; the first line names the columns."""
    number = lines[0][0]
    try:
        delimiter = delimiter_of(lines[0][1], keys)
        rows = csv.reader((line + "\n" for _, line in lines), delimiter=delimiter, strict=True)
        header = next(rows)
        of_id, of_text = (header.index(key) for key in _columns(header, keys))
        number = _next_line(lines, rows.line_num)
        for row in rows:
            if len(row) != len(header):
                raise ValueError(f"{len(row)} columns, and the header has {len(header)}")
            yield Transcript(_identifier(keys, header[of_id], row[of_id]), row[of_text], number)
            number = _next_line(lines, rows.line_num)
    except (csv.Error, ValueError) as error:
        raise BadLineError(number, str(error)) from error


def _next_line(lines: Sequence[Line], done: int) -> int:
    """The number of the line after the first ``done``, of the last where there is none."""
    return lines[min(done, len(lines) - 1)][0]


def delimiter_of(header: str, keys: Keys) -> str:
    """What parts the columns of a CSV's first line. Raises ValueError where they are not those of
    transcripts."""
    widest = max(DELIMITERS, key=header.count)
    _columns(next(csv.reader([header], delimiter=widest)), keys)
    return widest


def read_tsv(lines: Sequence[Line], keys: Keys) -> Iterator[Transcript]:
    """Without quoting. The first line names the columns where it holds known names; else there are
    two, the id and the text."""
    header = lines[0][1].split("\t")
    try:
        of_id, of_text = (header.index(key) for key in _columns(header, keys))
        body, named = lines[1:], True
    except ValueError as error:
        if len(header) != 2 or keys != Keys():
            raise BadLineError(lines[0][0], _expected(header, error, keys)) from error
        of_id, of_text, body, named = 0, 1, lines, False
    for number, line in body:
        row = line.split("\t")
        if len(row) != len(header) or not row[of_id]:
            raise BadLineError(number, f"expected {len(header)} columns, the id not empty, found "
                                       f"{len(row)}")
        identifier = _identifier(keys, header[of_id], row[of_id]) if named else row[of_id]
        yield Transcript(identifier, row[of_text], number)


def _expected(header: Sequence[str], error: ValueError, keys: Keys) -> str:
    if keys != Keys():
        return str(error)
    return (f"expected an id, a tab and a text, or a header such as id<TAB>hypothesis, found "
            f"{len(header)} columns ({error})")


def _columns(header: Sequence[str], keys: Keys) -> tuple[str, str]:
    twice = sorted({name for name in header if header.count(name) > 1})
    if twice:
        raise ValueError(f"two columns are named {twice[0]!r}")
    return keys.chosen(header, either=len(header) == 2)


def _identifier(keys: Keys, key: str, value: str) -> str:
    if not value.strip():
        raise ValueError("its id is empty")
    return keys.identifier(key, value)
