"""From what the network says to the spectrum that is heard: comb, gains, envelope postfilter."""

from __future__ import annotations

import numpy as np

from evalkit.models.percepnet.bands import TINY, Bands

BETA = 0.02
"""How far the postfilter may raise a frame again: by 5.57 dB at most."""


def mixed(noisy: np.ndarray, combed: np.ndarray, strength: np.ndarray, bands: Bands
          ) -> np.ndarray:
    """Z = (1 - r) Y + r P of spectra (n, bins), with r from ``strength`` (n, BANDS), given back
    the energy in each band that ``noisy`` has: between the harmonics the comb has taken some."""
    mixture = noisy + bands.over_bins(strength) * (combed - noisy)
    lost = bands.energies(noisy) / (bands.energies(mixture) + TINY)
    return mixture * bands.over_bins(np.sqrt(lost))


def postfilter(gains: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """``gains`` (n, BANDS) in [0, 1], the small ones lowered further, and each frame raised for
    what it thereby loses of the energy that ``energies`` (n, BANDS) had under ``gains``."""
    warped = gains * np.sin(np.pi / 2 * gains).astype(np.float32)
    before, after = (np.einsum("nb,nb->n", g**2, energies) for g in (gains, warped))
    return warped * raised(before / (after + TINY))[:, None]


def raised(ratio: np.ndarray) -> np.ndarray:
    """Gain of a frame whose energy the postfilter has lowered by ``ratio``."""
    return np.sqrt((1 + BETA) * ratio / (1 + BETA * ratio**2))
