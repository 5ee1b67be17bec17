"""One line of a manifest as an utterance. What is wrong with it is a FieldError."""

from __future__ import annotations

import json
import marshal
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, NamedTuple

from evalkit.core.errors import FieldError
from evalkit.core.text import one_of
from evalkit.core.types import Utterance
from evalkit.store.json_lines import object_in, texts_as_one
from evalkit.store.remote import refusal, url_of
from evalkit.store.word_times import WORDS, has_word_times, word_times

FIELDS = ("id", "audio", "reference_audio", "text", "speaker", "offset", "duration")
LEAVES = "leaves the corpus folder; allow it with --outside"
LONGEST = 1e9
"""Seconds: no offset or duration is as long."""


class SharedMetadata:
    """The metadata of the rows of one manifest: that of equal rows, such as a speaker's, is one
    mapping, which is checked once."""

    def __init__(self) -> None:
        self._forms: dict[tuple[str, ...], _Form] = {}

    def of(self, row: Mapping[str, Any]) -> dict[str, Any]:
        """The metadata of ``row``. Raises FieldError."""
        keys = tuple(row)
        form = self._forms.get(keys)
        if form is None:
            if WORDS in row:
                return _metadata(row)
            form = self._forms[keys] = _Form([key for key in keys if key not in FIELDS], {})
        try:  # to Python 1, 1.0 and True are equal; their bytes are not
            written = marshal.dumps([row[name] for name in form.names], 2)
        except ValueError:  # nested too deep
            return _metadata(row)
        known = form.known.get(written)
        if known is None:
            known = form.known[written] = _metadata(row)
        return known


class _Form(NamedTuple):
    """Rows of the same keys: which of them are metadata, and those known by their bytes."""

    names: list[str]
    known: dict[bytes, dict[str, Any]]


def with_one_text(row: dict[str, Any]) -> dict[str, Any]:
    """The row with a list of texts as one, in sclite's notation."""
    texts = row.get("text")
    if not isinstance(texts, list):
        return row
    if not texts or not all(isinstance(text, str) for text in texts):
        raise FieldError("text", "must be text, or a list of texts each of which is right")
    return {**row, "text": one_of(texts)}


def utterance_of(row: Mapping[str, Any], root: Path, *, outside: bool, remote: bool,
                 shared: SharedMetadata | None = None) -> Utterance:
    """The utterance of a line of a manifest in the folder ``root``, whose recordings may be
    ``outside`` of it, or ``remote`` URLs; its metadata is ``shared`` with others. Raises
    FieldError."""
    if not "".join(row).isascii() and any(map(_broken, row)):
        raise FieldError("line", "has a key that holds half a character (a lone surrogate)")
    identifier = _text(row, "id")
    if not identifier:
        raise FieldError("id", "is missing; every utterance needs one")
    audio, reference = (
        _path(row, field, root, outside=outside, remote=remote) if field in row else None
        for field in ("audio", "reference_audio"))
    text, speaker = _text(row, "text"), _text(row, "speaker") or None
    offset = _seconds(row, "offset") or 0.0 if "offset" in row else 0.0
    duration = _seconds(row, "duration") if "duration" in row else None
    words = word_times(row) if WORDS in row else ()
    metadata = _metadata(row) if shared is None else shared.of(row)
    return Utterance(identifier, audio, speaker, text, reference, offset, duration, metadata, words)


def _metadata(row: Mapping[str, Any]) -> dict[str, Any]:
    return {key: _scalar(key, value) for key, value in row.items()
            if key not in FIELDS and not has_word_times(key, value)}


def row_in(line: bytes) -> dict[str, Any]:
    """The object on a line. Raises FieldError of the field "line" where there is none."""
    row = object_in(line)
    return _object(line) if row is None else row


def _object(line: bytes) -> dict[str, Any]:
    try:
        row = json.loads(line.decode("utf-8-sig"))
    except json.JSONDecodeError as error:
        raise FieldError("line", f"is not JSON: {error.msg} at character {error.pos + 1}"
                          ) from error
    except UnicodeDecodeError as error:
        raise FieldError("line", f"is not JSON: not UTF-8 at byte {error.start + 1}") from error
    except ValueError as error:
        raise FieldError("line", "is not JSON: a number of too many digits") from error
    except RecursionError as error:
        raise FieldError("line", "is not JSON: nested too deep") from error
    if not isinstance(row, dict):
        raise FieldError("line", "is not a JSON object")
    return row


def _text(row: Mapping[str, Any], field: str) -> str | None:
    value = row.get(field)
    if value is None:
        return None
    if type(value) is str and value.isascii():
        return value
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        several = "; a list of right texts needs `alternatives: true` (--alternatives)" if (
            field == "text" and isinstance(value, list)) else ""
        raise FieldError(field, f"must be text, not {type(value).__name__}{several}")
    return _whole(field, value)


def _whole(field: str, value: str) -> str:
    if _broken(value):
        raise FieldError(field, "holds half a character (a lone surrogate)")
    return value


def _broken(value: str) -> bool:
    return not value.isascii() and any("\ud800" <= c <= "\udfff" for c in value)


def _seconds(row: Mapping[str, Any], field: str) -> float | None:
    value = row.get(field)
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise FieldError(field, f"must be a number of seconds, not {value!r}")
    if not 0 <= value < LONGEST:
        raise FieldError(field, f"must be a finite number of seconds from 0, not {value!r}")
    return float(value)


def _scalar(field: str, value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        raise FieldError(field, "is not a finite number")
    if isinstance(value, int) and not -2**63 <= value < 2**63:
        raise FieldError(field, "is a whole number of more than 64 bits")
    if isinstance(value := texts_as_one(value), str):
        return _whole(field, value)
    if value is None or isinstance(value, int | float):
        return value
    raise FieldError(field, "must be text, a number, a truth value or a list of texts, not "
                            f"{type(value).__name__}")


def _path(row: Mapping[str, Any], field: str, root: Path, *, outside: bool, remote: bool
          ) -> Path | None:
    value = _text(row, field)
    if not value:
        return None
    if "\0" in value:
        raise FieldError(field, "holds a NUL character")
    if url := url_of(value):
        if why := refusal(url, allowed=remote):
            raise FieldError(field, why)
        return Path(url)
    path = root / value
    if not (outside or inside(path, root)):
        raise FieldError(field, f"{value!r} leaves the corpus folder; allow it with --outside, or "
                                 "`outside: true` in the configuration")
    return path


def inside(path: Path, root: Path) -> bool:
    """Whether ``path`` is in the folder ``root``, wherever links lead."""
    return os.path.realpath(path).startswith(os.path.realpath(root) + os.sep)
