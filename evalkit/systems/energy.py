"""An end-pointer that takes for speech what is louder than the noise."""

from __future__ import annotations

import math
from dataclasses import dataclass, field

import numpy as np

from evalkit.systems.hangover import Listening, Silence

VERSION = 1
"""Changes whenever the same options would give other end-points."""
FRAME = 0.01
"""Seconds."""
QUIETEST = -70.0
"""dB below full scale that no floor is below, so that digital silence is none."""


@dataclass(frozen=True)
class Energy(Silence):
    """Frames of 10 ms are speech that are ``threshold`` decibels above the floor of noise. The
    floor is the level of the quietest frame so far, raised by ``rise`` decibels a second; it begins
    at the first frame. Raises ValueError for what is no such number."""

    threshold: float = 12.0
    rise: float = 3.0
    rate = None

    def __post_init__(self) -> None:
        super().__post_init__()
        for name in ("threshold", "rise"):
            value = vars(self)[name]
            if not (math.isfinite(value) and value > 0):
                raise ValueError(f"{name} must be above 0 decibels, not {value!r}")

    @property
    def identity(self) -> str:
        return f"{self!r} {VERSION}"

    def open(self, rate: int) -> Listening:
        """A stream at any rate."""
        return self.stream(max(1, round(FRAME * rate)), rate, _Louder(self))


@dataclass
class _Louder:
    """Whether a frame is louder than the noise before it."""

    options: Energy
    floor: float = field(default=math.inf)

    def __call__(self, frame: np.ndarray) -> bool:
        power = float(np.mean(np.square(frame, dtype=np.float64)))
        level = max(QUIETEST, 10 * math.log10(power + 1e-20))
        self.floor = min(level, self.floor + self.options.rise * FRAME)
        return level > self.floor + self.options.threshold
