"""Cells of untrusted tables as what a manifest may hold."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Any

from evalkit.core.text import one_of
from evalkit.store.json_lines import texts_as_one

LONGEST = 1_000_000
"""Characters of a text."""
LONGEST_LABEL = 10_000
_NUMBER = re.compile(r"-?(0|[1-9]\d{0,14})(\.\d{1,40})?([eE][+-]?\d{1,2})?", re.ASCII)


def text_of(value: Any, what: str) -> str | None:
    """A cell as the text of an utterance, None where there is none. Raises ValueError for what is
    neither text nor number."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return None
    if isinstance(value, bool) or not isinstance(value, str | int | float):
        raise ValueError(f"its {what} is no text")
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    text = str(value)
    if len(text) > LONGEST:
        raise ValueError(f"its {what} has more than {LONGEST:,} characters")
    return text


def said_in(cells: Iterable[Any], *, lists: bool) -> str | None:
    """The text that ``cells`` of references hold, of several one with alternatives; None where they
    hold none. Where ``lists``, a cell may be a list of texts each of which is right. Raises
    ValueError for a list where not, and as ``text_of`` does."""
    texts = [text for cell in cells for text in _texts(cell, lists=lists) if text is not None]
    return one_of(texts) if texts else None


def _texts(cell: Any, *, lists: bool) -> list[str | None]:
    if isinstance(cell, list) and not lists:
        raise ValueError("its reference is a list; say --alternatives (`alternatives: true` in "
                         "eval.yaml) where each is right")
    return [text_of(one, "reference") for one in (cell if isinstance(cell, list) else [cell])]


def count_of(value: Any, what: str) -> int:
    """A cell as a count. Raises ValueError for what is none."""
    text = (text_of(value, what) or "").strip()
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not (0 <= number < 1e9 and number.is_integer()):
        raise ValueError(f"its {what} {text!r} is no count" if text else f"has no {what}")
    return int(number)


def seconds_of(value: Any) -> float | None:
    """A cell as seconds; None for what is none."""
    text = str(value).strip()
    number = float(text) if _NUMBER.fullmatch(text) else math.nan
    return number if 0 <= number < 1e9 else None


def labels_of(values: Sequence[Any]) -> list[Any] | None:
    """The cells of a column as metadata: text, numbers, truth values or None; numbers where all
    texts are such. None for a column that holds objects, lists of anything but texts, or texts of
    more than LONGEST_LABEL characters."""
    plain = [_plain(value) for value in values]
    kinds = {type(value) for value in plain}
    texts = [value for value in plain if isinstance(value, str)]
    if kinds & {list, dict} or max(map(len, texts), default=0) > LONGEST_LABEL:
        return None
    if all(map(_NUMBER.fullmatch, texts)):
        return [_number(value) if isinstance(value, str) else value for value in plain]
    return plain


def _plain(value: Any) -> Any:
    """Dates and decimal numbers of Parquet are text, and so is a list of texts."""
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    value = texts_as_one(value)
    if isinstance(value, bool | list | dict) or value is None:
        return value
    if isinstance(value, int) and -2**63 <= value < 2**63:
        return value
    return str(value).strip() or None


def _number(text: str) -> int | float:
    return int(text) if text.lstrip("-").isdecimal() else float(text)
