"""The pitch of the speech in every frame."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy.signal import butter, lfilter

from evalkit.models.percepnet.comb import LONGEST, SHORTEST
from evalkit.models.percepnet.correlation import Lags, correlations, peaks
from evalkit.models.percepnet.frames import Framing
from evalkit.models.percepnet.memory import Memory, stretches
from evalkit.models.percepnet.track import Track

SEARCH_RATE = 8_000
"""Hz at which lags are searched: what is left of the signal there needs no more."""
VOICE = (100, 1_200)
"""Hz between which they are: rumble is alike at any lag, and noise has the upper hand above."""
SPAN = SEARCH_RATE // 25
"""Samples that are compared, 40 ms around the middle of the frame …"""
AGAIN = np.float32(0.5)
"""… and the weight of those two periods earlier beside those one period earlier: noise is seldom
alike twice."""
SHORTER, HIGHER, HIGH = 0.03, 0.1, 350.0
"""What a lag loses of its correlation for each octave above the shortest, since two periods are
as alike as one; and for each octave that its pitch is above HIGH Hz, where few speak."""
STATES = 130

_HOP = SEARCH_RATE // 100
_LAGS = np.geomspace(SHORTEST * SEARCH_RATE, LONGEST * SEARCH_RATE, STATES)
_STEP = float(np.log2(_LAGS[1] / _LAGS[0]))
_REACH = int(2 * _LAGS[-1]) + 1
_ONCE, _TWICE = Lags(_LAGS), Lags(2 * _LAGS)
_KEEP = ((1 - SHORTER * np.log2(_LAGS / _LAGS[0])) / (1 + AGAIN)).astype(np.float32)
_HIGH = (HIGHER * np.maximum(0, np.log2(SEARCH_RATE / _LAGS / HIGH))).astype(np.float32)


class Pitch(NamedTuple):
    """Of n frames."""

    periods: np.ndarray
    """Samples, not always whole, (n,)."""
    correlations: np.ndarray
    """Of the voice around each frame with itself a period before, (n,)."""


class PitchTracker:
    """Reads a signal hop by hop; says the period of the frame that is LOOK_AHEAD behind.

    What it says depends on the signal alone, to the bit, and not on how many hops come at once:
    every step works on each frame by itself, since a choice between lags has no tolerance."""

    def __init__(self, framing: Framing) -> None:
        self.factor = framing.rate // SEARCH_RATE
        self.band = butter(2, VOICE, "band", fs=framing.rate)
        self.filtered = np.zeros(4)
        self.memory = Memory(SPAN + _REACH)
        self.before = np.zeros((2, 1, STATES), np.float32)
        self.track = Track(STATES, _STEP)

    def push(self, samples: np.ndarray) -> Pitch:
        """Of one frame for each of the hops in ``samples``."""
        voice, self.filtered = lfilter(*self.band, samples, zi=self.filtered)
        whole = self.memory.recall(voice[::self.factor].astype(np.float32))
        alike, scores = _scores(stretches(whole, SPAN + _REACH)[_HOP::_HOP])
        states, frames = self.track.push(scores), np.arange(len(scores))
        known = np.concatenate([self.before, [alike, scores]], axis=1)
        self.before = known[:, -1:]
        shift = peaks(known[1], frames, states)
        periods = _LAGS[states] * 2.0 ** (_STEP * shift) * self.factor
        return Pitch(periods, known[0, frames, states])


def _scores(segments: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How alike ``segments`` (n, SPAN + _REACH) are to themselves each lag before, and what that
    says for the lag; (n, STATES) each."""
    alike = correlations(segments, SPAN)
    once = _ONCE.of(alike)
    return once, (once + AGAIN * _TWICE.of(alike)) * _KEEP - _HIGH
