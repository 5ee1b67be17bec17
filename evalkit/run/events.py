"""What a recognizer showed on the way, as it is taken and as it stands in a row."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Any, get_args

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Event, EventKind, Shown, Word
from evalkit.run.values import (
    MOST_WORDS,
    at_most,
    checked_number,
    named,
    taken_text,
    taken_word,
)
from evalkit.store.outputs import Row

MOST_EVENTS = 100_000
"""Events of an utterance that are taken."""
MOST_CHARACTERS = 20_000_000
"""Of all events of an utterance together: each says again what was said before."""
LATEST = 1e9
"""Seconds: no event is later."""
KINDS = get_args(EventKind)


def taken_shown(made: Any) -> list[Shown]:
    """What a stream shows after it was given some samples. Raises UtteranceError for what is not
    as the protocol says."""
    if not isinstance(made, Iterable):
        raise UtteranceError("WrongType", f"what the recognizer's stream shows is {named(made)}; "
                                          "it must be a list of Shown, empty where nothing is new")
    return [_shown(each) for each in islice(made, MOST_EVENTS + 1)]


def taken_events(made: Any, text: str) -> tuple[Event, ...]:
    """The events of a hypothesis whose text is ``text``: none, or in the order of time, and the
    last one final. Raises UtteranceError, naming the first that cannot be used by its number from
    0."""
    events = tuple(_event(each, f"event {number}") for number, each in enumerate(
        at_most(made, MOST_EVENTS, Event, "its events")))
    if sum(len(event.text) for event in events) > MOST_CHARACTERS:
        raise UtteranceError("TooLong", f"its events have more than {MOST_CHARACTERS:,} characters "
                                        "together; cut the recording into utterances")
    for what in ("audio", "clock"):
        _check_order([vars(event)[what] for event in events], what)
    if events and events[-1].kind != "final":
        raise UtteranceError("NotFinal", f"the last of its {len(events):,} events is "
                             f"{events[-1].kind}; what was heard in the end must be final")
    if events and events[-1].text != text:
        raise UtteranceError("NotFinal", "its last event has another text than the hypothesis")
    return events


def _shown(made: Any) -> Shown:
    if not isinstance(made, Shown):
        raise UtteranceError("WrongType", f"the recognizer's stream shows {named(made)}; it must "
                                          "be a Shown")
    _check_kind(made.kind, "what the recognizer's stream shows")
    words = at_most(made.words, MOST_WORDS, Word, "its words")
    return Shown(taken_text(made.text, "what is shown"), made.kind, tuple(map(taken_word, words)))


def _event(made: Event, whose: str) -> Event:
    _check_kind(made.kind, whose)
    audio, clock = (checked_number(value, f"{what} of {whose}") for what, value in (
        ("audio", made.audio), ("clock", made.clock)))
    if audio is None or not 0 <= audio < LATEST or not 0 <= (clock or 0.0) < LATEST:
        raise UtteranceError("BadTime", f"{whose} is at audio {audio!r}, clock {clock!r}; audio "
                                        "must be seconds from 0, and clock too, or None")
    words = at_most(made.words, MOST_WORDS, Word, f"words of {whose}")
    return Event(audio, taken_text(made.text, whose), made.kind, tuple(map(taken_word, words)),
                 clock)


def _check_kind(kind: Any, whose: str) -> None:
    if kind not in KINDS:
        raise UtteranceError("BadKind", f"{whose} is of the kind {kind!r}; there are "
                                        f"{', '.join(KINDS)}")


def _check_order(times: Sequence[float | None], what: str) -> None:
    """Raises UtteranceError where known times go backwards."""
    latest = 0.0
    for number, time in enumerate(times):
        if time is not None and time < latest:
            raise UtteranceError("BadTime", f"event {number}: {what} goes back from {latest:g} to "
                                            f"{time:g} s; events must be in the order of time")
        latest = latest if time is None else time


def rows_of(events: Iterable[Event]) -> list[Row]:
    """The events as a column holds them (evalkit.store.events.COLUMN)."""
    return [vars(event) | {"words": [vars(word) for word in event.words] or None}
            for event in events]


def events_in(rows: Iterable[Mapping[str, Any]] | None) -> tuple[Event, ...]:
    """The inverse of ``rows_of``; none of a row that has no such column."""
    return tuple(Event(**{**row, "words": tuple(Word(**word) for word in row["words"] or ())})
                 for row in rows or ())
