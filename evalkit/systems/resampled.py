"""A stream of audio at a rate that its system does not have."""

from __future__ import annotations

import math

import numpy as np

from evalkit.core.protocols import AudioStream
from evalkit.models.percepnet.memory import Memory, stretches

HALF = 32
"""Samples, at the lower of the two rates, by which each of the two resamplers is late."""
PASSED, STOPPED = 0.85, 1.0
"""Shares of half the lower rate: up to the one all is kept, from the other on nothing. Speech of
a telephone ends at 3,400 of 4,000 Hz."""
REJECTION = 75.0
"""Decibels by which what is beyond is lower: as much as so few samples give."""
PIECE = 0.1
"""Seconds that are resampled at once; it bounds the memory that a long piece needs."""


class Resampled:
    """A stream at ``rate`` Hz through ``inner``, a stream at ``inner_rate``, with a filter on the
    way there and one on the way back.

    Both are linear in phase, so that all is late by one ``delay``, to the sample: that of
    ``inner``, HALF samples of the lower rate for each filter, and less than a sample that makes
    the sum whole."""

    def __init__(self, inner: AudioStream, inner_rate: int, rate: int) -> None:
        common = math.lcm(rate, inner_rate)
        half, step = HALF * common // min(rate, inner_rate), common // rate
        late = inner.delay * (common // inner_rate) + 2 * half
        self.inner, self.delay, self.piece = inner, -(-late // step), math.ceil(PIECE * rate)
        self.there = _Resampler(rate, inner_rate, half)
        self.back = _Resampler(inner_rate, rate, half, spare=self.delay * step - late)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """What ``samples`` (n,) let out."""
        pieces = (samples[i:i + self.piece] for i in range(0, len(samples), self.piece))
        made = [self.back.push(self.inner.push(self.there.push(piece))) for piece in pieces]
        return np.concatenate([*made, np.zeros(0, np.float32)])

    def finish(self) -> np.ndarray:
        """The rest, so that ``delay`` samples more have come out than had gone in."""
        left = self.there.heard + self.delay - self.back.made
        silence = self.push(np.zeros(self.delay + 1, np.float32))
        return np.concatenate([silence, self.back.push(self.inner.finish())])[:left]


class _Resampler:
    """A signal at ``rate`` Hz on its way to another, through a windowed sinc (Kaiser's window) of
    ``half`` steps either way, and ``spare`` steps later than that, of their common multiple."""

    def __init__(self, rate: int, to: int, half: int, spare: int = 0) -> None:
        from scipy.signal import firwin, kaiser_beta

        common, lower = math.lcm(rate, to), min(rate, to)
        self.up, self.down = common // rate, common // to
        sinc = firwin(2 * half + 1, (PASSED + STOPPED) / 2 * lower / 2, fs=common,
                      window=("kaiser", kaiser_beta(REJECTION)))
        self.taps = -(-(spare + len(sinc)) // self.up)
        filled = np.zeros(self.taps * self.up, np.float32)
        filled[spare:spare + len(sinc)] = self.up * sinc
        self.phases = np.ascontiguousarray(filled.reshape(self.taps, self.up).T[:, ::-1])
        self.memory = Memory(self.taps - 1 - -self.down // self.up)
        self.heard = self.made = 0

    def push(self, samples: np.ndarray) -> np.ndarray:
        """The samples (m,) of the other rate that have fully gone by when these (n,) have."""
        whole = self.memory.recall(samples)
        self.heard += len(samples)
        ready = self.heard * self.up // self.down
        newest, phase = np.divmod(np.arange(self.made, ready) * self.down, self.up)
        self.made = ready
        heard = stretches(whole, self.taps)[newest - self.heard + len(whole) - self.taps + 1]
        made: np.ndarray = np.einsum("nt,nt->n", heard, self.phases[phase])
        return made
