"""A stream of audio at a rate that its system does not have."""

from __future__ import annotations

from functools import lru_cache

import numpy as np

from evalkit.core.protocols import AudioStream

BLOCK = 0.01
"""Seconds of audio that are resampled at once."""


class Resampled:
    """A stream at ``rate`` Hz through ``inner``, which works at ``inner_rate``: whole blocks of
    BLOCK seconds, there and back by soxr's streams. Those hold audio back, how much varies; what
    comes out is late by the most that it can be, and so as much later as ``late`` says (samples
    at ``rate``), to the sample."""

    def __init__(self, inner: AudioStream, rate: int, inner_rate: int) -> None:
        self.inner, self.block = inner, round(BLOCK * rate)
        self.late = _held_back(rate, inner_rate)
        self._there, self._back = _Resampler(rate, inner_rate), _Resampler(inner_rate, rate)
        self._waiting = np.zeros(0, np.float32)
        self._ready = np.zeros(self.late, np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """As many samples as the blocks have that ``samples`` (n,) complete."""
        waiting = np.concatenate([self._waiting, samples], dtype=np.float32)
        whole = len(waiting) - len(waiting) % self.block
        self._waiting = waiting[whole:]
        made = [self._ready]
        for first in range(0, whole, self.block):
            block = waiting[first:first + self.block]
            made.append(self._back(self.inner.push(self._there(block))))
        return self._out(np.concatenate(made), whole)

    def finish(self) -> np.ndarray:
        """The rest."""
        there = self._there(self._waiting, last=True)
        rest = np.concatenate([self.inner.push(there), self.inner.finish()])
        made = np.concatenate([self._ready, self._back(rest, last=True)])
        self._ready = made[:0]
        return made

    def _out(self, made: np.ndarray, count: int) -> np.ndarray:
        self._ready = made[count:]
        return made[:count]


class _Resampler:
    """soxr's stream from one rate to another; ``last`` lets out what it holds back."""

    def __init__(self, rate: int, to: int) -> None:
        from soxr import ResampleStream

        self._stream = ResampleStream(rate, to, 1, dtype="float32", quality="HQ")

    def __call__(self, samples: np.ndarray, last: bool = False) -> np.ndarray:
        return np.asarray(self._stream.resample_chunk(samples.astype(np.float32), last=last))


@lru_cache(maxsize=64)
def _held_back(rate: int, inner: int) -> int:
    """Samples at ``rate`` that two resamplers hold back at most, seen over two seconds."""
    there, back, block = _Resampler(rate, inner), _Resampler(inner, rate), round(BLOCK * rate)
    given = taken = most = 0
    for _ in range(round(2 / BLOCK)):
        given += block
        taken += len(back(there(np.zeros(block, np.float32))))
        most = max(most, given - taken)
    return most
