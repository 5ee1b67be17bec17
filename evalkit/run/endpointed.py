"""An end-pointer that is given an utterance piece by piece, and its end-points beside what a
recognizer showed."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import islice
from typing import Any, Literal

from evalkit.core.errors import UtteranceError
from evalkit.core.pace import cuts
from evalkit.core.protocols import Endpointer
from evalkit.core.types import Audio, Endpoint, Event, Hypothesis
from evalkit.run.exchange import handed
from evalkit.run.values import checked_number, named

PIECE = 0.1
"""Seconds that an end-pointer is given at a time where the pipeline does not say it."""
MOST = 100_000
"""End-points that are taken of what a stream says at a time."""
KINDS = ("speculative", "final")
SAME_TIME = 1e-6
"""Seconds that rounding may be off."""


@dataclass(frozen=True)
class Endpointed:
    """``endpointer`` as a system that is given utterances: it hears each ``seconds`` at a time, and
    cannot look ahead."""

    endpointer: Endpointer
    seconds: float

    batch = 1
    needs_audio: Literal[True] = True

    @property
    def rate(self) -> int | None:
        return self.endpointer.rate

    @property
    def identity(self) -> str:
        return self.endpointer.identity

    def find(self, batch: Sequence[Audio]) -> list[tuple[Endpoint, ...]]:
        """The end-points of each. Raises UtteranceError where a stream is not as its protocol
        says."""
        return [tuple(self._found(speech)) for speech in batch]

    def _found(self, speech: Audio) -> Iterator[Endpoint]:
        stream = self.endpointer.open(speech.rate)
        for first, end in cuts(len(speech.samples), self.seconds, speech.rate):
            piece = handed(Audio(speech.samples[first:end], speech.rate)).samples
            heard = first / speech.rate, (first + len(piece)) / speech.rate
            yield from taken_endpoints(stream.push(piece), *heard)


def taken_endpoints(made: Any, before: float, now: float) -> list[Endpoint]:
    """What an end-pointer's stream says when it has heard the seconds from ``before`` to ``now``.
    Raises UtteranceError for what is not as its protocol says."""
    if not isinstance(made, Iterable):
        raise UtteranceError("WrongType", f"what the end-pointer's stream says is {named(made)}; "
                                          "it must be a list of Endpoint, empty where nothing is "
                                          "new")
    taken: list[Endpoint] = []
    for each in islice(made, MOST + 1):
        taken.append(_endpoint(each, taken[-1].audio if taken else before, now))
    if len(taken) > MOST:
        raise UtteranceError("TooLong", f"the end-pointer's stream says more than {MOST:,} "
                                        "end-points at once")
    return taken


def _endpoint(made: Any, before: float, now: float) -> Endpoint:
    if not isinstance(made, Endpoint):
        raise UtteranceError("WrongType", f"the end-pointer's stream says {named(made)}; it must "
                                          "be an Endpoint")
    if made.kind not in KINDS:
        raise UtteranceError("BadKind", f"an end-point is of the kind {made.kind!r}; there are "
                                        f"{', '.join(KINDS)}")
    audio = checked_number(made.audio, "audio of an end-point")
    if audio is None or not before - SAME_TIME <= audio <= now + SAME_TIME:
        raise UtteranceError("BadTime", f"an end-point is at {audio!r} s, when {before:g} to "
                             f"{now:g} s were just heard; it must be within them, and not before "
                             "the one that came first")
    return Endpoint(audio, made.kind)


def endpoints_in(rows: Iterable[Mapping[str, Any]] | None) -> tuple[Endpoint, ...]:
    """The end-points that are in a row."""
    return tuple(Endpoint(**row) for row in rows or ())


def with_endpoints(hypothesis: Hypothesis | None, endpoints: Sequence[Endpoint]) -> Hypothesis:
    """``hypothesis`` with the end-points among its events, each with what had been shown by then.
    Behind them stays the last event, the result of the whole. Without a recognizer, or of one that
    shows nothing on the way, the end-points are all events there are, without text."""
    heard = hypothesis or Hypothesis("")
    if not heard.events:
        return replace(heard, events=tuple(Event(each.audio, "", each.kind) for each in endpoints))
    *shown, end = heard.events
    ends = [_shown_by(min(each.audio, end.audio), each, shown) for each in endpoints]
    both = sorted([*shown, *ends], key=lambda event: event.audio)  # stable: what was shown first
    return replace(heard, events=(*both, end))


def _shown_by(audio: float, endpoint: Endpoint, shown: Sequence[Event]) -> Event:
    """The end-point with what had been ``shown`` after ``audio`` seconds."""
    place = bisect_right(shown, audio, key=lambda event: event.audio)
    latest = shown[place - 1] if place else Event(0.0, "")
    return Event(audio, latest.text, endpoint.kind, latest.words)
