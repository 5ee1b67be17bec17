"""When a streaming recognizer's words came, by the algorithmic clock: seconds of audio that it had
been given. What a recognizer took to compute is in no number here."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import ClassVar, NamedTuple

import numpy as np

from evalkit.core.alignment import Costs, align
from evalkit.core.errors import UtteranceError
from evalkit.core.types import Event, Fact, Measurement, Output, Utterance, Word
from evalkit.metrics.comparison import TextOptions, normalised
from evalkit.metrics.tokens import mixed, unparted, words

NEEDS = frozenset({"text", "hypothesis", "events"})
LATE_MS = (300, 500, 1000)
_OF_WORDS = ("of the words that are correct in the final result and whose time the manifest has "
             "(words), and ")


class Emission(NamedTuple):
    """A word that is correct in the final result, and its times in seconds of the utterance: its
    ``end``, when it was first ``shown``, and since when it stayed there (``settled``)."""

    word: str
    end: float
    shown: float
    settled: float

    @property
    def latency_ms(self) -> float:
        """From its end until it was first shown; negative for one that was guessed."""
        return milliseconds(self.end, self.shown)


def milliseconds(start: float, end: float) -> float:
    """Between two times in seconds, to the microsecond: 300 ms are not later than 300 ms."""
    return round(1000 * (end - start), 3)


class Timeline(NamedTuple):
    """An utterance that was streamed: its correct words, and in seconds of audio when the first
    word was ``said`` and the last one ``ended``, None where that is not known; when any word was
    first ``shown``, None where none ever was, and since when the result was ``final``."""

    emissions: list[Emission]
    said: float | None
    ended: float | None
    shown: float | None
    final: float


def timeline(utterance: Utterance, events: Sequence[Event], options: TextOptions) -> Timeline:
    """Raises UtteranceError where the text has no times of its words, or no event was shown."""
    if utterance.text is None:
        raise UtteranceError("NoReference", "the manifest has no text for it")
    unit = mixed if unparted(normalised(options.normaliser, utterance.text)) else words
    shown = shown_tokens(events, options, unit)
    reference, final = options.tokens(utterance.text, events[-1].text, unit)
    ends = [None if word is None else word.end
            for word in said_words(utterance, reference, options, unit)]
    first, since = appeared(final, shown, [event.audio for event in events])
    emissions = [Emission(final[j], end, first[j], since[j])
                 for i, j in equal(reference, final, options.costs)
                 if (end := ends[i]) is not None]
    some = next((event.audio for event, tokens in zip(events, shown, strict=True) if tokens), None)
    said, ended = (ends[0], ends[-1]) if ends else (None, None)
    return Timeline(emissions, said, ended, some, _final(events, shown))


def shown_tokens(events: Sequence[Event], options: TextOptions,
                 unit: Callable[[str], Sequence[str]]) -> list[list[str]]:
    """The tokens of each event's text. Raises UtteranceError of kind NoEvents."""
    if not events:
        raise UtteranceError("NoEvents", "nothing is known of what the recognizer showed on the "
                                         "way")
    return [list(options.tokens("", event.text, unit)[1]) for event in events]


def said_words(utterance: Utterance, reference: Sequence[str], options: TextOptions,
               unit: Callable[[str], Sequence[str]]) -> list[Word | None]:
    """Of each token of the ``reference`` the word of known time that it is of; None for one that
    the timed words do not have. Raises UtteranceError of kind NoWordTimes where no time is
    known."""
    timed = [(token, word) for word in utterance.words if word.end is not None
             for token in options.tokens("", word.text, unit)[1]]
    if len(reference) and not timed:
        raise UtteranceError("NoWordTimes", "nobody knows when its words were said: the manifest "
                             "does not give it (words: [[word, start, end], ...]), or the "
                             "condition changed how long it lasts")
    found: list[Word | None] = [None] * len(reference)
    for i, j in equal(reference, [token for token, _ in timed]):
        found[i] = timed[j][1]
    return found


def equal(one: Sequence[str], other: Sequence[str], costs: Costs = "levenshtein"
          ) -> list[tuple[int, int]]:
    """Places of the tokens that the alignment of two sequences pairs as the same."""
    places, i, j = [], 0, 0
    for operation, _, _ in align(one, other, costs).pairs:
        if operation == "=":
            places.append((i, j))
        i += operation != "I"
        j += operation != "D"
    return places


def appeared(final: Sequence[str], shown: Sequence[Sequence[str]], times: Sequence[float]
             ) -> tuple[list[float], list[float]]:
    """When each token of the final result was first shown, and since when it stayed: what is shown
    is aligned with the final result at every event."""
    first, since = np.full(len(final), np.nan), np.full(len(final), np.nan)
    for tokens, time in zip(shown, times, strict=True):
        there = np.zeros(len(final), bool)
        there[_places(tokens, final)] = True
        first[there & np.isnan(first)] = time
        since[there & np.isnan(since)] = time
        since[~there] = np.nan
    last = times[-1]  # of a word that the rules of a mapping make of the whole result alone
    return np.nan_to_num(first, nan=last).tolist(), np.nan_to_num(since, nan=last).tolist()


def _places(tokens: Sequence[str], final: Sequence[str]) -> list[int]:
    """Which tokens of the final result are among ``tokens``."""
    if list(tokens) == list(final[:len(tokens)]):
        return list(range(len(tokens)))
    return [j for _, j in equal(tokens, final)]


def _final(events: Sequence[Event], shown: Sequence[Sequence[str]]) -> float:
    """The first final event behind which no word changes any more."""
    final = events[-1].audio
    for event, tokens in zip(reversed(events), reversed(shown), strict=True):
        if tokens != shown[-1]:
            break
        if event.kind == "final":
            final = event.audio
    return final


def _mean_facts() -> dict[str, Fact]:
    end = "from the end of the word until"
    return {
        "emission_latency": Fact(
            "ms", False, f"Mean {_OF_WORDS}{end} it was first shown, in audio that the recognizer "
            "had been given by then", decimals=0, streamed=True, title="Emission latency"),
        "settling_latency": Fact(
            "ms", False, f"Mean {_OF_WORDS}{end} it was there to stay, in audio that the "
            "recognizer had been given by then", decimals=0, streamed=True,
            title="Settling latency"),
        "first_word_latency": Fact(
            "ms", False, "Mean of the utterances in which any word was shown, from the end of the "
            "first word of the reference until any word was shown", decimals=0,
            title="First-word latency"),
        "finalisation_latency": Fact(
            "ms", False, "Mean of the utterances, from the end of the last word of the reference "
            "until the result was final and did not change any more", decimals=0,
            title="Finalisation latency")}


@dataclass(frozen=True)
class EmissionLatency(TextOptions):
    """How late words come, and how many of them come late (Baumann, Atterer & Schlangen 2009,
    NAACL, tell when a word first occurs from when it is decided). Additive: sums of milliseconds
    over words or utterances; quantiles are evalkit.statistics.latency."""

    name: ClassVar[str] = "emission_latency"
    needs: ClassVar[frozenset[str]] = NEEDS
    text_options: ClassVar[frozenset[str]] = frozenset(
        {"normaliser", "costs", "alternatives", "glm"})
    facts: ClassVar[Mapping[str, Fact]] = _mean_facts() | {
        f"late_words_{ms}ms": Fact(
            "%", False, f"Share {_OF_WORDS}were first shown more than {ms} ms after their end",
            title=f"Words later than {ms:,} ms", is_count=True, streamed=True,
            bounds=(0.0, 1.0)) for ms in LATE_MS}

    @property
    def version(self) -> str:
        return f"1, {self.described}"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError as ``timeline`` does."""
        line = timeline(utterance, output.hypothesis.events if output.hypothesis else (), self)
        latencies = [each.latency_ms for each in line.emissions]
        n = float(len(latencies))
        settling = sum(milliseconds(each.end, each.settled) for each in line.emissions)
        return {
            "emission_latency": Measurement(float(sum(latencies)), n),
            "settling_latency": Measurement(float(settling), n),
            "first_word_latency": _between(line.said, line.shown),
            "finalisation_latency": _between(line.ended, line.final),
        } | {f"late_words_{ms}ms": Measurement(float(sum(each > ms for each in latencies)), n)
             for ms in LATE_MS}


def _between(start: float | None, end: float | None) -> Measurement:
    """The time of one utterance, which has no part where either is not known."""
    if start is None or end is None:
        return Measurement(0.0, 0.0)
    return Measurement(milliseconds(start, end))
