"""Spectra of real frames and the way back, by the quickest way that the installed NumPy has."""

from __future__ import annotations

from typing import Protocol

import numpy as np

PROBE = np.linspace(-1, 1, 24, dtype=np.float32).reshape(2, 12) ** 3
"""Frames that two ways are compared by."""


class Transforms(Protocol):
    """``forward`` of frames (…, n) gives spectra (…, n / 2 + 1), ``back`` of those the frames; both
    write into ``out``, and n is even."""

    def forward(self, frames: np.ndarray, out: np.ndarray) -> np.ndarray: ...

    def back(self, spectra: np.ndarray, out: np.ndarray) -> np.ndarray: ...


class Public:
    """Of ``numpy.fft``."""

    def forward(self, frames: np.ndarray, out: np.ndarray) -> np.ndarray:
        return np.fft.rfft(frames, out=out)

    def back(self, spectra: np.ndarray, out: np.ndarray) -> np.ndarray:
        out[...] = np.fft.irfft(spectra.astype(np.complex128), out.shape[-1])
        return out


class Direct:
    """The two functions that ``numpy.fft`` calls: what it does around them takes as long as they
    do, for one frame. They are NumPy's own business. Raises ImportError where they are not there,
    ValueError and TypeError where they are not what they were."""

    def __init__(self) -> None:
        from numpy.fft._pocketfft_umath import irfft, rfft_n_even

        self._forward, self._back = rfft_n_even, irfft
        self._check(Public())

    def forward(self, frames: np.ndarray, out: np.ndarray) -> np.ndarray:
        return self._forward(frames, 1, out=out)

    def back(self, spectra: np.ndarray, out: np.ndarray) -> np.ndarray:
        return self._back(spectra, 1 / out.shape[-1], out=out)  # in double precision

    def _check(self, other: Transforms) -> None:
        size = PROBE.shape[-1]
        spectra = [each.forward(PROBE.copy(), np.empty((2, size // 2 + 1), np.complex64))
                   for each in (self, other)]
        frames = [each.back(spectra[1].copy(), np.empty_like(PROBE)) for each in (self, other)]
        if not all(np.array_equal(one, two) for one, two in (spectra, frames)):
            raise ValueError("the functions that numpy.fft calls are not what they were")


def quickest() -> Transforms:
    """``Direct`` where it gives what ``Public`` does, to the bit; else that."""
    try:
        return Direct()
    except (ImportError, TypeError, ValueError):
        return Public()
