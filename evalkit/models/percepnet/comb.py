"""The comb filter: a frame and its neighbours, whole periods of the pitch away, averaged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalkit.models.percepnet.frames import LOOK_AHEAD, Framing

REACH = 5
"""Periods that the filter reaches either way."""
_STEPS = np.arange(-REACH, REACH + 1)
_HANN = (np.hanning(2 * REACH + 3)[1:-1]).astype(np.float32)
SHORTEST, LONGEST = 1 / 800, 1 / 62.5
"""Seconds of the periods that are looked for: 60 to 768 samples at 48 kHz."""


class Taps(NamedTuple):
    """Of the filters of n frames."""

    shifts: np.ndarray
    """Samples by which the frame is moved, later where positive, (n, 2 REACH + 1)."""
    weights: np.ndarray
    """(n, 2 REACH + 1); each row adds up to 1."""

    @property
    def noise_gain(self) -> np.ndarray:
        """Energy that is left of white noise, sigma_p^2, (n,)."""
        return np.einsum("nk,nk->n", self.weights, self.weights)


def taps(periods: np.ndarray, framing: Framing) -> Taps:
    """Of ``periods`` (n,) in samples, not always whole: a Hann window of whole periods, each
    rounded to a sample, less the taps that the look-ahead does not hold."""
    shifts = np.rint(periods[:, None] * _STEPS).astype(np.int64)
    weights = np.where(shifts >= -LOOK_AHEAD * framing.hop, _HANN, np.float32(0))
    return Taps(shifts, weights / weights.sum(axis=1, keepdims=True))


def comb(frames: np.ndarray, at: np.ndarray, of: Taps) -> np.ndarray:
    """The frames ``at`` (n,) as the filter leaves them, (n, size). ``frames`` (m, size) has one
    for every sample that a frame may start at, and reaches as far as the taps do."""
    reached = np.minimum(at[:, None] - of.shifts, len(frames) - 1)  # beyond, the weight is 0
    return np.matmul(of.weights[:, None, :], frames[reached])[:, 0]
