"""What streaming recognizers showed, and when: tables of a run in which any was streamed.

    events.parquet      a row an event (EVENTS), those of an utterance in order
    emissions.parquet   a row a correct word whose time is known (EMISSIONS)

The algorithmic clock counts seconds of audio that a recognizer had been given: it is the same on
any machine. ``clock`` is the computational one, seconds that had passed, and differs from run to
run.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

import pyarrow as pa

_WORDS = pa.list_(pa.struct([
    ("text", pa.string()), ("start", pa.float64()), ("end", pa.float64()),  # seconds
    ("confidence", pa.float64())]))
_EVENT = (
    ("audio", pa.float64()),  # seconds of the utterance that had been heard
    ("kind", pa.string()), ("text", pa.string()), ("words", _WORDS),
    ("clock", pa.float64()))  # seconds since the utterance began; null where nobody measured it
_EMISSION = (
    ("word", pa.string()),  # normalised
    ("end", pa.float64()),  # of the word, in seconds of the utterance
    ("shown", pa.float64()),  # seconds of audio when it was first there
    ("settled", pa.float64()))  # seconds of audio since when it stayed
_CELL = (("pipeline", pa.string()), ("condition", pa.string()), ("utterance_id", pa.string()))

EVENTS_COLUMN = pa.field("events", pa.list_(pa.struct(_EVENT)))
EMISSIONS_COLUMN = pa.field("emissions", pa.list_(pa.struct(_EMISSION)))
"""Of rows of outputs; null where nothing was streamed, and in no table where nothing was at all."""

EVENTS = pa.schema([*_CELL, ("number", pa.int64()), *_EVENT])
EMISSIONS = pa.schema([*_CELL, ("speaker_id", pa.string()), *_EMISSION])
EVENTS_TABLE, EMISSIONS_TABLE = "events.parquet", "emissions.parquet"
STREAMED = {EVENTS_TABLE: EVENTS, EMISSIONS_TABLE: EMISSIONS}
"""Tables of a run in which anything was streamed."""
CLOCKS = ("clock",)
"""Columns that differ from run to run."""


def with_column(schema: pa.Schema, rows: Iterable[Mapping[str, Any]], *columns: pa.Field
                ) -> pa.Schema:
    """``schema``, with the ``columns`` where any of ``rows`` has something in them."""
    rows = list(rows)
    for column in columns:
        if any(row.get(column.name) is not None for row in rows):
            schema = schema.append(column)
    return schema


def unfolded(rows: Iterable[Mapping[str, Any]], column: str) -> Iterator[dict[str, Any]]:
    """A row for everything in the lists of ``column``, numbered from 0 within each."""
    for row in rows:
        rest = {name: value for name, value in row.items() if name != column}
        for number, item in enumerate(row[column] or ()):
            yield rest | {"number": number} | item
