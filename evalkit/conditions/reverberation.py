"""Speech through an impulse response, in time with its direct sound, and what metrics compare that
with: the direct sound, or the early reflections too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from scipy.signal import oaconvolve

from evalkit.conditions.noise import HEADROOM
from evalkit.core.types import Audio, Heard

Reference = Literal["direct", "early"]
"""What metrics compare reverberant speech with: its direct sound, which is the dry speech, or that
and the reflections within EARLY."""
EARLY = 0.05
"""Seconds after the direct sound within which reflections help to understand speech (the early
part of D50, ISO 3382-1)."""


@dataclass(frozen=True)
class Response:
    """An impulse response, float64 of shape (n,), whose ``direct`` sound is at that sample and has
    the level 1."""

    samples: np.ndarray
    direct: int
    rate: int

    @property
    def early(self) -> Response:
        """The direct sound and the reflections within EARLY."""
        last = self.direct + round(EARLY * self.rate) + 1
        return Response(self.samples[:last], self.direct, self.rate)

    def of(self, speech: Audio) -> np.ndarray:
        """``speech`` as it arrives, moved forward so that its direct sound is in time with it; what
        comes after its end is cut off."""
        whole = oaconvolve(speech.samples.astype(np.float64), self.samples)
        return whole[self.direct:self.direct + len(speech.samples)]


def heard_through(response: Response, speech: Audio, reference: Reference) -> Audio | Heard:
    """``speech`` through ``response``. What is beyond HEADROOM is turned down as a whole, and so
    are the early reflections that it is compared with."""
    heard = response.of(speech)
    gain = min(1.0, HEADROOM / max(float(np.abs(heard).max()), 1e-12))
    audio = Audio((gain * heard).astype(np.float32), speech.rate)
    if reference == "direct":
        return audio
    early = gain * response.early.of(speech)
    return Heard(audio, Audio(early.astype(np.float32), speech.rate))
