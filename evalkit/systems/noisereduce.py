"""Spectral gating, from the package noisereduce."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio, Cost
from evalkit.systems.identity import require, stamp

GATING_WINDOW = 1024
"""Samples of a window of SpectralGating."""


@dataclass(frozen=True)
class SpectralGating:
    """Spectral gating of the package noisereduce (Sainburg et al. 2020, PLOS Computational
    Biology 16(10)): frequencies under a threshold that follows the noise are turned down.

    ``stationary`` takes one threshold for the whole utterance. ``strength`` in (0, 1] is the
    share of the noise that is removed. Zero phase: no delay."""

    stationary: bool = False
    strength: float = 1.0

    rate = None
    delay = 0.0
    batch = 1
    cost = Cost(0, 0, unknown="it has no network; what its spectra take is not counted")

    def __post_init__(self) -> None:
        require("noisereduce")
        if not 0 < self.strength <= 1:
            raise ValueError(f"strength must be in (0, 1], not {self.strength!r}")

    @property
    def identity(self) -> str:
        return f"{self!r} {stamp('noisereduce')}"

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Silence is given back as it is: it holds no noise to measure. Raises UtteranceError of
        kind TooShort for less than a window."""
        return [self._enhance(speech) for speech in batch]

    def _enhance(self, speech: Audio) -> Audio:
        from noisereduce import reduce_noise

        if len(speech.samples) < GATING_WINDOW:
            raise UtteranceError("TooShort", f"{len(speech.samples)} samples, spectral gating "
                                 f"needs {GATING_WINDOW}")
        if not speech.samples.any():
            return speech
        with np.errstate(all="ignore"):  # the run looks for what is not finite
            made = reduce_noise(speech.samples, speech.rate, stationary=self.stationary,
                                prop_decrease=self.strength, n_fft=GATING_WINDOW)
        return Audio(made, speech.rate)
