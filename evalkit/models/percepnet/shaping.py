"""From what the network says to the spectrum that is heard: comb, gains, envelope postfilter."""

from __future__ import annotations

import numpy as np

from evalkit.models.percepnet.analysis import Analysis
from evalkit.models.percepnet.bands import TINY, Bands

BETA = 0.02
"""How far the postfilter may raise a frame again: by 5.57 dB at most."""
_ONE, _SQUARE = 1 / (1 + BETA), BETA / (1 + BETA)


def mixed(heard: Analysis, strengths: np.ndarray, bands: Bands) -> np.ndarray:
    """Z = (1 - r) Y + r P, spectra (n, bins), with r from ``strengths`` (n, BANDS), given back
    the energy in each band that Y has: between the harmonics the comb filter has taken some."""
    mixture = heard.combed - heard.spectra
    mixture *= bands.over_bins(strengths)
    mixture += heard.spectra
    left = bands.energies(mixture)
    left += TINY
    lost = np.divide(heard.energies, left, out=left)
    mixture *= bands.over_bins(np.sqrt(lost, out=lost))
    return mixture


def shaped(heard: Analysis, gains: np.ndarray, strengths: np.ndarray, bands: Bands,
           envelope: bool) -> np.ndarray:
    """Spectra (n, bins) that come out: combed by ``strengths``, then under ``gains``, with the
    postfilter where ``envelope``."""
    if envelope:
        gains = postfilter(gains, heard.energies)
    mixture = mixed(heard, strengths, bands)
    mixture *= bands.over_bins(gains)
    return mixture


def postfilter(gains: np.ndarray, energies: np.ndarray) -> np.ndarray:
    """``gains`` (n, BANDS) in [0, 1], the small ones lowered further, and each frame raised for
    what it thereby loses of the energy that ``energies`` (n, BANDS) had under ``gains``."""
    warped = np.multiply(gains, np.pi / 2)
    np.sin(warped, out=warped)
    warped *= gains
    before, after = np.vecdot(gains * gains, energies), np.vecdot(warped * warped, energies)
    after += TINY
    warped *= raised(np.divide(before, after, out=before))[:, None]
    return warped


def raised(ratio: np.ndarray) -> np.ndarray:
    """Gain of a frame whose energy the postfilter has lowered by ``ratio``."""
    return np.sqrt(ratio / (_ONE + _SQUARE * (ratio * ratio)))
