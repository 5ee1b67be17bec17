"""A stream through a library that takes frames of one length, one after another."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evalkit.core.protocols import AudioStream
from evalkit.core.types import Audio


class Framed:
    """A stream (AudioStream): ``process`` makes of the next frame (``size``,), float32, its own
    to write into, one that is as long. What comes out is late by ``delay`` samples."""

    def __init__(self, size: int, delay: int, process: Callable[[np.ndarray], np.ndarray]) -> None:
        self.size, self.delay, self.process = size, delay, process
        self.waiting = np.zeros(0, np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """As many samples as the frames have that ``samples`` (n,) complete."""
        waiting = np.concatenate([self.waiting, samples], dtype=np.float32)
        whole = len(waiting) - len(waiting) % self.size
        self.waiting = waiting[whole:].copy()
        frames = waiting[:whole].reshape(-1, self.size)
        return np.concatenate([*map(self.process, frames), waiting[:0]])

    def finish(self) -> np.ndarray:
        """The rest, so that ``delay`` samples more have come out than had gone in."""
        left = len(self.waiting) + self.delay
        return self.push(np.zeros(left + -left % self.size, np.float32))[:left]


def whole(stream: AudioStream, speech: Audio) -> Audio:
    """All that a new ``stream`` makes of ``speech``: longer by its delay, so that the end of it is
    not lost."""
    return Audio(np.concatenate([stream.push(speech.samples), stream.finish()]), speech.rate)
