"""How often a streaming recognizer takes back what it has shown."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise, takewhile
from typing import ClassVar

from evalkit.core.types import Fact, Measurement, Output, Utterance
from evalkit.metrics.comparison import TextOptions
from evalkit.metrics.emission import shown_tokens
from evalkit.metrics.tokens import mixed

_REVOKED = ("a word is revoked when what is shown next differs from it, or from any word before "
            "it; of normalised texts")


@dataclass(frozen=True)
class RevokedWords(TextOptions):
    """Revocations as incremental processing counts them (Baumann, Atterer & Schlangen 2009, NAACL):
    what is shown grows and shrinks at its end alone, so that whatever stands behind a change is
    taken back and shown anew."""

    name: ClassVar[str] = "revoked_words"
    needs: ClassVar[frozenset[str]] = frozenset({"hypothesis", "events"})
    text_options: ClassVar[frozenset[str]] = frozenset({"normaliser", "glm"})
    facts: ClassVar[Mapping[str, Fact]] = {
        "revoked_words": Fact(
            "", False, f"Words that were shown and revoked, divided by words of the final results; "
            f"{_REVOKED}", title="Revoked words per final word", is_count=True, streamed=True),
        "revoked_words_per_second": Fact(
            "1/s", False, f"Words that were shown and revoked, divided by seconds of audio; "
            f"{_REVOKED}", title="Revoked words per second", is_count=True, streamed=True),
    }

    @property
    def version(self) -> str:
        return f"1, {self.described}"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError of kind NoEvents."""
        events = output.hypothesis.events if output.hypothesis else ()
        shown = shown_tokens(events, self, mixed)
        revoked = float(sum(len(before) - _kept(before, now) for before, now in pairwise(shown)))
        return {"revoked_words": Measurement(revoked, float(len(shown[-1]))),
                "revoked_words_per_second": Measurement(revoked, events[-1].audio)}


def _kept(before: Sequence[str], now: Sequence[str]) -> int:
    """How many words at the beginning are still the same."""
    return sum(1 for _ in takewhile(lambda pair: pair[0] == pair[1],
                                    zip(before, now, strict=False)))
