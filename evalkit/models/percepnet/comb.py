"""The comb filter: a frame and its neighbours, whole periods of the pitch away, averaged."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalkit.models.percepnet.frames import LOOK_AHEAD, Framing

REACH = 5
"""Periods that the filter reaches either way."""
_STEPS = np.arange(-REACH, REACH + 1.0)
_HANN = (np.hanning(2 * REACH + 3)[1:-1]).astype(np.float32)
_KEPT = np.where(np.arange(REACH + 1)[:, None] >= -_STEPS, _HANN, np.float32(0))
_KEPT /= _KEPT.sum(axis=1, keepdims=True)
"""Weights where as many of the later taps are kept as the number of the row says."""
_KEPT = np.column_stack([_KEPT, np.vecdot(_KEPT, _KEPT)])
"""In the last column the energy that they leave of white noise."""
SHORTEST, LONGEST = 1 / 800, 1 / 62.5
"""Seconds of the periods that are looked for: 60 to 768 samples at 48 kHz."""


class Taps(NamedTuple):
    """Of the filters of n frames."""

    shifts: np.ndarray
    """Samples by which the frame is moved, later where positive, (n, 2 REACH + 1)."""
    weights: np.ndarray
    """(n, 2 REACH + 1); each row adds up to 1."""
    noise_gain: np.ndarray
    """Energy that is left of white noise, sigma_p^2, (n,)."""


def taps(periods: np.ndarray, framing: Framing) -> Taps:
    """Of ``periods`` (n,) in samples, not always whole: a Hann window of whole periods, each
    rounded to a sample, less the taps that the look-ahead does not hold."""
    shifts = periods[:, None] * _STEPS
    shifts = np.rint(shifts, out=shifts).astype(np.intp)
    ahead = LOOK_AHEAD * framing.hop + 0.5
    kept = _KEPT.take([min(int(ahead / period), REACH) for period in periods.tolist()], axis=0)
    return Taps(shifts, kept[:, :-1], kept[:, -1])


def comb(frames: np.ndarray, at: np.ndarray, of: Taps, out: np.ndarray) -> None:
    """The frames ``at`` (n,) as the filter leaves them, to ``out`` (n, size). ``frames`` (m, size)
    has one for every sample that a frame may start at, and reaches as far as the taps do."""
    reached = np.minimum(at[:, None] - of.shifts, len(frames) - 1)  # beyond, the weight is 0
    np.matmul(of.weights[:, None], frames[reached], out=out[:, None])
