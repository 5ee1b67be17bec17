"""Overlapping frames: the window, their spectra, and the way back to a signal."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from evalkit.core.errors import ConfigError
from evalkit.models.percepnet.transforms import quickest

RATES = (16_000, 48_000)
"""Hz that the signal path works at."""
SPACING = 50
"""Hz from one bin of a spectrum to the next."""
LOOK_AHEAD = 2
"""Frames that are heard beyond the one that comes out."""
LATE = LOOK_AHEAD + 1
"""Hops by which what comes out is late: the look-ahead, and the other half of the last frame."""
FOURIER = quickest()


@dataclass(frozen=True)
class Framing:
    """Frames of 20 ms every 10 ms at ``rate`` Hz. Frame l holds hops l - 1 and l of the signal.

    Raises ConfigError for a rate that is not one of RATES."""

    rate: int

    def __post_init__(self) -> None:
        if self.rate not in RATES:
            raise ConfigError(f"PercepNet works at {' or '.join(map(str, RATES))} Hz, not at "
                              f"{self.rate}; resample first")

    @cached_property
    def hop(self) -> int:
        """Samples from one frame to the next."""
        return self.rate // 100

    @cached_property
    def size(self) -> int:
        """Samples of a frame."""
        return 2 * self.hop

    @cached_property
    def bins(self) -> int:
        """Of a spectrum, from 0 Hz to half the rate, SPACING apart."""
        return self.hop + 1

    @cached_property
    def loudest(self) -> float:
        """Energy of a full-scale signal in a band."""
        return (self.size / 2) ** 2

    @property
    def delay(self) -> int:
        """Samples by which what comes out is late."""
        return LATE * self.hop

    @cached_property
    def window(self) -> np.ndarray:
        """sin(pi/2 sin^2(pi (n + 1/2) / N)), shape (size,): its squares, a hop apart, add up to 1,
        so that it serves for analysis and synthesis alike."""
        phase = np.pi * (np.arange(self.size) + 0.5) / self.size
        return np.sin(np.pi / 2 * np.sin(phase) ** 2).astype(np.float32)

    def spectra(self, frames: np.ndarray) -> np.ndarray:
        """Of ``frames`` (…, size), which become windowed: (…, bins)."""
        frames *= self.window
        made = np.empty((*frames.shape[:-1], self.bins), np.complex64)
        return FOURIER.forward(frames, made)

    def overlap_add(self, spectra: np.ndarray, tail: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """The hops that ``spectra`` (n, bins) complete, (n * hop,), given the ``tail`` (hop,) of
        the frame before them; and their own tail."""
        frames = np.empty((len(spectra), self.size), np.float32)
        FOURIER.back(spectra, frames)
        frames *= self.window
        hops = frames[:, :self.hop]
        hops[0] += tail
        if len(frames) > 1:
            hops[1:] += frames[:-1, self.hop:]
        return hops.reshape(-1), frames[-1, self.hop:]
