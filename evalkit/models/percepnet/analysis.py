"""What is known of the frames of a signal when they are processed."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalkit.models.percepnet.bands import BANDS, bands_of, coherence
from evalkit.models.percepnet.comb import LONGEST, REACH, comb, taps
from evalkit.models.percepnet.frames import LOOK_AHEAD, Framing
from evalkit.models.percepnet.memory import Memory, stretches


class Analysis(NamedTuple):
    """Of n consecutive frames, for which LOOK_AHEAD more have been heard."""

    spectra: np.ndarray
    """(n, bins)."""
    combed: np.ndarray
    """Spectra of the comb filter's output, (n, bins)."""
    noise_gain: np.ndarray
    """Energy that the comb filter leaves of white noise, (n,)."""
    energies: np.ndarray
    """In each band, (n, BANDS)."""
    ahead: np.ndarray
    """The same, LOOK_AHEAD frames later."""
    coherence: np.ndarray
    """Of the spectra with what the comb filter leaves of them, (n, BANDS)."""


class Analyser:
    """Reads a signal hop by hop, beginning in silence, with the periods of the pitch."""

    def __init__(self, framing: Framing) -> None:
        self.framing = framing
        self.bands = bands_of(framing)
        self.memory = Memory((LOOK_AHEAD + 1) * framing.hop + REACH * round(LONGEST * framing.rate))
        self.spectra = np.zeros((LOOK_AHEAD, framing.bins), np.complex64)
        self.energies = np.zeros((LOOK_AHEAD, BANDS), np.float32)

    def push(self, samples: np.ndarray, periods: np.ndarray) -> Analysis:
        """Of the frames whose look-ahead ends with each of the n hops in ``samples``, given the
        ``periods`` (n,) of those frames in samples."""
        n, hop, used = len(periods), self.framing.hop, taps(periods, self.framing)
        frames = stretches(self.memory.recall(samples), self.framing.size)
        newest = self.memory.size - hop
        due = newest - LOOK_AHEAD * hop
        cut = np.empty((2 * n, self.framing.size), np.float32)
        cut[:n] = frames[newest::hop]
        comb(frames, np.arange(due, due + n * hop, hop), used, out=cut[n:])
        made = self.framing.spectra(cut)
        power = self.bands.energies(made)
        spectra = np.concatenate([self.spectra, made[:n]])
        energies = np.concatenate([self.energies, power[:n]])
        self.spectra, self.energies = spectra[n:], energies[n:]
        alike = coherence(self.bands.products(spectra[:n], made[n:]), energies[:n], power[n:])
        return Analysis(spectra[:n], made[n:], used.noise_gain, energies[:n],
                        energies[LOOK_AHEAD:], alike)
