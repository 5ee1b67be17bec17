"""The end of a signal, kept while the rest of it comes in."""

from __future__ import annotations

import numpy as np

ROOM = 6_000
"""Samples that a memory has room for before what it keeps is moved."""


class Memory:
    """The last ``size`` samples of a signal that began in silence."""

    def __init__(self, size: int) -> None:
        self.size = self._end = size
        self._heard = np.zeros(size, np.float32)

    def recall(self, samples: np.ndarray) -> np.ndarray:
        """What is remembered, and ``samples`` (n,) after it; not to be written to."""
        begin, end = self._end - self.size, self._end + len(samples)
        if end > len(self._heard):
            moved = np.zeros(self.size + max(ROOM, len(samples)), np.float32)
            moved[:self.size] = self._heard[begin:self._end]
            self._heard, begin, end = moved, 0, self.size + len(samples)
        self._heard[end - len(samples):end] = samples
        self._end = end
        return self._heard[begin:end]


def stretches(signal: np.ndarray, size: int) -> np.ndarray:
    """A view of a contiguous ``signal`` (n,) with a row of ``size`` from every sample on."""
    step = signal.itemsize
    return np.ndarray((len(signal) - size + 1, size), signal.dtype, signal, 0, (step, step))
