"""What a signal has where voices have most of their energy, at a rate that needs no more."""

from __future__ import annotations

from functools import cache

import numpy as np

from evalkit.models.percepnet.frames import Framing

RATE = 8_000
"""Hz of what is left of the signal."""
PASSED = (90, 2_300)
"""Hz between which it is: rumble is alike at any lag, and noise has the upper hand above."""
PIECE = RATE // 100
"""Samples that are made at once, of 10 ms."""
_ORDER = 3
_STATE = 4 * _ORDER
"""Numbers that are remembered: a real and an imaginary part for each of the poles."""


class Voice:
    """Band-pass (Butterworth) and every so many samples of what it lets through. It is one matrix
    product of a piece and what is remembered: the same for every piece, to the bit."""

    def __init__(self, framing: Framing) -> None:
        self.factor, self.matrix = framing.rate // RATE, _matrix(framing.rate)
        self.heard = np.zeros(len(self.matrix), np.float32)
        """What is remembered, and the piece after it."""

    def push(self, samples: np.ndarray) -> np.ndarray:
        """Of whole pieces, at RATE."""
        pieces = samples.reshape(-1, PIECE * self.factor)
        voice = np.empty((len(pieces), _STATE + PIECE), np.float32)
        for piece, made in zip(pieces, voice, strict=True):
            self.heard[_STATE:] = piece
            np.dot(self.heard, self.matrix, out=made)
            self.heard[:_STATE] = made[:_STATE]
        return voice[:, _STATE:].reshape(-1)


@cache
def _matrix(rate: int) -> np.ndarray:
    """From what is remembered and a piece (size,) to what is to be remembered and what is let
    through, (_STATE + size, _STATE + PIECE), by partial fractions: the response at t to an
    impulse is the sum of r p^t, so that each pole p remembers the sum of p^t x(-t) alone."""
    from scipy.signal import butter, residuez

    numerator, denominator = butter(_ORDER, PASSED, "band", fs=rate)
    residues, poles, direct = residuez(numerator, denominator)
    kept = np.arange(PIECE) * (rate // RATE)
    time = np.arange(PIECE * (rate // RATE))
    powers = poles[:, None] ** np.arange(len(time) + 1)
    response = (residues @ powers[:, :-1]).real
    response[0] += direct.sum()
    lag = kept - time[:, None]
    through = np.where(lag >= 0, response[lag], 0)
    decay = np.diag(powers[:, -1])
    left = residues[:, None] * powers[:, kept + 1]
    added = powers[:, time[::-1]].T
    return np.block([[decay.real, decay.imag, left.real], [-decay.imag, decay.real, -left.imag],
                     [added.real, added.imag, through]]).astype(np.float32)
