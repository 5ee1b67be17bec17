"""Numbers, texts and words of plug-ins and of files that others made, as they are taken."""

from __future__ import annotations

import math
import re
from numbers import Real
from typing import Any

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Word

MOST_WORDS = 200_000
"""Words of a hypothesis that are taken."""
MOST_ALTERNATIVES = 1_000
"""Next best guesses that are taken."""
LONGEST_TEXT = 1_000_000
"""Characters of a hypothesis."""
UNWRITABLE = re.compile("[\0\ud800-\udfff]")
"""NUL, and halves of characters, which UTF-8 has no bytes for."""


def checked_number(value: Any, whose: str) -> float | None:
    """A finite number, or None. Raises UtteranceError of kind WrongType or NotFinite."""
    if value is None:
        return None
    if isinstance(value, bool) or not isinstance(value, Real):
        raise UtteranceError("WrongType", f"{whose} is {value!r}; it must be a number, or None")
    if not math.isfinite(value):
        raise UtteranceError("NotFinite", f"{whose} is {value}; it must be None where it is not "
                                          "known")
    return float(value)


def at_most(items: Any, most: int, kind: type, whose: str) -> tuple[Any, ...]:
    """A tuple of ``kind``, ``most`` of them at most. Raises UtteranceError of kind WrongType or
    TooLong."""
    if not isinstance(items, tuple) or not all(isinstance(item, kind) for item in items):
        raise UtteranceError("WrongType", f"{whose} must be a tuple of {kind.__name__}")
    if len(items) > most:
        raise UtteranceError("TooLong", f"{whose} are {len(items):,}; at most {most:,} are taken")
    return items


def taken_text(text: Any, whose: str) -> str:
    """A text that can be written as UTF-8. Raises UtteranceError of kind WrongType, TooLong or
    BadText."""
    if not isinstance(text, str):
        raise UtteranceError("WrongType", f"the text of {whose} is {named(text)}; it must be a str")
    text = str.__str__(text)
    if len(text) > LONGEST_TEXT:
        raise UtteranceError("TooLong", f"{whose} has {len(text):,} characters; at most "
                                        f"{LONGEST_TEXT:,} are taken")
    if found := UNWRITABLE.search(text):
        raise UtteranceError("BadText", f"{whose} holds U+{ord(found[0]):04X}, which is no "
                                        "character of a text")
    return text


def taken_word(made: Word) -> Word:
    """A word whose numbers are finite or None. Raises UtteranceError as ``taken_text`` and
    ``checked_number`` do."""
    numbers = (checked_number(value, f"a word's {name}") for name, value in (
        ("start", made.start), ("end", made.end), ("confidence", made.confidence)))
    return Word(taken_text(made.text, "a word"), *numbers)


def named(value: Any) -> str:
    """What type a value is of, for a person."""
    return "None" if value is None else article(type(value).__name__)


def article(name: str) -> str:
    """``name`` behind its article."""
    return f"an {name}" if name[0].lower() in "aeiou" or name == "ndarray" else f"a {name}"
