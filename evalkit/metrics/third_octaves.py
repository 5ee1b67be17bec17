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
def third_octave_bins() -> np.ndarray:
    """Which bins of a transform of 512 samples are in each third octave: 1 or 0, (bands, bins), as
    far as the highest."""
    centres = _LOWEST * 2.0 ** (np.arange(_BANDS) / 3)
    hz = np.arange(_BINS // 2 + 1) * RATE / _BINS
    low, high = (np.abs(hz - (centres * 2.0 ** (side / 6))[:, None]).argmin(axis=1)[:, None]
                 for side in (-1, 1))
    bins = np.arange(int(high.max()))
    return ((low <= bins) & (bins < high)).astype(float)
