"""What is known of the frames of a signal when they are processed."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalkit.models.percepnet.bands import BANDS, bands_of, coherence
from evalkit.models.percepnet.comb import LONGEST, REACH, comb, taps
from evalkit.models.percepnet.frames import LOOK_AHEAD, Framing
from evalkit.models.percepnet.memory import Memory, stretches


@dataclass(frozen=True)
class Analysis:
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
        hop, n = self.framing.hop, len(periods)
        frames = stretches(self.memory.recall(samples), self.framing.size)
        newest = len(self.memory.past) - hop + hop * np.arange(n)
        arrived = self.framing.spectra(frames[newest])
        spectra = np.concatenate([self.spectra, arrived])
        energies = np.concatenate([self.energies, self.bands.energies(arrived)])
        self.spectra, self.energies = spectra[n:], energies[n:]
        return self._of(spectra[:n], energies, frames, newest - LOOK_AHEAD * hop, periods)

    def _of(self, spectra: np.ndarray, energies: np.ndarray, frames: np.ndarray, at: np.ndarray,
            periods: np.ndarray) -> Analysis:
        used = taps(periods, self.framing)
        combed = self.framing.spectra(comb(frames, at, used))
        own, ahead = energies[:-LOOK_AHEAD], energies[LOOK_AHEAD:]
        likeness = coherence(self.bands.products(spectra, combed), own, self.bands.energies(combed))
        return Analysis(spectra, combed, used.noise_gain, own, ahead, likeness)
