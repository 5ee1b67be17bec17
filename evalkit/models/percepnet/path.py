"""The signal path whole: samples in, samples out, and between them what a network says."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from evalkit.models.percepnet.analysis import Analyser
from evalkit.models.percepnet.features import BLOCK, features
from evalkit.models.percepnet.frames import Framing
from evalkit.models.percepnet.pitch import PitchTracker
from evalkit.models.percepnet.shaping import shaped

VERSION = 3
"""Raised whenever the path makes other samples of the same signal with the same network."""
Adviser = Callable[[np.ndarray], tuple[np.ndarray, np.ndarray]]
"""A network in the middle of one signal, which remembers what it has heard of it: from the
features (n, FEATURES) of the next frames to their gains and comb strengths, (n, BANDS) each, in
[0, 1], float32. The features are its own to write into."""


class Path:
    """One signal on its way, in pieces of any length: what comes out does not depend on how it
    is cut. It is late by ``delay`` samples; ``finish`` lets the last of it out."""

    def __init__(self, framing: Framing, adviser: Adviser, envelope: bool = True) -> None:
        self.framing, self.adviser, self.envelope = framing, adviser, envelope
        self.tracker, self.analyser = PitchTracker(framing), Analyser(framing)
        self.tail = np.zeros(framing.hop, np.float32)
        self.waiting = np.zeros(0, np.float32)

    @property
    def delay(self) -> int:
        """Samples by which what comes out is late."""
        return self.framing.delay

    def push(self, samples: np.ndarray) -> np.ndarray:
        """What the hops that ``samples`` (n,) complete let out, as many samples as they have."""
        waiting = (np.concatenate([self.waiting, samples], dtype=np.float32)
                   if len(self.waiting) else np.array(samples, np.float32))
        whole = len(waiting) - len(waiting) % self.framing.hop
        self.waiting = waiting[whole:]
        step = BLOCK * self.framing.hop
        parts = [self._hops(waiting[first:min(first + step, whole)])
                 for first in range(0, whole, step)]
        return parts[0] if len(parts) == 1 else np.concatenate([*parts, waiting[:0]])

    def finish(self) -> np.ndarray:
        """The rest of the signal, so that ``delay`` samples more have come out than had
        gone in."""
        left = len(self.waiting) + self.delay
        return self.push(np.zeros(left + -left % self.framing.hop, np.float32))[:left]

    def _hops(self, samples: np.ndarray) -> np.ndarray:
        pitch = self.tracker.push(samples)
        heard = self.analyser.push(samples, pitch.periods)
        gains, strengths = self.adviser(features(heard, pitch, self.framing))
        spectra = shaped(heard, gains, strengths, self.analyser.bands, self.envelope)
        out, self.tail = self.framing.overlap_add(spectra, self.tail)
        return out


def enhance(samples: np.ndarray, framing: Framing, adviser: Adviser, envelope: bool = True
            ) -> np.ndarray:
    """A whole signal (n,), its delay taken off, (n,)."""
    path = Path(framing, adviser, envelope)
    out = np.concatenate([path.push(samples), path.finish()])
    return out[path.delay:path.delay + len(samples)]
