"""What a streaming recognizer showed elsewhere, looked up by utterance id: no audio and no model.

JSON lines, one utterance a line:

    {"id": "u1", "events": [{"audio": 0.6, "clock": 0.64, "text": "turn", "kind": "partial"},
                            {"audio": 1.5, "clock": 1.71, "text": "turn it on", "kind": "final"}]}

``text`` is all that was shown, from the utterance's beginning; ``audio`` how many seconds of the
utterance the recognizer had been given, ``clock`` how many had passed since it began, where that
was measured; ``kind`` partial, speculative or final, partial where it is not said; ``words``, where
they are known, [[word, start, end], ...] in seconds. The last event is final, and what was heard.
All of it is untrusted input.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

from evalkit.core.errors import ManifestError, UtteranceError, one_line
from evalkit.core.files import regular
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.types import Event, Hypothesis, Utterance, Word
from evalkit.store.json_lines import json_object
from evalkit.systems.precomputed import state
from evalkit.systems.transcripts.file import text_lines

BAD = "BadEvents"
"""The kind of the failure of an utterance whose events cannot be read."""
BEHIND = 10.0
"""Seconds of silence, at most, that a recognizer was given behind an utterance."""


@dataclass(frozen=True)
class EventLog:
    """A log of what a recognizer showed, in the file ``path``."""

    path: Path | str

    needs_audio = False
    read_as = "a log of events"

    @property
    def identity(self) -> str:
        """Raises ManifestError as ``ids`` does, so that a bad file stops a run before it starts."""
        return f"events of {len(self._rows)} utterances, {state(self.path)[1]}"

    @property
    def ids(self) -> Sequence[str]:
        """The utterances that have events, in the file's order. Raises ManifestError where the
        file cannot be read, or naming its first line without an id, or with one that an other line
        has with other events."""
        return tuple(self._rows)

    @property
    def left_out(self) -> Sequence[LeftOut]:
        """Lines that say again what another said. Raises ManifestError as ``ids`` does."""
        again = _log(*state(self.path)).again
        return (LeftOut("hypothesis", str(self.path), "the same id and events again", len(again),
                        again[:NAMED]),) if again else ()

    @property
    def _rows(self) -> Mapping[str, Any]:
        return _log(*state(self.path)).events

    def recall(self, utterance: Utterance) -> Hypothesis:
        """Raises UtteranceError of kind NoHypothesis or BadEvents, and ManifestError as ``ids``
        does."""
        if utterance.id not in self._rows:
            raise UtteranceError("NoHypothesis", f"{Path(self.path).name} has no events of it")
        events = _events(self._rows[utterance.id])
        last = events[-1]
        _check_length(last.audio, utterance)
        return Hypothesis(last.text, last.words, events=events)


@dataclass(frozen=True)
class _Log:
    """What stands under ``events`` by id, and the ids that came ``again`` with the same."""

    events: Mapping[str, Any]
    again: tuple[str, ...]


@lru_cache(maxsize=4)
def _log(path: Path, _content: str) -> _Log:
    events: dict[str, Any] = {}
    first: dict[str, int] = {}
    again = []
    for number, line in text_lines(path, ("row of events", "rows of events"), ["jsonl"]):
        try:
            identifier, found = _row(line)
            if events.setdefault(identifier, found) != found:
                raise ValueError(f"id {identifier!r} is that of {path.name}:{first[identifier]} "
                                 "too, with other events; keep one of them")
        except ValueError as error:
            raise ManifestError(f"{path}:{number}: {one_line(error)}") from error
        if identifier in first:
            again.append(identifier)
        first.setdefault(identifier, number)
    return _Log(events, tuple(again))


def _row(line: str) -> tuple[str, Any]:
    row = json_object(line)
    identifier = row.get("id")
    if isinstance(identifier, int) and not isinstance(identifier, bool):
        identifier = str(identifier)
    if not isinstance(identifier, str) or not identifier:
        raise ValueError('has no id; a line is {"id": ..., "events": [...]}')
    if "events" not in row:
        raise ValueError(f"{identifier!r} has no events; leave the line out where there are none")
    identifier.encode()  # half a character raises a ValueError
    return identifier, row["events"]


def is_event_log(path: Path) -> bool:
    """Whether a file is such a log: its first line tells."""
    try:
        with regular(path).open(encoding="utf-8-sig") as file:
            line = next((line for line in file if line.strip()), "")
        return isinstance(json_object(line).get("events"), list)
    except (OSError, ValueError):
        return False


def _events(items: Any) -> tuple[Event, ...]:
    """Raises UtteranceError for what is no list of events; what is in them is looked at where it is
    taken (evalkit.run.events)."""
    if not isinstance(items, list) or not items:
        raise UtteranceError(BAD, "'events' must be a list of one or more objects")
    return tuple(_event(item, number) for number, item in enumerate(items))


def _check_length(audio: Any, utterance: Utterance) -> None:
    """Raises UtteranceError where more ``audio`` was given than the utterance can have."""
    lasts = utterance.duration
    if lasts is not None and isinstance(audio, int | float) and audio > lasts + BEHIND:
        raise UtteranceError("BadTime", f"its last event is at audio {audio:g}, and the utterance "
                             f"lasts {lasts:g} s; audio must be seconds of the utterance")


def _event(item: Any, number: int) -> Event:
    if not isinstance(item, dict) or "audio" not in item or "text" not in item:
        raise UtteranceError(BAD, f"event {number} must be an object with 'audio' and 'text'")
    words = item.get("words") or []
    if not isinstance(words, list):
        raise UtteranceError(BAD, f"words of event {number} must be a list")
    return Event(item["audio"], item["text"], item.get("kind", "partial"),
                 tuple(_word(word, number) for word in words), item.get("clock"))


def _word(item: Any, number: int) -> Word:
    if not isinstance(item, list) or not 1 <= len(item) <= 4:
        raise UtteranceError(BAD, f"a word of event {number} must be [word, start, end], or with "
                                  "its confidence as a fourth")
    return Word(*item)
