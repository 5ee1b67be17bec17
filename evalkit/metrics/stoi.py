"""Short-time objective intelligibility and its extended form, as the package ``pystoi`` has them.

The package cuts frames and segments in loops of Python, filters sample by sample and draws a
million random numbers for its extended form. Here frames and segments are views of the signal, and
the package, which takes long to load, is asked only where those numbers matter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from itertools import product
from typing import ClassVar, NamedTuple

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from evalkit.core.types import Audio, Fact, Measurement, Output, Utterance
from evalkit.metrics.polyphase import resampled
from evalkit.metrics.signals import WITH_REFERENCE, signal_pair, too_short
from evalkit.metrics.third_octaves import BETA, DYN_RANGE, LENGTH, RATE, third_octave_edges

SHORTEST = 0.41
"""Seconds that hold the 30 frames of 25.6 ms, half overlapping, which STOI correlates."""


@dataclass(frozen=True)
class _Stoi:
    name: ClassVar[str]
    extended: ClassVar[bool]
    needs: ClassVar[frozenset[str]] = WITH_REFERENCE
    text_options: ClassVar[frozenset[str]] = frozenset()

    @property
    def version(self) -> str:
        return f"3, pystoi {version('pystoi')}, which resamples to 10000 Hz"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return {self.name: Measurement(_stoi(*signal_pair(output), self.extended))}


def _stoi(clean: Audio, processed: Audio, extended: bool) -> float:
    need = f"STOI needs {SHORTEST} s that are not silent in the reference"
    if clean.duration < SHORTEST:
        raise too_short(clean, need)
    octaves = _kept.of(clean, processed)
    if octaves is None:
        raise too_short(clean, need)
    if not extended:
        return stoi(octaves)
    value = extended_stoi(octaves)
    return _by_the_package(clean, processed) if value is None else value


def stoi(octaves: np.ndarray) -> float:
    """STOI of ``third_octaves`` (Taal et al. 2011, equations 3 to 6)."""
    clean, heard = octaves
    total, (square, before) = _over_segments(clean), _over_segments(np.square(octaves))
    # As correlations do not see a gain, it is the processed signal that comes down to the cap.
    level = np.sqrt(square) / (np.sqrt(before) + _EPSILON) / _CAP
    sums = _processed(octaves, level)
    spread = square - total**2 / LENGTH, sums.square - sums.total**2 / LENGTH
    both = np.multiply(*(np.sqrt(np.maximum(of, 0)) + epsilon
                         for of, epsilon in zip(spread, (_EPSILON, _EPSILON / _CAP), strict=True)))
    found = (sums.product - total * sums.total / LENGTH) / both
    # Where a band hardly changes, sums of squares are too coarse for what is left.
    steady = (spread[0] < _STEADY * square) | (spread[1] < _STEADY * sums.square)
    for band, segment in zip(*np.nonzero(steady), strict=True):
        at = band, slice(segment, segment + LENGTH)
        found[band, segment] = _correlation(
            clean[at], np.minimum(heard[at] * level[band, segment], clean[at]))
    return float(found.mean())


class _Sums(NamedTuple):
    """Over every segment (bands, segments): of the processed signal, of its squares, and of its
    products with the clean one."""

    total: np.ndarray
    square: np.ndarray
    product: np.ndarray


def _processed(octaves: np.ndarray, level: np.ndarray) -> _Sums:
    """Of the processed signal times ``level`` (bands, segments), at most the clean one."""
    clean, heard = _segments(octaves)
    sums = _Sums(*np.empty((3, *level.shape)))
    for band, start in product(range(0, len(level), _BANDS), range(0, level.shape[1], _PROCESSED)):
        some = slice(band, band + _BANDS), slice(start, start + _PROCESSED)
        at = some[0], slice(None), some[1]
        value = heard[at] * level[some][:, None]
        np.minimum(value, clean[at], out=value)
        np.add.reduce(value, axis=1, out=sums.total[some])
        np.einsum("bts,bts->bs", value, value, out=sums.square[some])
        np.einsum("bts,bts->bs", value, clean[at], out=sums.product[some])
    return sums


def extended_stoi(octaves: np.ndarray) -> float | None:
    """ESTOI of ``third_octaves``; None where a band or a frame of a segment hardly changes, as in
    digital silence, so that the noise decides that the package adds."""
    total, segments = 0.0, _segments(octaves)
    for block in _blocks(segments):
        by_band, least = _normalised(block, 2)
        by_frame, less = _normalised(by_band, 1)
        if min(least, less) < _FLAT:
            return None
        total += float(np.einsum("btn,btn->", *by_frame))
    return total / (segments.shape[2] * segments.shape[3])


def _by_the_package(clean: Audio, processed: Audio) -> float:
    """ESTOI with the noise of a generator of its own."""
    from pystoi import stoi as package

    with _seeded():
        return float(package(clean.samples.astype(np.float64),
                             processed.samples.astype(np.float64), clean.rate, extended=True))


@contextmanager
def _seeded() -> Iterator[None]:
    """NumPy's global generator, from which ESTOI's noise comes, with seed 0; restored after."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)


_EPSILON = np.finfo(float).eps
_CAP = 1 + 10 ** (-BETA / 20)
"""How many times the clean signal the processed one may be."""
_WINDOW, _HOP = 256, 128
"""Samples of a frame, and from one to the next."""
_HANN = np.hanning(_WINDOW + 2)[1:-1]
_STEADY = 1e-6
"""The share that a segment's changes have of its squares below which they are taken exactly."""
_FLAT = 1e-7
"""The norm below which noise of _EPSILON makes a difference."""
_FRAMES, _SEGMENTS = 128, 64
"""Looked at at a time: what stays in a processor's cache, and takes no new memory."""
_BANDS, _PROCESSED = 5, 300
"""Bands and segments of a sum at a time, for the same reason."""


class _Kept:
    """The third octaves of the last two recordings, of which both metrics are asked."""

    def __init__(self) -> None:
        self._of: tuple[Audio, Audio] | None = None
        self._octaves: np.ndarray | None = None

    def of(self, clean: Audio, processed: Audio) -> np.ndarray | None:
        """Those of two recordings of one rate and length."""
        if self._of is None or self._of[0] is not clean or self._of[1] is not processed:
            self._octaves = third_octaves(clean.samples, processed.samples, clean.rate)
            self._of = clean, processed
        return self._octaves


_kept = _Kept()


def third_octaves(reference: np.ndarray, degraded: np.ndarray, rate: int) -> np.ndarray | None:
    """Magnitudes in third octaves of two signals (n,) at ``rate`` Hz, without what is silent in
    the first: (2, bands, frames). None where the frames are too few for a segment."""
    signals = resampled((reference, degraded), rate, RATE)
    kept = _heard(signals[0])
    if len(kept) - 1 < LENGTH:
        return None
    octaves = np.empty((2, len(third_octave_edges()) - 1, len(kept) - 1))
    for signal, magnitudes in zip(signals, octaves, strict=True):
        _magnitudes(_frames(_joined(signal, kept)), out=magnitudes)
    return octaves


def _segments(octaves: np.ndarray) -> np.ndarray:
    """(..., frames) in every stretch of frames that are correlated: (..., LENGTH, segments)."""
    return sliding_window_view(octaves, octaves.shape[-1] - LENGTH + 1, axis=-1)


def _over_segments(values: np.ndarray) -> np.ndarray:
    """Sums of ``values`` (..., frames) over every stretch: (..., segments). Sums of 2, 4, 8 and 16
    are made of each other, and that of 30 of them all."""
    n, size, rest = values.shape[-1] - LENGTH + 1, 1, LENGTH
    total, at = np.zeros((*values.shape[:-1], n)), 0
    while rest:
        if rest % 2:
            total += values[..., at:at + n]
            at += size
        rest //= 2
        if rest:
            values = values[..., size:] + values[..., :-size]
            size *= 2
    return total


def _halves(signal: np.ndarray) -> np.ndarray:
    """A signal (n,) in halves of frames: (halves, _HOP)."""
    return signal[:len(signal) // _HOP * _HOP].reshape(-1, _HOP)


def _frames(halves: np.ndarray) -> np.ndarray:
    """Of two halves each: (frames, _WINDOW). One that ends with the signal is none."""
    return sliding_window_view(halves.reshape(-1), _WINDOW)[:-1:_HOP]


def _heard(signal: np.ndarray) -> np.ndarray:
    """Which frames of a signal (n,) are not silent."""
    first, second = (np.square(_halves(signal)) @ np.square(_HANN).reshape(2, _HOP).T).T
    count = -(-(len(signal) - _WINDOW) // _HOP)
    energy = (first[:-1] + second[1:])[:count]
    level = 20 * np.log10(np.sqrt(energy) + _EPSILON)
    return np.flatnonzero(level.max() - DYN_RANGE - level < 0)


def _joined(signal: np.ndarray, kept: np.ndarray) -> np.ndarray:
    """The windowed frames ``kept`` of a signal (n,), added up again, in halves."""
    halves, made = _halves(signal), np.zeros((len(kept) + 1, _HOP))
    np.multiply(halves[kept], _HANN[:_HOP], out=made[:-1])
    second = halves[kept + 1]
    second *= _HANN[_HOP:]
    made[1:] += second
    return made


def _magnitudes(frames: np.ndarray, out: np.ndarray) -> None:
    """Of frames (frames, _WINDOW) in third octaves: (bands, frames)."""
    edges = 2 * third_octave_edges()
    padded = np.zeros((_FRAMES, 2 * _WINDOW))  # sooner than what pads in the transform
    for start in range(0, len(frames), _FRAMES):
        some = frames[start:start + _FRAMES]
        np.multiply(some, _HANN, out=padded[:len(some), :_WINDOW])
        parts = np.fft.rfft(padded[:len(some)]).view(np.float64)  # real, imaginary ones in turn
        np.square(parts, out=parts)
        power = np.add.reduceat(parts[:, :edges[-1]], edges[:-1], axis=1)
        np.sqrt(power.T, out=out[:, start:start + _FRAMES])


def _blocks(segments: np.ndarray) -> Iterator[np.ndarray]:
    """Some of the segments after the others."""
    for start in range(0, segments.shape[3], _SEGMENTS):
        yield segments[:, :, :, start:start + _SEGMENTS]


def _correlation(clean: np.ndarray, heard: np.ndarray) -> float:
    """Of one segment (LENGTH,) of one band of both signals, the second divided by _CAP."""
    clean, heard = clean - clean.mean(), heard - heard.mean()
    return float(clean @ heard / ((_length(clean) + _EPSILON)
                                  * (_length(heard) + _EPSILON / _CAP)))


def _length(vector: np.ndarray) -> float:
    return float(np.sqrt(vector @ vector))


def _normalised(segments: np.ndarray, axis: int) -> tuple[np.ndarray, float]:
    """``segments`` without their mean along ``axis`` and of norm 1, and the least norm before."""
    rest = segments - segments.mean(axis=axis, keepdims=True)
    norm = _norm(rest, axis)
    rest /= np.maximum(norm, np.finfo(float).tiny)
    return rest, float(norm.min())


def _norm(segments: np.ndarray, axis: int) -> np.ndarray:
    """Over ``axis``, which it keeps."""
    names = "sbtn"[4 - segments.ndim:]
    squares = np.einsum(f"{names},{names}->{names.replace(names[axis], '')}", segments, segments)
    norm: np.ndarray = np.expand_dims(np.sqrt(squares), axis)
    return norm


@dataclass(frozen=True)
class Stoi(_Stoi):
    """Short-time objective intelligibility (Taal et al. 2011), a mean correlation in [-1, 1].

    Raises UtteranceError of a kind of ``signal_pair``, or TooShort."""

    name: ClassVar[str] = "stoi"
    extended: ClassVar[bool] = False
    facts: ClassVar[Mapping[str, Fact]] = {"stoi": Fact(
        "", True, "Short-time objective intelligibility of the output against the clean "
                  "recording, Taal et al. 2011: 1 for the recording itself", decimals=3,
        title="STOI", bounds=(-1.0, 1.0))}


@dataclass(frozen=True)
class Estoi(_Stoi):
    """Extended STOI (Jensen & Taal 2016), in [-1, 1]; errors as in ``Stoi``."""

    name: ClassVar[str] = "estoi"
    extended: ClassVar[bool] = True
    facts: ClassVar[Mapping[str, Fact]] = {"estoi": Fact(
        "", True, "Extended short-time objective intelligibility, Jensen & Taal 2016, which "
                  "also follows modulated noise: 1 for the recording itself", decimals=3,
        title="Extended STOI", bounds=(-1.0, 1.0))}
