"""Signals that the path is tried with."""

from __future__ import annotations

import numpy as np


def voiced(rate: int, seconds: float, pitch: float, noise: float = 0.0, seed: int = 0
           ) -> np.ndarray:
    """Harmonics of ``pitch`` Hz up to 4 kHz, falling as 1/h, with white noise; it fades in and
    out, since a step has energy above 20 kHz."""
    time = np.arange(round(rate * seconds)) / rate
    harmonics = range(1, int(4_000 / pitch) + 1)
    tone = sum(np.sin(2 * np.pi * h * pitch * time + h * h) / h for h in harmonics)
    made = 0.1 * tone + noise * np.random.default_rng(seed).standard_normal(len(time))
    return (np.sin(np.pi * time / seconds) ** 2 * made).astype(np.float32)


class Constant:
    """An adviser that says the same of every frame."""

    def __init__(self, gain: float, strength: float) -> None:
        self.gain, self.strength = gain, strength

    def __call__(self, heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        shape = (len(heard), 34)
        return np.full(shape, self.gain, np.float32), np.full(shape, self.strength, np.float32)


class Listening:
    """An adviser whose answers depend on all that it hears, and on what it has heard before."""

    def __init__(self) -> None:
        self.last = np.zeros(34, np.float32)

    def __call__(self, heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        gains = []
        for loudness in heard[:, :34]:
            self.last = 0.7 * self.last + 0.3 * np.clip(loudness / 4 + 0.5, 0, 1)
            gains.append(self.last)
        strengths = heard[:, 34:68] * np.clip(heard[:, 69:], 0, 1)
        return np.array(gains, np.float32), strengths.astype(np.float32)
