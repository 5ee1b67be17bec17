"""The end of a signal, kept while the rest of it comes in."""

from __future__ import annotations

import numpy as np


class Memory:
    """The last ``size`` samples of a signal that began in silence."""

    def __init__(self, size: int) -> None:
        self.past = np.zeros(size, np.float32)

    def recall(self, samples: np.ndarray) -> np.ndarray:
        """What is remembered, and ``samples`` (n,) after it."""
        whole = np.concatenate([self.past, samples])
        self.past = whole[len(samples):].copy()
        return whole


def stretches(signal: np.ndarray, size: int) -> np.ndarray:
    """A view of a contiguous ``signal`` (n,) with a row of ``size`` from every sample on."""
    step = signal.itemsize
    return np.ndarray((len(signal) - size + 1, size), signal.dtype, signal, 0, (step, step))
