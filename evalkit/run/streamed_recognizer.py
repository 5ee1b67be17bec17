"""A recognizer that is given its input in pieces, as it would come in, and is watched meanwhile."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from evalkit.core.clock import clock, since
from evalkit.core.pace import cuts
from evalkit.core.protocols import StreamingRecognizer
from evalkit.core.types import Audio, Event, Hypothesis, Shown
from evalkit.run.events import taken_shown
from evalkit.run.exchange import handed, taken_hypothesis


@dataclass
class _Queue:
    """The computational clock: pieces come in as they are spoken, wait until those before them are
    done, and take as long as was measured."""

    done: float = 0.0
    """When the last piece was done, in seconds since the utterance began."""

    def take(self, arrived: float, seconds: float) -> None:
        self.done = max(self.done, arrived) + seconds


@dataclass
class _Log:
    """The events of an utterance: of partial texts those that stood when somebody looked, and were
    new then."""

    events: list[Event] = field(default_factory=list)
    unseen: list[Event] = field(default_factory=list)

    def note(self, shown: Shown, clock: float) -> None:
        """What is shown, to be seen at the next look. A partial text that is followed by anything
        before that is never seen."""
        if self.unseen and self.unseen[-1].kind == "partial":
            self.unseen.pop()
        self.unseen.append(Event(0.0, shown.text, shown.kind, shown.words, clock))

    def look(self, audio: float) -> None:
        """Somebody looks, when ``audio`` seconds were heard, and sees nothing before."""
        for event in self.unseen:
            seen = replace(event, audio=audio, clock=max(audio, event.clock or 0.0))
            if not (self.events and _same(self.events[-1], seen)):
                self.events.append(seen)
        self.unseen = []


def _same(before: Event, now: Event) -> bool:
    """Whether nothing has changed, of a text that may."""
    return before.kind == now.kind == "partial" and (before.text, before.words) == (
        now.text, now.words)


@dataclass(frozen=True)
class StreamedRecognizer:
    """``recognizer`` as a Recognizer whose hypotheses have events: it is given ``seconds`` at a
    time, and what it shows is looked at every ``show`` seconds, a whole multiple of those, or after
    every piece where that is None."""

    recognizer: StreamingRecognizer
    seconds: float
    show: float | None

    batch = 1
    needs_audio: Literal[True] = True

    @property
    def rate(self) -> int | None:
        return self.recognizer.rate

    @property
    def identity(self) -> str:
        return self.recognizer.identity

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """Raises UtteranceError where a stream is not as its protocol says."""
        return [self._transcribe(speech) for speech in batch]

    def _transcribe(self, speech: Audio) -> Hypothesis:
        stream = self.recognizer.open(speech.rate)
        queue, log = _Queue(), _Log()
        for piece, arrived, seen in self._pieces(speech):
            started = clock()
            shown = taken_shown(stream.push(piece.samples))
            queue.take(arrived, since(started).elapsed)
            for each in shown:
                log.note(each, queue.done)
            if seen:
                log.look(arrived)
        started = clock()
        heard = taken_hypothesis(stream.finish())
        queue.take(speech.duration, since(started).elapsed)
        log.note(Shown(heard.text, "final", heard.words), queue.done)
        log.look(speech.duration)
        return replace(heard, events=tuple(log.events))

    def _pieces(self, speech: Audio) -> Iterator[tuple[Audio, float, bool]]:
        """The audio in pieces, how many seconds of it there are with each, and whether somebody
        looks then: not after a last piece that is shorter, behind which comes the result."""
        every = 1 if self.show is None else round(self.show / self.seconds)
        of = len(speech.samples)
        for number, (first, end) in enumerate(cuts(of, self.seconds, speech.rate), 1):
            piece = handed(Audio(speech.samples[first:end], speech.rate))
            seen = end <= of and number % every == 0
            yield piece, min(end / speech.rate, speech.duration), seen
