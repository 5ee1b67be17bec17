"""The pitch of the speech in every frame, found at 8 kHz and made exact at the signal's rate."""

from __future__ import annotations

import numpy as np
from scipy.signal import butter, sosfilt

from evalkit.models.percepnet.comb import LONGEST, SHORTEST
from evalkit.models.percepnet.correlation import correlations, peaks
from evalkit.models.percepnet.frames import Framing
from evalkit.models.percepnet.memory import Memory, stretches
from evalkit.models.percepnet.track import Track

SEARCH_RATE = 8_000
"""Hz at which lags are searched."""
VOICE = (100, 1_200)
"""Hz between which they are: rumble is alike at any lag, and noise has the upper hand above."""
SPAN = SEARCH_RATE // 20
"""Samples that are compared, 50 ms, 20 of them after the middle of the frame."""
SHORTER, HIGHER, HIGH = 0.03, 0.1, 350.0
"""What a lag loses of its correlation for each octave above the shortest, since two periods are
as alike as one; and for each octave that its pitch is above HIGH Hz, where few speak."""
STATES = 130

_LAGS = np.geomspace(SHORTEST * SEARCH_RATE, LONGEST * SEARCH_RATE, STATES)
_STEP = float(np.log2(_LAGS[1] / _LAGS[0]))
_FLOOR = np.minimum(_LAGS.astype(int), int(_LAGS[-1]) - 1)
_PART = (_LAGS - _FLOOR).astype(np.float32)
_KEEP = (1 - SHORTER * np.log2(_LAGS / _LAGS[0])).astype(np.float32)
_HIGH = (HIGHER * np.maximum(0, np.log2(SEARCH_RATE / _LAGS / HIGH))).astype(np.float32)
_REACH = int(_LAGS[-1])


class PitchTracker:
    """Reads a signal hop by hop; says the period of the frame that is LOOK_AHEAD behind.

    What it says depends on the signal alone, to the bit, and not on how many hops come at once:
    every step works on each frame by itself, since a choice between lags has no tolerance."""

    def __init__(self, framing: Framing) -> None:
        self.framing = framing
        self.factor = framing.rate // SEARCH_RATE
        self.low = butter(2, VOICE[0], "high", fs=framing.rate, output="sos")
        self.high = butter(2, VOICE[1], fs=framing.rate, output="sos")
        self.states = [np.zeros((1, 2)), np.zeros((1, 2))]
        self.refining = round(0.008 * framing.rate / 48)  # samples either way
        self.longest = round(LONGEST * framing.rate)
        self.voice = Memory(5 * framing.hop + self.longest + self.refining)
        self.searched = Memory(SPAN + _REACH)
        self.before = np.zeros((1, STATES), np.float32)
        self.track = Track(STATES, _STEP)

    def push(self, samples: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Periods in samples, not always whole, and correlations (n,), for n hops of
        ``samples``."""
        voice, self.states[0] = sosfilt(self.low, samples, zi=self.states[0])
        narrow, self.states[1] = sosfilt(self.high, voice, zi=self.states[1])
        coarse = self._coarse(narrow[::self.factor].astype(np.float32))
        return self._refined(self.voice.recall(voice.astype(np.float32)), coarse)

    def _coarse(self, samples: np.ndarray) -> np.ndarray:
        """Lags (n,) at SEARCH_RATE."""
        hop = SEARCH_RATE // 100
        whole = self.searched.recall(samples)
        scores = _scores(stretches(whole, SPAN + _REACH)[hop::hop])
        states = self.track.push(scores)
        rows = np.concatenate([self.before, scores])[:-1]
        self.before = scores[-1:]
        inner, frames = np.clip(states, 1, STATES - 2), np.arange(len(states))
        shift = peaks(*(rows[frames, inner + step] for step in (-1, 0, 1)))
        return _LAGS[inner] * 2.0 ** (_STEP * shift)

    def _refined(self, whole: np.ndarray, coarse: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Periods and correlations over two frames around the frame LOOK_AHEAD behind."""
        hop, size, reach = self.framing.hop, 2 * self.framing.size, self.refining
        rows, frames = stretches(whole, size), np.arange(len(coarse))
        at = len(self.voice.past) + hop * (frames - 4)
        guess = np.clip(np.rint(coarse * self.factor).astype(int), 0, self.longest - 1)
        earlier = rows[(at - guess)[:, None] + np.arange(reach, -reach - 1, -1)]
        now = rows[at]
        alike = np.matmul(earlier, now[:, :, None])[:, :, 0]
        energies = np.einsum("nkm,nkm->nk", earlier, earlier)
        alike /= np.sqrt(energies * np.einsum("nm,nm->n", now, now)[:, None] + np.float32(1e-18))
        best = np.clip(alike.argmax(axis=1), 1, 2 * reach - 1)
        shift = peaks(*(alike[frames, best + step] for step in (-1, 0, 1)))
        return guess + best - reach + shift, alike[frames, best]


def _scores(segments: np.ndarray) -> np.ndarray:
    """What each lag has to say for itself in ``segments`` (n, SPAN + longest lag)."""
    alike = correlations(segments, SPAN)
    exact = alike[:, _FLOOR] * (1 - _PART) + alike[:, _FLOOR + 1] * _PART
    return exact * _KEEP - _HIGH
