"""How alike a signal is to itself a while earlier."""

from __future__ import annotations

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft

FAINT = np.float32(1e-9)
"""Energy below which nothing is like anything."""


def correlations(segments: np.ndarray, size: int) -> np.ndarray:
    """Of the last ``size`` samples of each of ``segments`` (n, size + lags) with as many that
    begin 0 … lags samples earlier: <x, y> / (||x|| ||y||), shape (n, lags + 1)."""
    lags = segments.shape[1] - size
    length = next_fast_len(segments.shape[1], real=True)
    late = rfft(segments[:, lags:], length)
    products = irfft(rfft(segments, length) * late.conj(), length)[:, lags::-1]
    energies = sums_of_squares(segments, size)[:, ::-1]
    return products / np.sqrt(energies[:, :1] * energies + FAINT**2)


def sums_of_squares(segments: np.ndarray, size: int) -> np.ndarray:
    """Over ``size`` samples of ``segments`` (n, m) from every sample on, (n, m - size + 1)."""
    sums = np.zeros((len(segments), segments.shape[1] + 1))
    np.cumsum(segments.astype(np.float64) ** 2, axis=1, out=sums[:, 1:])
    return np.maximum(sums[:, size:] - sums[:, :-size], 0).astype(np.float32)


class Lags:
    """Lags, not always whole, at which correlations are read."""

    def __init__(self, lags: np.ndarray) -> None:
        self.floor = lags.astype(int)
        self.part = (lags - self.floor).astype(np.float32)

    def of(self, alike: np.ndarray) -> np.ndarray:
        """``alike`` (n, whole lags from 0 on), interpolated between them."""
        left = alike.take(self.floor, axis=1)
        return left + self.part * (alike.take(self.floor + 1, axis=1) - left)


def peaks(rows: np.ndarray, frames: np.ndarray, columns: np.ndarray) -> np.ndarray:
    """By how much, in [-1/2, 1/2], the parabola through ``rows`` (n, m) at ``columns`` and the
    two beside them is highest elsewhere; 0 at the edges."""
    inner = np.minimum(np.maximum(columns, 1), rows.shape[1] - 2)
    left, top, right = (rows[frames, inner + step] for step in (-1, 0, 1))
    bend = np.minimum(left - 2 * top + right, -FAINT)
    shift = np.minimum(np.maximum((left - right) / (2 * bend), -0.5), 0.5)
    return np.where(inner == columns, shift, 0)
