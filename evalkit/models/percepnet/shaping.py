"""From what the network says to the spectrum that is heard: comb, gains, envelope postfilter."""

from __future__ import annotations

import math

import numpy as np

from evalkit.models.percepnet.analysis import Analysis
from evalkit.models.percepnet.bands import TINY, Bands

BETA = 0.02
"""How far the postfilter may raise a frame again: by 5.57 dB at most."""
_ONE, _SQUARE, _TINY = 1 / (1 + BETA), BETA / (1 + BETA), float(TINY)


def mixed(heard: Analysis, strengths: np.ndarray, bands: Bands) -> np.ndarray:
    """Z = (1 - r) Y + r P, spectra (n, bins), with r from ``strengths`` (n, BANDS), given back
    the energy in each band that Y has: between the harmonics the comb filter has taken some."""
    mixture, restored = _mixed(heard, strengths, bands)
    mixture *= restored
    return mixture


def _mixed(heard: Analysis, strengths: np.ndarray, bands: Bands) -> tuple[np.ndarray, np.ndarray]:
    """(1 - r) Y + r P, and the gains (n, bins) that give it back the energy that Y has."""
    mixture = heard.combed - heard.spectra
    mixture *= bands.over_bins(strengths)
    mixture += heard.spectra
    left = bands.energies(mixture)
    left += TINY
    lost = np.divide(heard.energies, left, out=left)
    return mixture, bands.over_bins(np.sqrt(lost, out=lost))


def shaped(heard: Analysis, gains: np.ndarray, strengths: np.ndarray, bands: Bands,
           envelope: bool) -> np.ndarray:
    """Spectra (n, bins) that come out: combed by ``strengths``, then under ``gains``, with the
    postfilter where ``envelope``."""
    if envelope:
        gains = postfilter(gains, heard.energies)
    mixture, restored = _mixed(heard, strengths, bands)
    restored *= bands.over_bins(gains)
    mixture *= restored
    return mixture


def postfilter(gains: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """``gains`` (n, BANDS) in [0, 1], the small ones lowered further, and each frame raised for
    what it thereby loses of the energy that ``energies`` (n, BANDS) had under ``gains``."""
    both = np.empty((2, *gains.shape), np.float32)
    both[0] = gains
    warped = np.multiply(gains, np.pi / 2, out=both[1])
    np.sin(warped, out=warped)
    warped *= gains
    before, after = np.vecdot(both * both, energies).tolist()
    higher = [raised(one / (other + _TINY)) for one, other in zip(before, after, strict=True)]
    warped *= np.array(higher, np.float32)[:, None]
    return warped


def raised(ratio: float) -> float:
    """Gain of a frame whose energy the postfilter has lowered by ``ratio``."""
    return math.sqrt(ratio / (_ONE + _SQUARE * ratio * ratio))
