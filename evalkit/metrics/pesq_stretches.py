"""How many stretches of speech PESQ finds in a recording.

Its code has room for MOST, and on more it writes beyond that: the score is wrong, or the process
ends. They are counted beforehand by the package's own functions, which its library exports."""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np

RATE = 16_000
MOST = 50
"""Stretches that the code of P.862 keeps."""
FEW = 19.0
"""Seconds in which there are never more: each lasts 0.2, and so does the pause between two."""
_FRAME = 64
"""Samples of which it is decided whether they are speech."""
_SHORTEST = 50
"""Frames of a stretch that counts."""
_EDGE, _PADDING = 75 * _FRAME, 320 * RATE // 1000
"""Zeros that the code puts before and behind, and those behind that."""
_POINTS = 26
"""Of the curve of the receiver of a telephone."""


class _Signal(ctypes.Structure):
    """Its SIGNAL_INFO."""

    _fields_ = (("path_name", ctypes.c_char * 512), ("file_name", ctypes.c_char * 128),
                ("samples", ctypes.c_long), ("swap", ctypes.c_long), ("filter", ctypes.c_long),
                ("data", ctypes.c_void_p), ("levels", ctypes.c_void_p), ("logs", ctypes.c_void_p))


def too_many(reference: np.ndarray, mode: str) -> bool:
    """Whether PESQ in ``mode`` "wb" or "nb" begins a further stretch of the ``reference`` (n,), at
    RATE, after MOST that count. All are counted, as where output and reference are less than 0.3 s
    apart."""
    if len(reference) <= FEW * RATE:
        return False
    begin_or_end = np.diff(_levels(reference, wideband=mode == "wb") > 0, prepend=0, append=0)
    lengths = np.flatnonzero(begin_or_end == -1) - np.flatnonzero(begin_or_end == 1)
    return bool(np.sum(lengths[:-1] >= _SHORTEST) >= MOST)


def _levels(reference: np.ndarray, *, wideband: bool) -> np.ndarray:
    """Of each frame, 0 where it is no speech: (frames,)."""
    library, n = _library(), len(reference)
    data = np.pad(reference / np.abs(reference).max(), (_EDGE, _EDGE + _PADDING))
    data = data.astype(np.float32)
    signal = _Signal(samples=n + 2 * _EDGE, data=data.ctypes.data)
    heard, place = (data.ctypes.data, signal.samples), ctypes.byref(signal)
    library.select_rate(RATE, None, None)
    library.fix_power_level(place, None, signal.samples)
    if wideband:
        _widen(library, data[_EDGE:_EDGE + n])
    else:
        library.apply_filter(*heard, _POINTS, _table(library, "standard_IRS_filter_dB"))
    library.DC_block(*heard)
    library.apply_filters(*heard)
    levels = np.zeros((2, signal.samples // _FRAME), np.float32)
    library.apply_VAD(place, data.ctypes.data, *(each.ctypes.data for each in levels))
    return levels[0]


def _widen(library: ctypes.PyDLL, samples: np.ndarray) -> None:
    """The filter of P.862.2, in place of the telephone's."""
    fade = np.arange(1, 16, dtype=np.float32) / 16
    samples[:15] *= fade
    samples[-15:] *= fade[::-1]
    library.IIRFilt(_table(library, "WB_InIIR_Hsos_16k"), 1, None, samples.ctypes.data,
                    len(samples), None)


def _table(library: ctypes.PyDLL, name: str) -> Any:
    """Where the library has its numbers of that name."""
    return ctypes.byref(ctypes.c_char.in_dll(library, name))


@cache
def _library() -> ctypes.PyDLL:
    """The package's. It holds the interpreter while it works, as the package does, since what it
    works with is there once."""
    from pesq.cypesq import __file__ as path

    library, size, place = ctypes.PyDLL(path), ctypes.c_long, ctypes.c_void_p
    library.select_rate.argtypes = [size, place, place]
    library.fix_power_level.argtypes = [place, place, size]
    library.apply_filter.argtypes = [place, size, ctypes.c_int, place]
    library.IIRFilt.argtypes = [place, size, place, place, size, place]
    library.DC_block.argtypes = library.apply_filters.argtypes = [place, size]
    library.apply_VAD.argtypes = [place] * 4
    return library
