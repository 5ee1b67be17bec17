"""What the readers share: text files, delimited tables, genders and times as corpora write them."""

from __future__ import annotations

import csv
import math
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from evalkit.core.errors import ManifestError
from evalkit.core.files import regular

GENDERS = {"f": "female", "female": "female", "female_feminine": "female",
           "m": "male", "male": "male", "male_masculine": "male"}
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


def read_rows(path: Path, **dialect: Any) -> Iterator[Row]:
    """The rows of a delimited file with a line of column names. ``dialect`` is csv.reader's.
    Raises ManifestError naming the file."""
    try:
        for row in csv.DictReader(read_lines(path), restkey="", **dialect):
            row.pop("", None)
            yield {column: value or None for column, value in row.items()}
    except csv.Error as error:
        raise ManifestError(f"{path}: not a table: {error}") from error


def read_pairs(path: Path, *, optional: bool = False) -> dict[str, str]:
    """Lines of a key, a space and a value; nothing where an ``optional`` file does not exist.
    Raises ManifestError naming the file."""
    if optional and not path.exists():
        return {}
    split = (line.strip().split(maxsplit=1) for line in read_lines(path) if line.strip())
    return {key: "".join(value) for key, *value in split}


def read_lines(path: Path) -> Iterator[str]:
    """The lines of a UTF-8 file. Raises ManifestError naming the file."""
    try:
        with regular(path).open(encoding="utf-8-sig", newline="") as file:
            yield from file
    except OSError as error:
        raise ManifestError(f"{path}: cannot be read: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise ManifestError(f"{path}: not UTF-8 text: {error}") from error
