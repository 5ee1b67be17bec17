"""How alike a signal is to itself a while earlier."""

from __future__ import annotations

import numpy as np

FAINT = 1e-9
"""Energy below which nothing is like anything."""


def correlations(segments: np.ndarray, size: int) -> np.ndarray:
    """Of the last ``size`` samples of each of ``segments`` (n, size + lags) with as many that
    begin 0 … lags samples earlier: <x, y> / (||x|| ||y||), shape (n, lags + 1).

    A row's values depend on that row alone, to the bit, whatever the others are."""
    products = np.array([np.correlate(one, one[-size:], "valid") for one in segments])
    squares = np.multiply(segments, segments, dtype=np.float64)
    energies = np.empty(products.shape)
    energies[:, 0] = squares[:, :size].sum(axis=1) + FAINT
    np.subtract(squares[:, size:], squares[:, :-size], out=energies[:, 1:])
    np.cumsum(energies, axis=1, out=energies)
    return (products / np.sqrt(energies * energies[:, -1:]))[:, ::-1]


def between(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """``values`` (n, m) interpolated linearly at the positions ``at`` (k,) in [0, m - 1], (n, k).
    """
    below = np.minimum(at.astype(np.intp), values.shape[1] - 2)
    left = values[:, below]
    return left + (at - below) * (values[:, below + 1] - left)


def peaks(values: np.ndarray, at: np.ndarray) -> np.ndarray:
    """By how much, in [-1/2, 1/2], the parabola through a row of ``values`` (n, m) at its ``at``
    (n,) and the two beside it is highest elsewhere; 0 at the edges and where they are no peak."""
    inner, rows = np.clip(at, 1, values.shape[1] - 2), np.arange(len(at))
    left, top, right = (values[rows, inner + step] for step in (-1, 0, 1))
    bend = left - 2 * top + right
    peak = (bend < 0) & (inner == at)
    return np.where(peak, np.clip((left - right) / np.where(peak, 2 * bend, 1), -0.5, 0.5), 0)
