"""Labels of groups in one written form, and the group of those whose label is missing.

Whoever groups by a column (tables, gates, baselines, the page, the search for cohorts) gets the
labels from here, so that what people take for one label is one group everywhere: Unicode's
composed form (NFC), single spaces, straight apostrophes and hyphens, no character that cannot be
seen, and numbers by their value: 31, 31.0, "31" and "３１" are the group "31".
"""

from __future__ import annotations

import re
import unicodedata
from collections import defaultdict
from collections.abc import Iterable
from functools import lru_cache
from math import isfinite, isnan
from typing import Any

import numpy as np
import pandas as pd

from evalkit.core import text as of_people

UNKNOWN = of_people.UNKNOWN
"""The group of those whose label is missing (evalkit.core.text.MISSING)."""
_TRUTH = {"true": "True", "false": "False"}
_LIKE_ASCII = {ord(c): "'" for c in "\u2018\u2019\u201b\u02b9\u02bb\u02bc\u02bd\u2032\u00b4\u0060"}
_LIKE_ASCII |= {ord(c): "-" for c in "\u2010\u2011\u2012\u2013\u2014\u2015\u2212\ufe58\ufe63"}
# Letters and marks that show nothing, beside the categories of controls and formats.
_BLANK = re.compile("[\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
                    "\U000e0100-\U000e01ef]")
_WIDE = re.compile("[\uff01-\uffef]+")
_PLAIN_NUMBER = re.compile(r"([+-]?)(\d*)(?:\.(\d*?)0*)?")
_CODE = re.compile(r"[+-]?0\d.*")
_NUMBER = re.compile(r"-?\d+(\.\d+)?(e[+-]?\d+)?", re.IGNORECASE | re.ASCII)
_LONGEST_WHOLE = 1e21
_SHORTEST = 1e-10


def labels_of(column: pd.Series) -> pd.Series:
    """The ``label`` of every value; never missing."""
    place, values = _different(column)
    labels = np.array([label(value) for value in values], object)
    return pd.Series(labels[place], column.index, dtype=object, name=column.name)


def _different(column: pd.Series) -> tuple[np.ndarray, np.ndarray]:
    """The different values of a column, and of every row the place among them. Objects that are
    equal may be of several kinds, 1 and True, and are not told apart: each row has its own."""
    if column.dtype == object:
        return np.arange(len(column)), column.to_numpy()
    place, values = pd.factorize(column, use_na_sentinel=False)
    return place, np.asarray(values, object)


def label(value: Any) -> str:
    """A value as the label of a group, UNKNOWN where it is missing."""
    if isinstance(value, np.floating):
        value = float(str(value))  # of 32 bits too: 0.1, not 0.10000000149
    if value is None or (isinstance(value, float) and isnan(value)):
        return UNKNOWN
    return number_text(value) if isinstance(value, float) else _text_label(str(value))


def number_text(value: float) -> str:
    """A number without a decimal point where it is whole and without an exponent where it is
    neither huge nor tiny, so that equal numbers are equal texts."""
    if value.is_integer() and abs(value) < _LONGEST_WHOLE:
        return str(int(value))
    if _SHORTEST <= abs(value) < _LONGEST_WHOLE:
        return np.format_float_positional(value, trim="-")
    return repr(value)


def number_of(text: str) -> float | None:
    """The finite number that a label is, None where it is none."""
    if not _NUMBER.fullmatch(text):
        return None
    value = float(text)
    return value if isfinite(value) else None


def alike(labels: Iterable[str]) -> list[tuple[str, ...]]:
    """The sets of labels that differ in nothing but small and capital letters."""
    spellings: defaultdict[str, list[str]] = defaultdict(list)
    for text in sorted(set(labels)):
        spellings[text.casefold()].append(text)
    return [tuple(same) for same in spellings.values() if len(same) > 1]


@lru_cache(1 << 16)
def _text_label(value: str) -> str:
    seen = _one_form(value)
    small = seen.lower()
    if small in of_people.MISSING:
        return UNKNOWN
    return _TRUTH.get(small) or _plain_number(seen) or seen


def _one_form(value: str) -> str:
    text = _WIDE.sub(lambda part: unicodedata.normalize("NFKC", part.group()), value)
    seen = "".join(_seen(c) for c in text.translate(_LIKE_ASCII))
    return " ".join(unicodedata.normalize("NFC", _BLANK.sub("", seen)).split())


def _seen(character: str) -> str:
    """The character, a blank for any space and "" for what cannot be seen."""
    if character.isspace():
        return " "
    return "" if unicodedata.category(character) in ("Cc", "Cf", "Cs") else character


def _plain_number(text: str) -> str | None:
    """A decimal number in any script's digits as ``number_text`` has it; None for other texts,
    and for codes with leading zeros."""
    digits = "".join(c if c.isascii() else str(unicodedata.decimal(c, c)) for c in text)
    parts = _PLAIN_NUMBER.fullmatch(digits) if digits.isascii() else None
    if parts is None or _CODE.fullmatch(digits) or not any(map(str.isdigit, digits)):
        return None
    sign, whole, fraction = parts.groups()
    number = (whole or "0") + (f".{fraction}" if fraction else "")
    return f"-{number}" if sign == "-" and number != "0" else number
