"""How alike a signal is to itself a while earlier."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

FAINT = 1e-9
"""Energy below which nothing is like anything."""


def correlations(segment: np.ndarray, size: int) -> np.ndarray:
    """Of the last ``size`` samples of a ``segment`` (size + lags,) with as many that begin
    0 … lags samples earlier: <x, y> / (||x|| ||y||), shape (lags + 1,)."""
    products = np.correlate(segment, segment[-size:], "valid")
    sums = np.zeros(len(segment) + 1)
    np.cumsum(np.multiply(segment, segment, dtype=np.float64), out=sums[1:])
    energies = sums[size:] - sums[:-size] + FAINT
    return (products / np.sqrt(energies[-1] * energies))[::-1]


def peak(values: Sequence[float] | np.ndarray, at: int) -> float:
    """By how much, in [-1/2, 1/2], the parabola through ``values`` at ``at`` and the two beside
    it is highest elsewhere; 0 at the edges and where they are no peak."""
    if not 0 < at < len(values) - 1:
        return 0.0
    left, top, right = (float(values[at + step]) for step in (-1, 0, 1))
    bend = left - 2 * top + right
    return min(max((left - right) / (2 * bend), -0.5), 0.5) if bend < 0 else 0.0
