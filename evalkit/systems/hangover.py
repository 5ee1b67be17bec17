"""The end-pointer that most assistants have: a speaker has ended when nothing was said for so long
(hang-over). What speech is, frame by frame, others say."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field

import numpy as np

from evalkit.core.types import Endpoint

LONGEST = 60.0


@dataclass(frozen=True)
class Silence:
    """Seconds. The speaker has ended when ``hangover`` has passed since the last speech; where
    ``speculative`` is given, that is guessed so much earlier. ``onset`` is how long speech must
    last that it is speech; until then it is silence. Before anything was said nobody ends. Raises
    ValueError for lengths that there cannot be."""

    hangover: float = 0.5
    speculative: float | None = None
    onset: float = 0.0

    def __post_init__(self) -> None:
        if not 0 < self.hangover <= LONGEST:
            raise ValueError(f"hangover must be above 0 and at most {LONGEST:g} s, not "
                             f"{self.hangover!r}")
        if self.speculative is not None and not 0 < self.speculative < self.hangover:
            raise ValueError("speculative is how many seconds the guess comes before the final "
                             f"end-point, above 0 and below hangover ({self.hangover:g}), not "
                             f"{self.speculative!r}")
        if not 0 <= self.onset <= LONGEST:
            raise ValueError(f"onset must be from 0 to {LONGEST:g} s, not {self.onset!r}")

    def stream(self, size: int, rate: int, is_speech: Callable[[np.ndarray], bool]) -> Listening:
        """A stream of frames of ``size`` samples at ``rate`` Hz."""
        return Listening(self, size, rate, is_speech)


@dataclass
class Listening:
    """An utterance on its way through an end-pointer (EndpointStream). ``is_speech`` is asked of
    each frame (``size``,) in turn."""

    options: Silence
    size: int
    rate: int
    is_speech: Callable[[np.ndarray], bool]
    waiting: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))
    frames: int = 0
    """Frames that were heard."""
    run: int = 0
    """Frames of speech in a row, up to now."""
    last: int | None = None
    """Up to which frame there was speech; None before there was any."""

    def push(self, samples: np.ndarray) -> list[Endpoint]:
        """The end-points in the frames that ``samples`` (n,) complete, each at its frame's end."""
        waiting = np.concatenate([self.waiting, samples], dtype=np.float32)
        whole = len(waiting) - len(waiting) % self.size
        self.waiting = waiting[whole:].copy()
        return [each for frame in waiting[:whole].reshape(-1, self.size)
                for each in self._heard(frame)]

    def _heard(self, frame: np.ndarray) -> Iterator[Endpoint]:
        self.frames += 1
        self.run = self.run + 1 if self.is_speech(frame) else 0
        if self.run >= self._frames(self.options.onset):
            self.last = self.frames
        if self.last is not None:
            yield from self._silent(self.frames - self.last)

    def _silent(self, frames: int) -> Iterator[Endpoint]:
        """What follows of so many frames without speech."""
        now = self.frames * self.size / self.rate
        hangover, ahead = self.options.hangover, self.options.speculative
        if ahead is not None and frames == self._frames(hangover - ahead):
            yield Endpoint(now, "speculative")
        if frames == self._frames(hangover):
            yield Endpoint(now, "final")

    def _frames(self, seconds: float) -> int:
        """As many as last so long, 1 or more; a hair beyond a whole number is rounding."""
        return max(1, math.ceil(seconds * self.rate / self.size - 1e-6))
