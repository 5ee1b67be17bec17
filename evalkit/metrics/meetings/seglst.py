"""SegLST, CHiME's and meeteval's format: a list of JSON objects, one a segment, or one a line.

    [{"session_id": "s1", "speaker": "A", "start_time": 0.0, "end_time": 2.5, "words": "turn on"}]

Further keys are metadata. Times may be missing, of all segments or of none.
"""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.core.errors import one_line
from evalkit.metrics.meetings.segments import Segment
from evalkit.store.json_lines import json_object
from evalkit.systems.transcripts.lines import BadLineError, Line
from evalkit.systems.transcripts.timed import LONGEST

KEYS = ("session_id", "speaker", "words", "start_time", "end_time")
Row = tuple[int, Any]
"""The number of the line that an object is on, or its own among those of a list; and the object."""


class DoubledKeyError(ValueError):
    """An object with a key twice."""


def read_seglst(lines: Sequence[Line]) -> Iterator[tuple[int, Segment]]:
    """The segments with their numbers. Raises BadLineError naming the line, or the segment."""
    is_list = lines[0][1].lstrip().startswith("[")
    timed = set()
    for number, row in (_listed if is_list else _one_a_line)(lines):
        try:
            segment = _segment(row)
            timed.add(segment.start is None)
            _check_times(timed)
        except ValueError as error:
            said = f"segment {number} of the list: {error}" if is_list else str(error)
            raise BadLineError(0 if is_list else number, one_line(said)) from error
        yield number, segment


def _check_times(kinds: set[bool]) -> None:
    """Raises ValueError where there are both kinds of segments, with times and without."""
    if len(kinds) > 1:
        raise ValueError("some segments have times and some have none; give all or none")


def _listed(lines: Sequence[Line]) -> Iterator[Row]:
    try:
        found = json.loads("\n".join(text for _, text in lines), object_pairs_hook=_each_once)
    except RecursionError as error:
        raise BadLineError(0, "is not JSON: nested too deep") from error
    except DoubledKeyError as error:
        raise BadLineError(0, str(error)) from error
    except json.JSONDecodeError as error:
        line = lines[min(error.lineno, len(lines)) - 1][0]
        raise BadLineError(line, f"is not JSON: {error.msg}") from error
    except ValueError as error:
        raise BadLineError(0, "is not JSON: a number of too many digits") from error
    yield from enumerate(found, 1)


def _one_a_line(lines: Sequence[Line]) -> Iterator[Row]:
    for number, text in lines:
        try:
            row = json_object(text)
            json.loads(text, object_pairs_hook=_each_once)
            yield number, row
        except ValueError as error:
            raise BadLineError(number, one_line(error)) from error


def _each_once(pairs: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Raises DoubledKeyError, where Python would take the last value without a word."""
    found: dict[str, Any] = {}
    for key, value in pairs:
        if key in found:
            raise DoubledKeyError(f"has the key {key!r} twice; keep one of them")
        found[key] = value
    return found


def _segment(row: Any) -> Segment:
    """Raises ValueError for what is no segment."""
    if not isinstance(row, dict):
        raise ValueError("is no JSON object")
    start, end = _times(row)
    return Segment(_name(row, "session_id"), _name(row, "speaker"), _text(row, "words"), start, end,
                   {key: row[key] for key in row if key not in KEYS})


def _times(row: Mapping[str, Any]) -> tuple[float | None, float | None]:
    start, end = (_seconds(row, key) for key in ("start_time", "end_time"))
    if start is None and end is None:
        return None, None
    if start is None or end is None:
        raise ValueError("has one of start_time and end_time; give both or none")
    if end < start:
        raise ValueError(f"ends at {end:g}, before it starts at {start:g}")
    return start, end


def _text(row: Mapping[str, Any], key: str) -> str:
    if key not in row:
        raise ValueError(f"has no {key!r}; a segment has {', '.join(KEYS)}")
    value = row[key]
    if not isinstance(value, str):
        raise ValueError(f"{key!r} must be text, not {value!r}")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{key!r} holds half a character (a lone surrogate)") from error
    return value


def _name(row: Mapping[str, Any], key: str) -> str:
    value = row.get(key)
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    name = _text(row, key)
    if not name.strip():
        raise ValueError(f"{key!r} is empty")
    return name


def _seconds(row: Mapping[str, Any], key: str) -> float | None:
    """A time; meeteval writes some as text."""
    value = row.get(key)
    if value is None:
        return None
    try:
        seconds = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        seconds = math.nan
    if not 0 <= seconds <= LONGEST:
        raise ValueError(f"{key!r} must be seconds from 0 on, not {value!r}")
    return seconds
