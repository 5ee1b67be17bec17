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
        self.parts = np.zeros((LOOK_AHEAD, 2 * framing.bins), np.float32)
        """Real and imaginary, of the spectra whose look-ahead has not been heard."""
        self.energies = np.zeros((LOOK_AHEAD, BANDS), np.float32)

    def push(self, samples: np.ndarray, periods: np.ndarray) -> Analysis:
        """Of the frames whose look-ahead ends with each of the n hops in ``samples``, given the
        ``periods`` (n,) of those frames in samples."""
        n, hop, used = len(periods), self.framing.hop, taps(periods, self.framing)
        frames = stretches(self.memory.recall(samples), self.framing.size)
        newest = self.memory.size - hop
        due = newest - LOOK_AHEAD * hop
        cut = np.empty((2, n, self.framing.size), np.float32)
        cut[0] = frames[newest::hop]
        comb(frames, np.arange(due, due + n * hop, hop), used, out=cut[1])
        made = self.framing.spectra(cut)
        combed = made[1]
        parts = np.concatenate([self.parts, made[0].view(np.float32)])
        heard, self.parts = parts[:n], parts[n:]
        power, combed_power, product = self._in_bands(parts[LOOK_AHEAD:], combed.view(np.float32),
                                                      heard)
        energies = np.concatenate([self.energies, power])
        self.energies = energies[n:]
        alike = coherence(product, energies[:n], combed_power)
        return Analysis(heard.view(np.complex64), combed, used.noise_gain, energies[:n],
                        energies[LOOK_AHEAD:], alike)

    def _in_bands(self, newest: np.ndarray, combed: np.ndarray, heard: np.ndarray) -> np.ndarray:
        """Energies of the ``newest`` spectra and of those ``combed``, and the product of the
        latter with what was ``heard``, (3, n, BANDS), from real and imaginary parts."""
        parts = np.empty((3, *heard.shape), np.float32)
        np.multiply(newest, newest, out=parts[0])
        np.multiply(combed, combed, out=parts[1])
        np.multiply(combed, heard, out=parts[2])
        return self.bands.sums(parts)
