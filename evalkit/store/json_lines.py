"""JSON in the lines and cells of tables: an object a line, as other tools write it, and lists of
texts as one text."""

from __future__ import annotations

import json
from typing import Any

from pydantic_core import from_json


def object_in(line: str | bytes) -> dict[str, Any] | None:
    """The object on a line as Python's own reader has it, in a quarter of its time; None where that
    one has to look, because there is none or it is written oddly."""
    try:
        row = from_json(line, cache_strings="keys")
    except ValueError:
        return None
    return row if isinstance(row, dict) else None


def json_object(line: str) -> dict[str, Any]:
    """The object on a line. Raises ValueError where there is none."""
    if (found := object_in(line)) is not None:
        return found
    try:
        row = json.loads(line)
    except json.JSONDecodeError:
        raise
    except ValueError as error:
        raise ValueError("is not JSON: a number of too many digits") from error
    except RecursionError as error:
        raise ValueError("is not JSON: nested too deep") from error
    if not isinstance(row, dict):
        raise ValueError("is not a JSON object; write one object a line")
    return row


def texts_as_one(value: Any) -> Any:
    """A list of texts as one text; any other value as it is."""
    return json.dumps(value, ensure_ascii=False) if _are_texts(value) else value


def texts_in(text: str) -> list[str]:
    """The inverse of ``texts_as_one``. Raises ValueError for what is no list of texts."""
    try:
        items = json.loads(text)
    except (ValueError, RecursionError):
        items = None
    if not _are_texts(items):
        raise ValueError(f"is no list of texts in JSON: {text[:30]!r}")
    return list(items)


def _are_texts(value: Any) -> bool:
    return isinstance(value, list) and all(isinstance(item, str) for item in value)
