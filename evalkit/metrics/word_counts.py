"""Word error rate from counts of errors that somebody else made, without the texts."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import ClassVar

from evalkit.core.alignment import Edits
from evalkit.core.errors import UtteranceError
from evalkit.core.types import Fact, Measurement, Output, Utterance
from evalkit.metrics.words import WordErrors, word_rates

_FORM = re.compile(r"(\d+) hits, (\d+) substitutions, (\d+) deletions, (\d+) insertions")
_NOT_COUNTED = "hallucination"
_AS_GIVEN = ("counted elsewhere: normalisation, unit and alignment are those of whoever counted")


def written(edits: Edits) -> str:
    """The counts in the place of a hypothesis: what is known of it."""
    return (f"{edits.hits} hits, {edits.substitutions} substitutions, {edits.deletions} deletions, "
            f"{edits.insertions} insertions")


@dataclass(frozen=True)
class WordCounts:
    """``wer`` and its parts, from hypotheses that are ``written`` counts."""

    name: ClassVar[str] = "word_counts"
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[str]] = frozenset({"hypothesis"})
    text_options: ClassVar[frozenset[str]] = frozenset()
    facts: ClassVar[Mapping[str, Fact]] = {
        name: replace(fact, definition=f"{fact.definition}; {_AS_GIVEN}")
        for name, fact in WordErrors.of_one_reading.items() if name != _NOT_COUNTED}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError of kind NoHypothesis or NoCounts."""
        if output.hypothesis is None:
            raise UtteranceError("NoHypothesis", "the table has no counts of it")
        counts = _FORM.fullmatch(output.hypothesis.text)
        if counts is None:
            raise UtteranceError("NoCounts", "the hypothesis is a text, not counts of errors")
        return word_rates(Edits(*map(int, counts.groups())))
