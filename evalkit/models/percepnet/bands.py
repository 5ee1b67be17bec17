"""Bands as wide as the ear's: energies of spectra in them, and gains from them to bins."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from evalkit.models.percepnet.frames import Framing

CENTRES = (0, 2, 4, 6, 8, 10, 12, 14, 16, 18, 20, 22, 24, 26, 28, 31, 36, 41, 48, 56, 65, 75, 86,
           99, 115, 132, 152, 175, 201, 230, 265, 304, 349, 400)
"""Bins of 50 Hz at which the bands have their peaks: equally far apart in equivalent rectangular
bandwidths (Glasberg and Moore 1990) up to 20 kHz, but 100 Hz at least."""
BANDS = len(CENTRES)
TINY = np.float32(1e-20)
"""Far below any energy of 16-bit audio, far above the smallest float32: divides 0 by itself."""


@dataclass(frozen=True)
class Bands:
    """Triangles from centre to centre, half overlapping. Arrays have a column for each of the
    BANDS at any rate; those above half the rate hold nothing and are not ``present``."""

    interpolation: np.ndarray
    """Weights (BANDS, bins), float32: each column adds up to 1 up to the last centre (or to half
    the rate, if that comes first), and to 0 beyond."""
    gathering: np.ndarray
    """The same, transposed, where a triangle of which only one half exists counts double,
    (bins, BANDS)."""

    @property
    def present(self) -> np.ndarray:
        """True for the bands that have bins, shape (BANDS,)."""
        return self.interpolation.max(axis=1) > 0

    def products(self, one: np.ndarray, other: np.ndarray) -> np.ndarray:
        """Real parts of the inner products of two spectra (n, bins) in each band, (n, BANDS)."""
        return self.sums(one.view(np.float32) * other.view(np.float32))

    def sums(self, parts: np.ndarray) -> np.ndarray:
        """Of products of the real and of the imaginary ``parts`` of two spectra, side by side
        (…, 2 bins), in each band, (…, BANDS).

        A row's values depend on that row alone, to the bit: the network hears them in integers,
        and what is rounded either way is a step apart."""
        each = parts[..., ::2] + parts[..., 1::2]
        made: np.ndarray = np.matmul(each[..., None, :], self.gathering)
        return made[..., 0, :]

    def energies(self, spectra: np.ndarray) -> np.ndarray:
        """Of spectra (n, bins) in each band, (n, BANDS)."""
        return self.products(spectra, spectra)

    def over_bins(self, gains: np.ndarray) -> np.ndarray:
        """``gains`` (n, BANDS) interpolated between the centres, (n, bins)."""
        return gains @ self.interpolation


@cache
def bands_of(framing: Framing) -> Bands:
    """The bands of spectra of ``framing``."""
    present = [centre for centre in CENTRES if centre < framing.bins]
    triangles = np.zeros((BANDS, framing.bins), np.float32)
    for band, peak in enumerate(np.eye(len(present))):
        triangles[band] = np.interp(np.arange(framing.bins), present, peak)
    if len(present) == BANDS:
        triangles[:, CENTRES[-1] + 1:] = 0
    halves = np.isin(np.arange(BANDS), (0, BANDS - 1))
    doubled = (triangles * (1 + halves)[:, None]).astype(np.float32)
    return Bands(triangles, np.asfortranarray(doubled.T))


def coherence(product: np.ndarray, one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """Of two spectra in bands, in [0, 1], from their inner ``product`` there and the energies of
    ``one`` and the ``other``; 0 where one is silent and where they oppose each other."""
    norms = one * other
    norms += TINY
    made = np.maximum(product, 0)
    made /= np.sqrt(norms, out=norms)
    return np.minimum(made, 1, out=made)
