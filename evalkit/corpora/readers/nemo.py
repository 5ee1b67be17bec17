"""NeMo's manifests: JSON lines with ``audio_filepath``, ``text``, ``offset`` and ``duration``."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from evalkit.core.errors import one_line
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Utterance
from evalkit.corpora.readers.base import gender, read_lines, seconds
from evalkit.store.json_lines import json_object

_OWN = ("audio_filepath", "text", "speaker", "offset", "duration")
_PREDICTED = "pred_text"


def nemo(source: Path) -> Iterator[Utterance | LeftOut]:
    """The lines of ``source``. An utterance's id is the name of its recording, with its offset
    where several lines are of one recording; paths are relative to the file. Every other key with
    text, a number or a truth value is metadata; the predictions of a model (``pred_text…``) are
    none, nor are lists and objects."""
    rows: list[dict[str, Any]] = []
    for number, line in enumerate(read_lines(source), 1):
        if line.strip():
            try:
                rows.append(_row(line))
            except ValueError as error:
                yield LeftOut("row", str(source), one_line(error), names=(f"line {number}",))
    names = Counter(row["audio_filepath"] for row in rows)
    for row in rows:
        yield _utterance(source, row, alone=names[row["audio_filepath"]] == 1)
    yield from _unused(source, rows)


def _unused(source: Path, rows: Sequence[dict[str, Any]]) -> Iterator[LeftOut]:
    """The keys of which some or all values are no metadata."""
    of_key = Counter(key for row in rows for key, value in row.items()
                     if key not in _OWN and value is not None and not _is_metadata(key, value))
    for key, n in of_key.items():
        if key.startswith(_PREDICTED):
            yield LeftOut("column", str(source), "what a model predicted is no metadata",
                          names=(key,))
        else:
            yield LeftOut("cell", str(source), f"{key} is neither text nor a number", n)


def _is_metadata(key: str, value: object) -> bool:
    return (key not in _OWN and not key.startswith(_PREDICTED)
            and isinstance(value, str | int | float))


def _row(line: str) -> dict[str, Any]:
    """Raises ValueError where the line is not one of a NeMo manifest."""
    row = json_object(line)
    if not isinstance(row.get("audio_filepath"), str):
        raise ValueError("has no audio_filepath")
    if not isinstance(row.get("text"), str | None):
        raise ValueError("text is not text")
    for field in ("offset", "duration"):
        row[field] = seconds(str(row[field])) if row.get(field) is not None else None
    return row


def _utterance(source: Path, row: dict[str, Any], *, alone: bool) -> Utterance:
    path = Path(row["audio_filepath"])
    offset = row["offset"] or 0.0
    metadata = {key: gender(str(value)) if key == "gender" else value for key, value in row.items()
                if _is_metadata(key, value)}
    speaker = row.get("speaker")
    return Utterance(path.stem if alone else f"{path.stem}-{offset:g}", source.parent / path,
                     None if speaker is None else str(speaker), row.get("text"), None, offset,
                     row["duration"], metadata)
