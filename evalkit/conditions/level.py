"""Speech that is too loud or too faint for what records it."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.conditions.recipe import identity
from evalkit.core.errors import ConfigError
from evalkit.core.types import Audio, Utterance

VERSION = 1
"""Changes whenever the same options would give other samples."""
MOST_GAIN = 120.0


@dataclass(frozen=True)
class Gain:
    """``gain`` decibels more, or fewer where negative; what is then beyond full scale is cut off
    there, as a converter does. Raises ConfigError beyond MOST_GAIN."""

    gain: float

    def __post_init__(self) -> None:
        if not abs(self.gain) <= MOST_GAIN:
            raise ConfigError(f"gain must be from -{MOST_GAIN:g} to {MOST_GAIN:g} dB, not "
                              f"{self.gain:g}")

    @property
    def identity(self) -> str:
        return identity(f"gain {self.gain:g} dB", VERSION, self.gain)

    def bind(self, utterances: Sequence[Utterance]) -> Gain:
        return self

    def apply(self, speech: Audio, utterance: Utterance) -> Audio:
        """``speech`` at the other level."""
        louder = speech.samples.astype(np.float64) * 10 ** (self.gain / 20)
        return Audio(np.clip(louder, -1.0, 1.0).astype(np.float32), speech.rate)


@dataclass(frozen=True)
class Clipping:
    """Cuts samples off at a limit ``clipping`` decibels below the largest of the utterance, as an
    overloaded microphone does; the level is not made up for. Raises ConfigError for a number
    below 0."""

    clipping: float

    def __post_init__(self) -> None:
        if not (math.isfinite(self.clipping) and self.clipping >= 0):
            raise ConfigError("clipping must be decibels below the largest sample, from 0, not "
                              f"{self.clipping:g}")

    @property
    def identity(self) -> str:
        return identity(f"clipping {self.clipping:g} dB", VERSION, self.clipping)

    def bind(self, utterances: Sequence[Utterance]) -> Clipping:
        return self

    def apply(self, speech: Audio, utterance: Utterance) -> Audio:
        """``speech`` within the limit."""
        limit = float(np.abs(speech.samples).max(initial=0.0)) * 10 ** (-self.clipping / 20)
        return Audio(np.clip(speech.samples, -limit, limit).astype(np.float32), speech.rate)
