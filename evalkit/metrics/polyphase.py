"""Resampling as the package ``pystoi`` does, which is as Octave does, by products of matrices.

Where a ratio of rates p / q is one of small numbers, every q samples make p samples in the same
way, so that many of them at once are a product with a matrix that is made once: a third of the
time that filtering sample by sample takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import numpy as np

STEP = 128
"""Samples, about, that are made into others at a time."""
ONE_THREAD = 200_000
"""Products of two numbers in a product of matrices that OpenBLAS, whose least for more is 262,144,
does not part among threads: they are slower, and workers are as many as there are processors."""
LARGEST = 2_000_000
"""Numbers of a matrix. Ratios that need more are filtered sample by sample."""


def resampled(signals: Sequence[np.ndarray], rate: int, to: int) -> np.ndarray:
    """k signals (n,), float64, at ``rate`` Hz, in ``to`` Hz: (k, ceil(n to / rate))."""
    p, q = to // gcd(to, rate), rate // gcd(to, rate)
    if p == q:
        return np.stack(signals)
    if _shape(p, q).size <= LARGEST:
        return _multiplied(signals, p, q)
    from scipy.signal import resample_poly

    filtered: np.ndarray = resample_poly(np.stack(signals), p, q, axis=1,
                                         window=_filter(p, q))
    return filtered


class _Shape(NamedTuple):
    """``inputs`` samples become ``outputs``; they and those ``ahead`` of them and behind, with
    which they are filtered, are ``pieces`` times as many."""

    inputs: int
    outputs: int
    ahead: int
    pieces: int

    @property
    def size(self) -> int:
        return self.pieces * self.inputs * self.outputs


def _shape(p: int, q: int) -> _Shape:
    times = max(1, round(STEP / q))
    ahead = -(-(len(_filter(p, q)) // 2) // p)
    return _Shape(times * q, times * p, ahead, -(-(times * q + 2 * ahead) // (times * q)))


@lru_cache(maxsize=8)
def _filter(p: int, q: int) -> np.ndarray:
    """The low-pass filter of the package, (2 half + 1,), of sum 1."""
    from pystoi.utils import _resample_window_oct

    taps: np.ndarray = _resample_window_oct(p, q)
    return taps / np.sum(taps)


@lru_cache(maxsize=8)
def _matrices(p: int, q: int) -> np.ndarray:
    """(pieces, inputs, outputs): what every sample adds to every output."""
    taps, shape = _filter(p, q), _shape(p, q)
    sample = np.arange(shape.pieces * shape.inputs)[:, None] - shape.ahead
    at = len(taps) // 2 + np.arange(shape.outputs) * q - sample * p
    found = np.where((at >= 0) & (at < len(taps)), p * taps.take(at, mode="clip"), 0.0)
    return found.reshape(shape.pieces, shape.inputs, shape.outputs)


def _multiplied(signals: Sequence[np.ndarray], p: int, q: int) -> np.ndarray:
    shape, k, n = _shape(p, q), len(signals), len(signals[0])
    length = -(-n * p // q)
    rows = max(1, ONE_THREAD // (shape.inputs * shape.outputs))
    blocks = -(-length // (shape.outputs * rows)) * rows
    padded = np.zeros((k, blocks + shape.pieces - 1, shape.inputs))
    for signal, row in zip(signals, padded.reshape(k, -1), strict=True):
        row[shape.ahead:shape.ahead + n] = signal
    made = np.zeros((k, blocks, shape.outputs))
    for start in range(0, blocks, rows):
        for piece, matrix in enumerate(_matrices(p, q)):
            made[:, start:start + rows] += padded[:, start + piece:start + piece + rows] @ matrix
    return made.reshape(k, -1)[:, :length]
