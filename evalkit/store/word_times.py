"""When the words of a reference were said, as a line of a manifest has it.

    "words": [["turn", 0.00, 0.21], ["on the", 0.21, 0.45], ["light", 0.45, 0.80]]

Times are in seconds from the utterance's beginning, in the order of the text. Words whose border
nobody knows stand as one, with the time of both. Anything else than a list of lists under this key
is metadata.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evalkit.core.errors import FieldError
from evalkit.core.types import Word

WORDS = "words"
SOURCE = "words_source"
"""Key under which a manifest may say who gave the times, and how wrong they are."""
MOST = 200_000
"""Words of an utterance."""
LATEST = 1e9
"""Seconds: no word ends later …"""
SLACK = 0.5
"""… nor by so many seconds behind the utterance, where the line has its ``duration``."""


def has_word_times(key: str, value: Any) -> bool:
    """Whether a key of a line gives times of words, and is no list of texts."""
    return key == WORDS and isinstance(value, list) and not (
        value and all(isinstance(item, str) for item in value))


def word_times(row: Mapping[str, Any]) -> tuple[Word, ...]:
    """The words of a line with their times; none where it does not give them. Raises FieldError
    naming the first that cannot be used."""
    items = row.get(WORDS)
    if not (isinstance(items, list) and has_word_times(WORDS, items)):
        return ()
    if len(items) > MOST:
        raise FieldError(WORDS, f"has {len(items):,} words; at most {MOST:,} are taken")
    words, before, latest = [], 0.0, _latest(row)
    for number, item in enumerate(items):
        word, start, end = _parts(item, number)
        if not before <= start <= end < LATEST:
            raise FieldError(WORDS, f"item {number} is from {start!r} to {end!r} s, after a word "
                                    f"from {before!r} s; times must not go backwards")
        if end > latest:
            raise FieldError(WORDS, f"item {number} ends at {end!r} s, behind the utterance's "
                                    f"duration of {row['duration']!r} s")
        before = start
        words.append(Word(word, float(start), float(end)))
    return tuple(words)


def _latest(row: Mapping[str, Any]) -> float:
    """What no word may end behind."""
    duration = row.get("duration")
    known = isinstance(duration, int | float) and duration > 0
    return float(duration) + SLACK if known and duration is not None else LATEST


def written(words: Iterable[Word]) -> list[list[Any]]:
    """The inverse of ``word_times``."""
    return [[word.text, word.start, word.end] for word in words]


def _parts(item: Any, number: int) -> tuple[str, float, float]:
    """Word, start and end of an item."""
    good = (isinstance(item, list) and len(item) == 3 and isinstance(item[0], str)
            and all(isinstance(time, int | float) and not isinstance(time, bool)
                    for time in item[1:]))
    if not good:
        raise FieldError(WORDS, f"item {number} must be [word, start, end], with times in seconds")
    if any("\ud800" <= c <= "\udfff" for c in item[0]):
        raise FieldError(WORDS, f"item {number} holds half a character (a lone surrogate)")
    return item[0], item[1], item[2]
