"""The pitch of the speech in every frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalkit.models.percepnet.comb import LONGEST, SHORTEST
from evalkit.models.percepnet.correlation import Sums, between, correlations, peak
from evalkit.models.percepnet.frames import Framing
from evalkit.models.percepnet.memory import Memory, stretches
from evalkit.models.percepnet.track import Track
from evalkit.models.percepnet.voice import RATE, Voice

SPAN = RATE // 25
"""Samples that are compared, 40 ms around the middle of the frame …"""
AGAIN = 0.8
"""… and the weight of those two periods earlier beside those one period earlier: noise is seldom
alike twice."""
SHORTER, HIGHER, HIGH = 0.1, 0.3, 350.0
"""What a lag loses of its correlation for each octave above the shortest, since two periods are
as alike as one; and for each octave that its pitch is above HIGH Hz, where few speak."""
STATES = 130

_HOP = RATE // 100
_LAGS = np.geomspace(SHORTEST * RATE, LONGEST * RATE, STATES)
_ONES = np.ones(SPAN, np.float32)
_STEP = float(np.log2(_LAGS[1] / _LAGS[0]))
_REACH = int(2 * _LAGS[-1]) + 1
_KEEP = (1 - SHORTER * np.log2(_LAGS / _LAGS[0])) / (1 + AGAIN)
_HIGH = HIGHER * np.maximum(0, np.log2(RATE / _LAGS / HIGH)).astype(np.float32)
_ALIKE = Sums(np.stack([_LAGS, 2 * _LAGS]), np.stack([_KEEP, AGAIN * _KEEP]))


class Pitch(NamedTuple):
    """Of n frames."""

    periods: np.ndarray
    """Samples, not always whole, (n,)."""
    correlations: np.ndarray
    """Of the voice around each frame with itself a period before, (n,)."""


class PitchTracker:
    """Reads a signal hop by hop; says the period of the frame that is LOOK_AHEAD behind.

    What it says depends on the signal alone, to the bit, and not on how many hops come at once: a
    choice between lags has no tolerance. So nothing is summed across frames."""

    def __init__(self, framing: Framing) -> None:
        self.factor = framing.rate // RATE
        self.voice = Voice(framing)
        self.memory = Memory(SPAN + _REACH)
        self.energies = Memory(_REACH + 1)
        """Of all stretches of SPAN samples, by where they begin."""
        self.correlations = np.zeros(_REACH + 1, np.float32)
        self.scores = np.zeros(STATES, np.float32)
        """Of the newest frame."""
        self.track = Track(STATES, _STEP)

    def push(self, samples: np.ndarray) -> Pitch:
        """Of one frame for each of the hops in ``samples``."""
        whole = self.memory.recall(self.voice.push(samples))
        heard = whole[_REACH + 1:]
        energies = self.energies.recall(np.correlate(heard * heard, _ONES, "valid"))
        alike = correlations(stretches(whole, SPAN + _REACH)[_HOP::_HOP],
                             stretches(energies, _REACH + 1)[_HOP::_HOP])
        said = [self._before(*frame) for frame in zip(alike, _ALIKE(alike) - _HIGH, strict=True)]
        periods, likeness = np.array(said).T
        return Pitch(periods, likeness)

    def _before(self, alike: np.ndarray, scores: np.ndarray) -> tuple[float, float]:
        """Period and correlation of the frame before the one with the correlations ``alike``
        (_REACH + 1,) and what speaks for each lag, its ``scores`` (STATES,)."""
        state = self.track.push(scores)
        lag = _LAGS.item(state)
        likeness = between(self.correlations, lag)
        lag *= 2 ** (_STEP * peak(self.scores, state))
        self.correlations, self.scores = alike, scores
        return lag * self.factor, likeness
