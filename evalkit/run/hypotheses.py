"""What a recognizer says beside its text, as it stands in a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from evalkit.core.types import Hypothesis, Word
from evalkit.run.events import events_in, rows_of
from evalkit.store.outputs import Row


def row_of(hypothesis: Hypothesis | None) -> Row:
    """The columns of ``hypothesis``; None stands where there is nothing."""
    if hypothesis is None:
        return dict.fromkeys(("text", "confidence", "words", "alternatives", "events"))
    return {"text": hypothesis.text, "confidence": hypothesis.confidence,
            "words": [vars(word) for word in hypothesis.words] or None,
            "alternatives": [{"text": each.text, "confidence": each.confidence}
                             for each in hypothesis.alternatives] or None,
            "events": rows_of(hypothesis.events) or None}


def hypothesis_in(row: Mapping[str, Any]) -> Hypothesis:
    """The hypothesis whose columns ``row`` has."""
    words: Iterable[Mapping[str, Any]] = row["words"] or ()
    alternatives: Iterable[Mapping[str, Any]] = row["alternatives"] or ()
    return Hypothesis(row["text"], tuple(Word(**word) for word in words), row["confidence"],
                      tuple(Hypothesis(each["text"], confidence=each["confidence"])
                            for each in alternatives), events_in(row.get("events")))
