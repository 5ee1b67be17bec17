"""How alike a signal is to itself a while earlier."""

from __future__ import annotations

import math

import numpy as np

FAINT = np.float32(1e-9)
"""Energy below which nothing is like anything."""


def correlations(segments: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """Of the last samples of each of ``segments`` (n, size + lags) with as many that begin
    0 … lags samples earlier: <x, y> / (||x|| ||y||), shape (n, lags + 1), float32, given the
    ``energies`` (n, lags + 1) of all its stretches of that size.

    A row's values depend on that row alone, to the bit, whatever the others are."""
    norms = energies + FAINT
    norms *= norms[:, -1:]
    np.sqrt(norms, out=norms)
    lags = norms.shape[1] - 1
    for segment, norm in zip(segments, norms, strict=True):
        np.divide(np.correlate(segment, segment[lags:], "valid"), norm, out=norm)
    return norms[:, ::-1]


class Sums:
    """Weighted sums of what lies between the values of a row, which are 1 apart."""

    def __init__(self, at: np.ndarray, weights: np.ndarray) -> None:
        """For each of k sums, of the values at its s positions ``at`` (s, k), by their
        ``weights`` (s, k)."""
        below = np.ceil(at).astype(np.intp) - 1
        rest = at - below
        self.points = np.concatenate([below, below + 1])
        self.weights = np.concatenate([(1 - rest) * weights, rest * weights]).astype(np.float32)

    def __call__(self, values: np.ndarray) -> np.ndarray:
        """Of the rows of ``values`` (n, length), interpolated linearly, (n, k), each by itself."""
        picked = values.take(self.points, axis=1)
        picked *= self.weights
        made: np.ndarray = np.add.reduce(picked, axis=1)
        return made


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
