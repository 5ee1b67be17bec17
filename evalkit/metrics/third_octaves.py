"""What STOI is defined by (Taal et al. 2011, section II): the rate that it hears at, the length of
its segments, its bounds, and its third octaves."""

from __future__ import annotations

from functools import cache

import numpy as np

RATE = 10_000
"""Hz."""
LENGTH = 30
"""Frames of a segment."""
BETA = -15.0
"""dB, the lowest signal-to-distortion ratio that a frame may have."""
DYN_RANGE = 40
"""dB below the loudest frame at which one is silent."""
_BINS = 512
_BANDS, _LOWEST = 15, 150.0


@cache
def third_octave_edges() -> np.ndarray:
    """Which bin of a transform of 512 samples each third octave begins with, (bands + 1,): the last
    is where the highest ends, and each ends where the next begins."""
    edges = _LOWEST * 2.0 ** ((np.arange(_BANDS + 1) - .5) / 3)
    hz = np.arange(_BINS // 2 + 1) * RATE / _BINS
    return np.abs(hz - edges[:, None]).argmin(axis=1)
