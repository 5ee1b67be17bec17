"""How alike a signal is to itself a while earlier."""

from __future__ import annotations

import math

import numpy as np

FAINT = np.float32(1e-9)
"""Energy below which nothing is like anything."""


def correlations(segments: np.ndarray, size: int) -> np.ndarray:
    """Of the last ``size`` samples of each of ``segments`` (n, size + lags) with as many that
    begin 0 … lags samples earlier: <x, y> / (||x|| ||y||), shape (n, lags + 1), float32.

    A row's values depend on that row alone, to the bit, whatever the others are."""
    ones = np.ones(size, np.float32)
    return np.array([_correlations(one, one[-size:], ones) for one in segments])


def _correlations(segment: np.ndarray, last: np.ndarray, ones: np.ndarray) -> np.ndarray:
    energies = np.correlate(segment * segment, ones, "valid")
    energies += FAINT
    energies *= energies[-1]
    made: np.ndarray = np.correlate(segment, last, "valid") / np.sqrt(energies, out=energies)
    return made[::-1]


class Sums:
    """Weighted sums of what lies between the values of a row, which are 1 apart."""

    def __init__(self, at: np.ndarray, weights: np.ndarray, length: int) -> None:
        """For each of k sums, of the values at its s positions ``at`` (s, k), by their
        ``weights`` (s, k), in rows of ``length``."""
        below = np.ceil(at).astype(np.intp) - 1
        rest = at - below
        self.weights = np.zeros((length, at.shape[1]), np.float32)
        for point, weight in ((below, 1 - rest), (below + 1, rest)):
            np.add.at(self.weights, (point, np.arange(at.shape[1])), weight * weights)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Of the rows of ``values`` (n, length), interpolated linearly, (n, k), each by itself."""
        made: np.ndarray = np.matmul(values[:, None], self.weights)
        return made[:, 0]


def between(values: np.ndarray, at: float) -> float:
    """``values`` (m,), which are 1 apart, interpolated linearly at the position ``at`` between
    the first and the last."""
    below = math.ceil(at) - 1
    left, right = values[below:below + 2].tolist()
    return left + (at - below) * (right - left)


def peak(values: np.ndarray, at: int) -> float:
    """By how much, in [-1/2, 1/2], the parabola through ``values`` (m,) at ``at`` and the two
    beside it is highest elsewhere; 0 at the edges and where they are no peak."""
    if not 0 < at < len(values) - 1:
        return 0.0
    left, top, right = values[at - 1:at + 2].tolist()
    bend = left - 2 * top + right
    return min(max((left - right) / (2 * bend), -0.5), 0.5) if bend < 0 else 0.0
