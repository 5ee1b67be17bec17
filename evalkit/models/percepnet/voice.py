"""What a signal has where voices have most of their energy, at a rate that needs no more."""

from __future__ import annotations

from functools import cache

import numpy as np
from scipy.signal import butter, residuez

from evalkit.models.percepnet.frames import Framing

RATE = 8_000
"""Hz of what is left of the signal."""
PASSED = (90, 2_300)
"""Hz between which it is: rumble is alike at any lag, and noise has the upper hand above."""
_ORDER = 3
_STATE = 4 * _ORDER
"""Numbers that are remembered: a real and an imaginary part for each of the poles."""


class Voice:
    """Band-pass (Butterworth) and every so many samples of what it lets through. What is heard
    in a hop and what is remembered are one matrix product: the same for every hop, to the bit."""

    def __init__(self, framing: Framing) -> None:
        self.hop, self.matrix = framing.hop, _matrix(framing)
        self.heard = np.zeros(len(self.matrix), np.float32)
        """What is remembered, and the hop after it."""
        self.made = np.zeros(self.matrix.shape[1], np.float32)
        """What is to be remembered, and what came of the hop."""

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Of whole hops, (hops * RATE / 100,)."""
        voice = np.empty((len(samples) // self.hop, RATE // 100), np.float32)
        for hop, out in zip(samples.reshape(-1, self.hop), voice, strict=True):
            self.heard[:_STATE] = self.made[:_STATE]
            self.heard[_STATE:] = hop
            np.dot(self.heard, self.matrix, out=self.made)
            out[:] = self.made[_STATE:]
        return voice.reshape(-1)


@cache
def _matrix(framing: Framing) -> np.ndarray:
    """From what is remembered and a hop to what is to be remembered and what is let through,
    (_STATE + hop, _STATE + RATE / 100), by partial fractions: the response at t to an impulse is
    the sum of r p^t, so that each pole p remembers the sum of p^t x(-t) alone."""
    numerator, denominator = butter(_ORDER, PASSED, "band", fs=framing.rate)
    residues, poles, direct = residuez(numerator, denominator)
    time = np.arange(framing.hop)
    kept = time[::framing.rate // RATE]
    powers = poles[:, None] ** np.arange(framing.hop + 1)
    response = (residues @ powers[:, :-1]).real
    response[0] += direct.sum()
    lag = kept - time[:, None]
    through = np.where(lag >= 0, response[lag], 0)
    decay = np.diag(powers[:, -1])
    left = residues[:, None] * powers[:, kept + 1]
    added = powers[:, time[::-1]].T
    return np.block([[decay.real, decay.imag, left.real], [-decay.imag, decay.real, -left.imag],
                     [added.real, added.imag, through]]).astype(np.float32)
