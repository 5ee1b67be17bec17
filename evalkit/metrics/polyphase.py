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

STEP = 64
"""Samples, about, that are made into others at a time."""
ONE_THREAD = 200_000
"""Products of two numbers in a product of matrices that OpenBLAS, whose least for more is 262,144,
does not part among threads: they are slower, and workers are as many as there are processors."""
_REJECTION = 60.0
"""dB of what the filter keeps out."""
LARGEST = 2_000_000
"""Numbers of a matrix. Ratios that need more are filtered sample by sample."""


def resampled(signals: Sequence[np.ndarray], rate: int, to: int) -> np.ndarray:
    """k signals (n,) at ``rate`` Hz, in ``to`` Hz: (k, ceil(n to / rate)), float64."""
    p, q = to // gcd(to, rate), rate // gcd(to, rate)
    if p == q:
        return np.stack(signals).astype(np.float64)
    if _shape(p, q).size <= LARGEST:
        return _multiplied(signals, p, q)
    from scipy.signal import resample_poly

    filtered: np.ndarray = resample_poly(np.stack(signals).astype(np.float64), p, q, axis=1,
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
    """Octave's low-pass filter, (2 half + 1,), of sum 1: a sinc under Kaiser's window."""
    cutoff = 1.0 / (2 * max(p, q))
    half = int(np.ceil((_REJECTION - 8) / (28.714 * cutoff / 10)))
    ideal = 2 * p * cutoff * np.sinc(2 * cutoff * np.arange(-half, half + 1))
    taps = np.kaiser(2 * half + 1, 0.1102 * (_REJECTION - 8.7)) * ideal
    filtered: np.ndarray = taps / np.sum(taps)
    return filtered


@lru_cache(maxsize=8)
def _matrices(p: int, q: int) -> list[np.ndarray]:
    """Pieces (inputs, outputs), of which the last is shorter: what every sample adds to every
    output."""
    taps, shape = _filter(p, q), _shape(p, q)
    sample = np.arange(shape.inputs + 2 * shape.ahead)[:, None] - shape.ahead
    at = len(taps) // 2 + np.arange(shape.outputs) * q - sample * p
    found = np.where((at >= 0) & (at < len(taps)), p * taps.take(at, mode="clip"), 0.0)
    return np.split(found, range(shape.inputs, len(found), shape.inputs))


def _multiplied(signals: Sequence[np.ndarray], p: int, q: int) -> np.ndarray:
    shape, k, n = _shape(p, q), len(signals), len(signals[0])
    length = -(-n * p // q)
    rows = max(1, ONE_THREAD // (shape.inputs * shape.outputs))
    blocks = -(-length // shape.outputs)
    padded = np.zeros((k, blocks + shape.pieces - 1, shape.inputs))
    for signal, row in zip(signals, padded.reshape(k, -1), strict=True):
        row[shape.ahead:shape.ahead + n] = signal
    made = np.empty((k, blocks, shape.outputs))
    first, *others = _matrices(p, q)
    for heard, filtered in zip(padded, made, strict=True):
        for start in range(0, blocks, rows):
            out = filtered[start:start + rows]
            np.matmul(heard[start:start + len(out)], first, out=out)
            for piece, matrix in enumerate(others, 1):
                at = start + piece
                out += heard[at:at + len(out), :len(matrix)] @ matrix
    return made.reshape(k, -1)[:, :length]
