"""How soon a recognizer follows a speaker into another language, by the algorithmic clock."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import ClassVar, NamedTuple

from evalkit.core.types import Event, Fact, Measurement, Output, Utterance, Word
from evalkit.metrics.emission import NEEDS, appeared, equal, milliseconds, said_words, shown_tokens
from evalkit.metrics.languages import KEY, check_one_reading, spoken_in
from evalkit.metrics.tokens import words
from evalkit.metrics.words import ByWords


class Switch(NamedTuple):
    """A change of language, and its times in seconds of the utterance: when the first word of the
    new one was ``said``, None where nobody knows it; and when a word of it that is correct in the
    final result, and was said before the next switch, was first ``shown``, None where none is."""

    said: float | None
    shown: float | None


@dataclass(frozen=True)
class LanguageSwitch(ByWords):
    """``switch_delay`` and ``missed_switches``; ``key`` is that of
    evalkit.metrics.languages.spoken_in. Additive: sums over switches."""

    key: str = field(default=KEY, kw_only=True)

    name: ClassVar[str] = "language_switch"
    needs: ClassVar[frozenset[str]] = NEEDS
    of_one_reading: ClassVar[Mapping[str, Fact]] = {
        "switch_delay": Fact(
            "ms", False, "Mean of the switches of language after which any word of the new "
            "language was right, from the start of its first word until a right one was first "
            "shown, in audio that the recognizer had been given by then", decimals=0,
            title="Delay of a switch of language", streamed=True),
        "missed_switches": Fact(
            "%", False, "Share of the switches of language after which no word of the new language "
            "was right until the next switch", title="Switches of language that were missed",
            is_count=True, streamed=True, bounds=(0.0, 1.0))}

    def __post_init__(self) -> None:
        super().__post_init__()
        check_one_reading(self)

    @property
    def version(self) -> str:
        return f"{super().version}, switches 1 {self.key}"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError as ByWords does, and of the kinds BadLanguages, NoEvents and
        NoWordTimes."""
        reference, hypothesis = self.texts(utterance, output)
        said, final = self.tokens(reference, hypothesis, words)
        spoken = spoken_in(utterance, self.key, said, self)
        times = said_words(utterance, said, self, words)
        events = output.hypothesis.events if output.hypothesis else ()
        found = switches(spoken, times, self._shown(said, final, events))
        delays = [milliseconds(said_at, shown) for said_at, shown in found
                  if said_at is not None and shown is not None]
        missed = sum(each.shown is None for each in found)
        return {"switch_delay": Measurement(float(sum(delays)), float(len(delays))),
                "missed_switches": Measurement(float(missed), float(len(found)))}

    def _shown(self, said: Sequence[str], final: Sequence[str], events: Sequence[Event]
               ) -> list[float | None]:
        """When each word of the reference was first shown; None for one that is not correct in the
        final result."""
        shown = shown_tokens(events, self, words)
        first, _ = appeared(final, shown, [event.audio for event in events])
        found: list[float | None] = [None] * len(said)
        for i, j in equal(said, final, self.costs):
            found[i] = first[j]
        return found


def switches(spoken: Sequence[str], times: Sequence[Word | None], shown: Sequence[float | None]
             ) -> list[Switch]:
    """Those of an utterance whose words are of the languages ``spoken``, have the ``times``, and
    were first ``shown`` then."""
    stretches = [list(places) for _, places in groupby(range(len(spoken)), spoken.__getitem__)]
    found = []
    for places in stretches[1:]:
        word = times[places[0]]
        right = [time for place in places if (time := shown[place]) is not None]
        found.append(Switch(None if word is None else word.start, min(right, default=None)))
    return found
