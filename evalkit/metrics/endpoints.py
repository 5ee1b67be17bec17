"""When an end-pointer says that the speaker has ended: too early, or how late, and what a guess
ahead of it gains. All times are of the algorithmic clock, seconds of audio that had been given."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import ClassVar, NamedTuple

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Event, Fact, Measurement, Output, Utterance, Word
from evalkit.metrics.comparison import TextOptions, normalised
from evalkit.metrics.emission import milliseconds
from evalkit.metrics.tokens import mixed

END = 0.005
"""Seconds: a final event that comes no earlier before the recording ends is its end, and no
end-point."""
RESTART_MS = 200.0
_CUT = "where the first end-point was not before the end of the last word"
_NONE = ("; where none came before the recording ended, the end of the recording stands for it, so "
         "that the value is a lower bound")


class Turn(NamedTuple):
    """What is known of one utterance: when its last word ``ended``, in seconds, the end-points that
    were ``found``, speculative and final, in order, and the ``result``, the first final one, or
    where there is none the end of the recording."""

    ended: float
    found: list[Event]
    result: Event

    @property
    def has_endpoint(self) -> bool:
        """Whether any final end-point came before the recording ended."""
        return any(event.kind == "final" for event in self.found)

    @property
    def is_cut(self) -> bool:
        """Whether the first final end-point came before the last word had ended."""
        return self.has_endpoint and self.after(self.result) < 0

    @property
    def resets(self) -> int:
        """End-points that were taken back: another came behind, which did not make a speculative
        one final, or words that had not ended yet."""
        again = sum((one.kind, other.kind) != ("speculative", "final")
                    for one, other in pairwise(self.found))
        return again + bool(self.found and self.after(self.found[-1]) < 0)

    @property
    def guess(self) -> Event | None:
        """The last speculative end-point before the result."""
        return next((event for event in reversed(self.found)
                     if event.kind == "speculative" and event.audio <= self.result.audio), None)

    def after(self, event: Event) -> float:
        """Milliseconds from the end of the last word until ``event``."""
        return milliseconds(self.ended, event.audio)


def turn(utterance: Utterance, output: Output) -> Turn | None:
    """None where nothing was said. Raises UtteranceError where the text has no time of its last
    word, or nothing was shown and nobody knows how long the recording is."""
    ended = last_word_end(utterance)
    if ended is None:
        return None
    events = output.hypothesis.events if output.hypothesis else ()
    found, closing = endpoints_of(events, utterance.duration), _closing(events, utterance, ended)
    return Turn(ended, found, next((e for e in found if e.kind == "final"), closing))


def _closing(events: Sequence[Event], utterance: Utterance, ended: float) -> Event:
    """The end of the recording, not before the last word has ended, with what was heard."""
    if utterance.duration is None and not events:
        raise UtteranceError("NoEvents", "no end-point is known, nor how long the recording is")
    last = events[-1] if events else Event(0.0, "")
    lasted = last.audio if utterance.duration is None else utterance.duration
    return Event(max(ended, lasted), last.text, "final")


def endpoints_of(events: Sequence[Event], lasted: float | None) -> list[Event]:
    """The events that say that the speaker has ended, before the recording does, which ``lasted``
    so many seconds; where nobody knows that, all of them."""
    return [event for event in events if event.kind != "partial"
            and (lasted is None or event.audio < lasted - END)]


def last_word_end(utterance: Utterance) -> float | None:
    """In seconds of the utterance; None where its text has no words. Raises UtteranceError of kind
    NoReference, or NoWordTimes where nobody knows it."""
    if utterance.text is None:
        raise UtteranceError("NoReference", "the manifest has no text for it")
    said = normalised("basic", utterance.text)
    if not said.strip():
        return None
    last = utterance.words[-1] if utterance.words else Word("")
    known = normalised("basic", last.text).strip()
    if last.end is None or not known or not said.rstrip().endswith(known):
        raise UtteranceError("NoWordTimes", "nobody knows when its last word ended: the manifest "
                             "does not give it (words: [[word, start, end], ...]), or the "
                             "condition changed how long it lasts")
    return last.end


@dataclass(frozen=True)
class EndpointDelay:
    """Whether a speaker is cut off, and how late it is seen that one has ended: the two errors of
    an end-pointer that stand against each other (Shannon et al. 2017, Interspeech, arXiv
    1708.02561; Shangguan et al. 2021, arXiv 2104.02207). Quantiles of the delay are those of
    evalkit.statistics.latency."""

    name: ClassVar[str] = "endpoint_delay"
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[str]] = frozenset({"text", "endpoints"})
    text_options: ClassVar[frozenset[str]] = frozenset()
    facts: ClassVar[Mapping[str, Fact]] = {
        "early_cut": Fact(
            "%", False, "Share of the utterances whose first final end-point came before the end "
            "of the last word", title="Early cuts", is_count=True, bounds=(0.0, 1.0)),
        "endpoint_delay": Fact(
            "ms", False, "Mean, of the utterances that were not cut early, from the end of the "
            f"last word until the first final end-point{_NONE}", decimals=0,
            title="End-point delay", sometimes=True),
        "no_endpoint": Fact(
            "%", False, "Share of the utterances without a final end-point before the recording "
            "ended", title="No end-point", is_count=True, bounds=(0.0, 1.0)),
        "resets": Fact(
            "", False, "End-points of an utterance, speculative or final, that were taken back: "
            "another end-point followed, other than the final one of a speculative one, or words "
            "that had not ended", decimals=3, title="Resets per utterance", is_count=True)}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError as ``turn`` does."""
        spoken = turn(utterance, output)
        if spoken is None:
            return dict.fromkeys(("early_cut", "no_endpoint", "resets"), Measurement(0.0, 0.0))
        delay = {} if spoken.is_cut else {
            "endpoint_delay": Measurement(spoken.after(spoken.result))}
        return {"early_cut": Measurement(float(spoken.is_cut)),
                "no_endpoint": Measurement(float(not spoken.has_endpoint)),
                "resets": Measurement(float(spoken.resets))} | delay


@dataclass(frozen=True)
class PerceivedLatency(TextOptions):
    """What a speculative end-point gains: what comes behind the recognizer begins with the result
    that was shown then, and where the final result is another, begins anew, which costs ``restart``
    milliseconds more."""

    restart: float = RESTART_MS

    name: ClassVar[str] = "perceived_latency"
    needs: ClassVar[frozenset[str]] = frozenset({"text", "hypothesis", "events", "endpoints"})
    text_options: ClassVar[frozenset[str]] = frozenset({"normaliser", "glm"})

    def __post_init__(self) -> None:
        super().__post_init__()
        if not 0 <= self.restart <= 1e6:
            raise ValueError(f"restart must be from 0 to 1,000,000 ms, not {self.restart!r}")

    @property
    def version(self) -> str:
        return f"1, {self.described}"

    @property
    def facts(self) -> Mapping[str, Fact]:
        of = "of the utterances with a speculative end-point before the final one"
        return {
            "perceived_latency": Fact(
                "ms", False, f"Mean, of the utterances {_CUT}, from that end until the result that "
                "holds: the speculative one where it has the words of the final one, else the "
                f"final one, and {self.restart:g} ms to start anew where there was a speculative "
                f"one{_NONE}", decimals=0, title="Perceived latency", sometimes=True),
            "speculative_agreement": Fact(
                "%", True, f"Share {of} in which both results have the same normalised words",
                title="Speculative agreement", sometimes=True),
            "speculative_gain": Fact(
                "ms", True, f"Mean, {of}, of how much earlier the speculative one came where both "
                f"results have the same words, and 0 where they have not{_NONE}", decimals=0,
                title="Speculative gain", sometimes=True)}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError as ``turn`` does."""
        spoken = turn(utterance, output)
        if spoken is None:
            return {"perceived_latency": Measurement(0.0, 0.0)}
        guess, latency, measured = spoken.guess, spoken.after(spoken.result), {}
        if guess is not None:
            agrees = self._words(guess) == self._words(spoken.result)
            gain = milliseconds(guess.audio, spoken.result.audio) if agrees else 0.0
            measured = {"speculative_agreement": Measurement(float(agrees)),
                        "speculative_gain": Measurement(gain)}
            latency += -gain if agrees else self.restart
        return measured | ({} if spoken.is_cut else {"perceived_latency": Measurement(latency)})

    def _words(self, event: Event) -> Sequence[str]:
        return list(self.tokens("", event.text, mixed)[1])
