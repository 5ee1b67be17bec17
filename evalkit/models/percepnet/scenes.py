"""Speech in noise to train on, as different from one another as recordings are."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.signal import butter, lfilter, sosfiltfilt

from evalkit.audio import active_power
from evalkit.core.types import Audio

TILT = 3 / 8
"""Largest coefficient of the filters that colour a recording (Valin 2018, arXiv:1709.08243)."""


@dataclass(frozen=True)
class Chances:
    """How scenes are drawn. Shares are of all scenes; the rest is speech in noise."""

    snr_db: tuple[float, float] = (-5.0, 45.0)
    level_dbfs: tuple[float, float] = (-45.0, -15.0)
    """Of the speech while it is active, or of noise alone."""
    noise_alone: float = 0.06
    silence: float = 0.01
    low_passed: float = 0.2
    lowest_hz: float = 3_000.0
    """Of the low-pass; the highest is half the rate."""


@dataclass(frozen=True)
class Scene:
    """What is heard and what is wanted, aligned, float32 of shape (n,) each."""

    clean: np.ndarray
    noisy: np.ndarray
    bandwidth: float
    """Hz above which neither holds anything."""


def scene(rng: np.random.Generator, speech: np.ndarray, noise: np.ndarray, rate: int,
          chances: Chances | None = None) -> Scene:
    """Of ``speech`` and ``noise`` (n,) each, coloured each by a filter of its own, at a ratio and
    a level by chance. Where one of the two is silent, so is its part in the scene."""
    c, kind = chances or Chances(), rng.random()
    level = 10 ** (rng.uniform(*c.level_dbfs) / 20)
    clean, added = (coloured(rng, x) for x in (speech, noise))
    clean = clean * (level / _loudness(clean, rate))
    added = added * (level / _rms(added) * 10 ** (-rng.uniform(*c.snr_db) / 20))
    if kind < c.noise_alone + c.silence:
        clean = np.zeros_like(clean)
        added = added * (level / _rms(added)) * (kind < c.noise_alone)
    cut = rng.uniform(c.lowest_hz, rate / 2) if rng.random() < c.low_passed else rate / 2
    return _fitted(clean, added, cut, rate)


def coloured(rng: np.random.Generator, samples: np.ndarray) -> np.ndarray:
    """``samples`` through a random filter of second order, after RNNoise's training."""
    b, a = (np.concatenate([[1.0], rng.uniform(-TILT, TILT, 2)]) for _ in range(2))
    return lfilter(b, a, samples)


def _fitted(clean: np.ndarray, added: np.ndarray, cut: float, rate: int) -> Scene:
    """Low-passed at ``cut`` Hz, and turned down where the mixture would clip."""
    if cut < 0.95 * rate / 2:
        low = butter(8, cut, fs=rate, output="sos")
        clean, added = (sosfiltfilt(low, x) for x in (clean, added))
    else:
        cut = rate / 2
    scale = 0.99 / max(0.99, float(np.abs(clean + added).max()))
    return Scene((scale * clean).astype(np.float32), (scale * (clean + added)).astype(np.float32),
                 cut)


def _loudness(samples: np.ndarray, rate: int) -> float:
    """Root mean square of the speech while it is active; 1 where there is none."""
    return float(np.sqrt(active_power(Audio(samples, rate)))) or 1.0


def _rms(samples: np.ndarray) -> float:
    """Root mean square; 1 for silence."""
    return float(np.sqrt(np.mean(samples**2))) or 1.0
