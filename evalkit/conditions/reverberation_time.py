"""How much walls absorb where a room reverberates for a stated time."""

from __future__ import annotations

import numpy as np

STEP = 0.001
"""Seconds in which reflections are counted together."""
FROM, TO = -5.0, -35.0
"""Decibels between which the decay is fitted: T30 (ISO 3382-2)."""


def absorption_for(seconds: float, orders: np.ndarray, times: np.ndarray) -> float:
    """The share of energy that every wall takes of what reaches it, so that image sources that
    were reflected ``orders`` times and arrive after ``times`` seconds decay by 60 dB in
    ``seconds``; the nearest there is, from .0001 to .9999."""
    since = ((times - times.min()) / STEP).astype(int)
    energy = np.zeros((int(orders.max()) + 1, int(since.max()) + 1))
    np.add.at(energy, (orders, since), times ** -2.0)
    least, most = 1e-4, 1 - 1e-4
    for _ in range(30):
        tried = (least + most) / 2
        lasts = reverberation(energy.T @ (1 - tried) ** np.arange(len(energy)))
        least, most = (tried, most) if lasts > seconds else (least, tried)
    return (least + most) / 2


def reverberation(energy: np.ndarray) -> float:
    """T30 in seconds of what arrives in each STEP, by Schroeder's backward integration (1965,
    J. Acoust. Soc. Am. 37(3), pp. 409-412)."""
    left = np.cumsum(energy[::-1])[::-1]
    level = 10 * np.log10(np.maximum(left / left[0], 1e-30))
    fitted = np.flatnonzero((level <= FROM) & (level >= TO))
    if len(fitted) < 2:
        return 0.0
    slope = np.polyfit(fitted * STEP, level[fitted], 1)[0]
    return float(-60 / min(slope, -1e-9))
