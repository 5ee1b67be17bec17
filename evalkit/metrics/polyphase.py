"""Resampling as the package ``pystoi`` does, which is as Octave does, by products of matrices.

Where a ratio of rates p / q is one of small numbers, every q samples make p samples in the same
way, so that many of them at once are a product with a matrix that is made once: a quarter of the
time that filtering sample by sample takes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from math import gcd
from typing import NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

FEW = 20
"""Samples, about, that one product makes of the same others: more have fewer others in common,
fewer are too narrow a matrix."""
ONE_THREAD = 250_000
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
    if _step(p, q).size <= LARGEST:
        return _multiplied(signals, p, q)
    from scipy.signal import resample_poly

    filtered: np.ndarray = resample_poly(np.stack(signals).astype(np.float64), p, q, axis=1,
                                         window=_filter(p, q))
    return filtered


class _Step(NamedTuple):
    """``inputs`` samples become ``outputs``, of them and of those ``ahead`` of them and after, with
    which they are filtered."""

    inputs: int
    outputs: int
    ahead: int

    @property
    def size(self) -> int:
        """Numbers of the matrices of its products, about."""
        return FEW * self.inputs + 2 * self.ahead * self.outputs


def _step(p: int, q: int) -> _Step:
    times = max(1, round(FEW / p))
    return _Step(times * q, times * p, -(-(len(_filter(p, q)) // 2) // p))


@lru_cache(maxsize=8)
def _filter(p: int, q: int) -> np.ndarray:
    """Octave's low-pass filter, (2 half + 1,), of sum 1: a sinc under Kaiser's window."""
    cutoff = 1.0 / (2 * max(p, q))
    half = int(np.ceil((_REJECTION - 8) / (28.714 * cutoff / 10)))
    ideal = 2 * p * cutoff * np.sinc(2 * cutoff * np.arange(-half, half + 1))
    taps = np.kaiser(2 * half + 1, 0.1102 * (_REJECTION - 8.7)) * ideal
    filtered: np.ndarray = taps / np.sum(taps)
    return filtered


class _Product(NamedTuple):
    """Some ``outputs`` of a step, and what each of its samples from ``first`` on adds to each."""

    outputs: slice
    first: int
    matrix: np.ndarray


@lru_cache(maxsize=8)
def _products(p: int, q: int) -> list[_Product]:
    """Which together make the outputs of a step."""
    taps, step, made = _filter(p, q), _step(p, q), []
    half = len(taps) // 2
    for start in range(0, step.outputs, FEW):
        at = np.arange(start, min(start + FEW, step.outputs)) * q
        first, last = -((half - at[0]) // p), (half + at[-1]) // p
        tap = half + at - np.arange(first, last + 1)[:, None] * p
        matrix = np.where((tap >= 0) & (tap < len(taps)), p * taps.take(tap, mode="clip"), 0.0)
        made.append(_Product(slice(start, start + len(at)), int(first) + step.ahead, matrix))
    return made


def _multiplied(signals: Sequence[np.ndarray], p: int, q: int) -> np.ndarray:
    """A row of a product has the samples of a step and more, and BLAS takes no rows that overlap.
    So a product is of steps that are ``turns`` apart, and those between have their own turn."""
    step, products, k, n = _step(p, q), _products(p, q), len(signals), len(signals[0])
    length = -(-n * p // q)
    turns = max(-(-len(each.matrix) // step.inputs) for each in products)
    rows = max(1, -(-length // (turns * step.outputs)))
    stacks = -(-rows * max(each.matrix.size for each in products) // ONE_THREAD)
    rows = -(-rows // stacks)
    padded = np.zeros((k, stacks * rows * turns * step.inputs + 2 * step.ahead + 1))
    padded[:, step.ahead:step.ahead + n] = signals
    made = np.empty((k, stacks, rows, turns, step.outputs))
    for outputs, first, matrix in products:
        windows = sliding_window_view(padded, len(matrix), axis=1)
        for turn in range(turns):
            heard = windows[:, first + turn * step.inputs::turns * step.inputs][:, :stacks * rows]
            np.matmul(heard.reshape(k, stacks, rows, -1), matrix, out=made[:, :, :, turn, outputs])
    return made.reshape(k, -1)[:, :length]
