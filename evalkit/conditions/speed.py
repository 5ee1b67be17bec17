"""Speech that is played faster or slower than it was spoken."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.audio import LONGEST
from evalkit.conditions.recipe import identity
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.types import Audio, Heard, Utterance

VERSION = 1
"""Changes whenever the same options would give other samples."""
SLOWEST, FASTEST = 0.25, 4.0


@dataclass(frozen=True)
class Speed:
    """Plays speech ``speed`` times as fast, as a tape does: it lasts 1/``speed`` as long, and its
    pitch and formants rise with it (Ko et al. 2015, Interspeech, pp. 3586-3589). Metrics compare
    with the clean speech played as fast. Raises ConfigError beyond SLOWEST and FASTEST."""

    speed: float

    def __post_init__(self) -> None:
        if not SLOWEST <= self.speed <= FASTEST:
            raise ConfigError(f"speed must be from {SLOWEST:g} to {FASTEST:g} times, not "
                              f"{self.speed:g}")

    @property
    def identity(self) -> str:
        return identity(f"speed {self.speed:g}", VERSION, self.speed)

    def bind(self, utterances: Sequence[Utterance]) -> Speed:
        return self

    def apply(self, speech: Audio, utterance: Utterance) -> Audio | Heard:
        """``speech`` as it is played. Raises UtteranceError of kind TooLong, TooShort."""
        if self.speed == 1:
            return speech
        played = Audio(_played(speech.samples, self.speed), speech.rate)
        return Heard(played, played)


def _played(samples: np.ndarray, speed: float) -> np.ndarray:
    """float32 of shape (n,), resampled as from a rate that is ``speed`` times as high."""
    import soxr

    if len(samples) > LONGEST * speed:
        raise UtteranceError("TooLong", f"more than {LONGEST:,} samples at {speed:g} times the "
                                        "speed; cut the recording with offset and duration")
    made = soxr.resample(samples, speed, 1.0, quality="HQ")
    if not len(made):
        raise UtteranceError("TooShort", f"nothing is left of it at {speed:g} times the speed")
    return np.asarray(made, np.float32)
