"""Speech in a band of frequencies, such as a telephone passes."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.fft import irfft, rfft, rfftfreq

from evalkit.conditions.recipe import identity
from evalkit.core.errors import ConfigError
from evalkit.core.types import Audio, Utterance

VERSION = 1
"""Changes whenever the same options would give other samples."""


@dataclass(frozen=True)
class BandLimit:
    """Takes away what lies above ``band_limit`` Hz and below ``low`` Hz, by slopes of 12th order,
    without delay. Raises ConfigError where there is no band between them."""

    band_limit: float
    low: float = 0.0

    def __post_init__(self) -> None:
        if not 0 <= self.low < self.band_limit < math.inf:
            raise ConfigError(f"band_limit, the upper edge in Hz, must lie above low, not "
                              f"{self.band_limit:g} with low {self.low:g}")

    @property
    def identity(self) -> str:
        return identity(f"band {self.low:g} to {self.band_limit:g} Hz", VERSION, self.low,
                        self.band_limit)

    def bind(self, utterances: Sequence[Utterance]) -> BandLimit:
        return self

    def apply(self, speech: Audio, utterance: Utterance) -> Audio:
        """What of ``speech`` is in the band."""
        passed = low_passed(speech.samples.astype(np.float64), self.band_limit, speech.rate)
        if self.low:
            passed -= low_passed(passed, self.low, speech.rate)
        return Audio(passed.astype(np.float32), speech.rate)


def low_passed(wave: np.ndarray, edge: float, rate: int) -> np.ndarray:
    """``wave`` without what lies above ``edge`` Hz (12th-order slope, no delay)."""
    return irfft(rfft(wave) / np.sqrt(1 + (rfftfreq(len(wave), 1 / rate) / edge) ** 24), len(wave))
