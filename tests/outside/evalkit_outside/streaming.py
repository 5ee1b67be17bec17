"""A streaming recognizer whose every word is known beforehand."""

from dataclasses import dataclass, field

import numpy as np

from evalkit.core.types import Endpoint, Event, Hypothesis, Shown

AFTER = 0.02
"""Seconds that a wrong word stands."""


@dataclass(frozen=True)
class Repeating:
    """Says "w0", "w1" … ``late`` seconds after each stretch of sound has ended; every
    ``rewrite``-th word is wrong at first."""

    late: float = 0.0
    rewrite: int = 0
    rate = 16_000
    batch = 1
    needs_audio = True

    @property
    def identity(self):
        return repr(self)

    def transcribe(self, batch):
        made = []
        for audio in batch:
            stream = self.open(audio.rate)
            stream.push(audio.samples)
            made.append(stream.finish())
        return made

    def open(self, rate):
        return _Listening(self, rate)


@dataclass
class _Listening:
    system: Repeating
    rate: int
    heard: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    done: int = 0

    def push(self, samples):
        self.heard = np.concatenate([self.heard, samples])
        changes = [change for i, end in enumerate(self._ends()) for change in self._changes(i, end)]
        due = sorted(change for change in changes if change[0] <= len(self.heard))
        new, self.done = due[self.done:], len(due)
        return [Shown(text) for _, text in new]

    def finish(self):
        return Hypothesis(self._text(len(self._ends())))

    def _ends(self):
        sounds = np.append(self.heard != 0, False)
        return np.flatnonzero(sounds[:-2] & ~sounds[1:-1]) + 1 if len(sounds) > 2 else []

    def _changes(self, i, end):
        said = end + round(self.system.late * self.rate)
        if self.system.rewrite and (i + 1) % self.system.rewrite == 0:
            wrong = f"{self._text(i)} eh".strip()
            return [(said, wrong), (said + round(AFTER * self.rate), self._text(i + 1))]
        return [(said, self._text(i + 1))]

    def _text(self, n):
        return " ".join(f"w{i}" for i in range(n))


@dataclass(frozen=True)
class Unruly(Repeating):
    """Shows what is no Shown, or no list of them."""

    shows: str = "text"

    def open(self, rate):
        return _Unruly(self, rate)


class _Unruly(_Listening):
    def push(self, samples):
        return {"text": ["on"], "nothing": None, "kind": [Shown("on", "late")],
                "surrogate": [Shown("\ud800")], "long": [Shown("x" * 1_000_001)],
                "words": [Shown("on", words=["on"])]}[self.system.shows]


@dataclass(frozen=True)
class Remembered:
    """Knows what was shown elsewhere: "of", and then "on", of whatever was said."""

    needs_audio = False
    identity = "remembered"

    def recall(self, utterance):
        return Hypothesis("on", events=(Event(0.4, "of"), Event(0.8, "on", "final")))


@dataclass(frozen=True)
class Waiting:
    """Says that the speaker has ended after ``samples`` zeros in a row."""

    samples: int = 4_000
    rate = 16_000

    @property
    def identity(self):
        return repr(self)

    def open(self, rate):
        return _Waiting(self.samples, rate)


@dataclass
class _Waiting:
    samples: int
    rate: int
    heard: int = 0
    zeros: int = 0

    def push(self, samples):
        found = []
        for sample in samples:
            self.heard += 1
            self.zeros = 0 if sample else self.zeros + 1
            if self.zeros == self.samples:
                found.append(Endpoint(self.heard / self.rate))
        return found
