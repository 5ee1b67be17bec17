"""What a recognizer says beside its text, as it is taken and as it stands in a row."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from numbers import Real
from typing import Any

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Hypothesis, Word
from evalkit.store.outputs import Row

MOST_WORDS = 200_000
"""Words of a hypothesis that are taken."""
MOST_ALTERNATIVES = 1_000
"""Next best guesses that are taken."""


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


def row_of(hypothesis: Hypothesis | None) -> Row:
    """The columns of ``hypothesis``; None stands where there is nothing."""
    if hypothesis is None:
        return dict.fromkeys(("text", "confidence", "words", "alternatives"))
    return {"text": hypothesis.text, "confidence": hypothesis.confidence,
            "words": [vars(word) for word in hypothesis.words] or None,
            "alternatives": [{"text": each.text, "confidence": each.confidence}
                             for each in hypothesis.alternatives] or None}


def hypothesis_in(row: Mapping[str, Any]) -> Hypothesis:
    """The hypothesis whose columns ``row`` has."""
    words: Iterable[Mapping[str, Any]] = row["words"] or ()
    alternatives: Iterable[Mapping[str, Any]] = row["alternatives"] or ()
    return Hypothesis(row["text"], tuple(Word(**word) for word in words), row["confidence"],
                      tuple(Hypothesis(each["text"], confidence=each["confidence"])
                            for each in alternatives))
