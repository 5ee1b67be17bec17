"""The rungs of the oracle ladder: what PercepNet would make of noisy speech if its network knew
the clean speech, part by part."""

from __future__ import annotations

import numpy as np

from benchmarks.ladder.mixtures import Mixture
from evalkit.audio import fit
from evalkit.core.types import Audio
from evalkit.models.percepnet import targets
from evalkit.models.percepnet.analysis import Analysis
from evalkit.models.percepnet.bands import bands_of
from evalkit.models.percepnet.features import analysis_of, answers
from evalkit.models.percepnet.frames import Framing
from evalkit.models.percepnet.pitch import Pitch
from evalkit.models.percepnet.shaping import postfilter, shaped

HIGHEST = 400
"""The last bin that a band has: 20 kHz."""
LOUD = 20.0
"""dB below the loudest frame, within which a frame may be voiced …"""
ALIKE = 0.8
"""… if the clean speech has such a correlation with itself a period apart."""
NEAR = 0.05
"""How far the period may be from the clean speech's, as a share of it."""

NOISY, BINS, CLIPPED, BANDS, COMB, CLEAN_PITCH, POSTFILTER = (
    "noisy", "400 magnitudes", "400 magnitudes, gains to 1", "34 bands", "+ comb",
    "+ comb, clean pitch", "+ postfilter")
CLEAN, BANDS_POSTFILTER = "clean", "34 bands, postfilter"
LADDER = (NOISY, BINS, BANDS, COMB, POSTFILTER)
"""The rungs whose order is claimed; the others explain them."""


def rungs(mixture: Mixture, pitch: Pitch, clean_pitch: Pitch) -> dict[str, Audio]:
    """What each rung makes of a mixture, and the clean speech for scale."""
    framing = Framing(mixture.rate)
    bands = bands_of(framing)
    clean, noisy = both(mixture, pitch)
    known = both(mixture, clean_pitch)
    gains, strengths = answers(clean, noisy)
    plain = targets.gains(clean.energies, noisy.energies)
    spectra = {
        BINS: magnitudes(clean, noisy),
        CLIPPED: magnitudes(clean, noisy, most=1),
        BANDS: noisy.spectra * bands.over_bins(plain),
        BANDS_POSTFILTER: noisy.spectra * bands.over_bins(postfilter(plain, noisy.energies)),
        COMB: shaped(noisy, gains, strengths, bands, envelope=False),
        CLEAN_PITCH: shaped(known[1], *answers(*known), bands, envelope=False),
        POSTFILTER: shaped(noisy, gains, strengths, bands, envelope=True)}
    length = len(mixture.noisy.samples)
    made = {name: Audio(heard(one, framing, length), framing.rate)
            for name, one in spectra.items()}
    return {CLEAN: mixture.clean, NOISY: mixture.noisy, **made}


def both(mixture: Mixture, pitch: Pitch) -> tuple[Analysis, Analysis]:
    """Clean and noisy speech, both combed at one pitch."""
    framing = Framing(mixture.rate)
    return (analysis_of(mixture.clean.samples, framing, pitch),
            analysis_of(mixture.noisy.samples, framing, pitch))


def magnitudes(clean: Analysis, noisy: Analysis, most: float = np.inf) -> np.ndarray:
    """The clean magnitudes up to HIGHEST with the noisy phase, under gains of at most ``most``:
    a bin in which speech and noise cancel asks for more than 1."""
    gains = np.minimum(np.abs(clean.spectra) / np.maximum(np.abs(noisy.spectra), 1e-12), most)
    gains[:, HIGHEST + 1:] = 0
    return (noisy.spectra * gains).astype(np.complex64)


def heard(spectra: np.ndarray, framing: Framing, length: int) -> np.ndarray:
    out, _ = framing.overlap_add(spectra, np.zeros(framing.hop, np.float32))
    return fit(out[framing.hop:], length)


def agreement(mixture: Mixture, pitch: Pitch, clean_pitch: Pitch) -> tuple[int, int]:
    """How many voiced frames have the clean speech's period within NEAR, and how many there
    are."""
    clean, _ = both(mixture, clean_pitch)
    loudness = clean.energies.sum(axis=1)
    voiced = ((clean_pitch.correlations > ALIKE)
              & (loudness > loudness.max() / 10 ** (LOUD / 10)))
    near = np.abs(pitch.periods / clean_pitch.periods - 1) < NEAR
    return int((near & voiced).sum()), int(voiced.sum())
