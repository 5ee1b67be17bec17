"""Short-time objective intelligibility, to the bit as the package ``pystoi`` has it, and its
extended form, by that package.

The package cuts frames and segments in loops of Python, which take longer than the rest. Here they
are views of the signal, and what is summed is summed in the same order."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

import numpy as np

from evalkit.core.types import Audio, Fact, Measurement, Output, Utterance
from evalkit.metrics.signals import WITH_REFERENCE, signal_pair, too_short

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
        return f"1, pystoi {version('pystoi')}, which resamples to 10000 Hz"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return {self.name: Measurement(_stoi(*signal_pair(output), self.extended))}


def _stoi(clean: Audio, processed: Audio, extended: bool) -> float:
    need = f"STOI needs {SHORTEST} s that are not silent in the reference"
    if clean.duration < SHORTEST:
        raise too_short(clean, need)
    reference, degraded = (audio.samples.astype(np.float64) for audio in (clean, processed))
    value = (_extended if extended else stoi)(reference, degraded, clean.rate)
    if value is None:
        raise too_short(clean, need)
    return value


def _extended(reference: np.ndarray, degraded: np.ndarray, rate: int) -> float | None:
    """Extended STOI of two signals (n,), None where they have too few frames."""
    from pystoi import stoi as package

    with warnings.catch_warnings(), _seeded():
        # With too few frames pystoi warns and returns 1e-5, which looks like a score.
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            return float(package(reference, degraded, rate, extended=True))
        except RuntimeWarning:
            return None


def stoi(reference: np.ndarray, degraded: np.ndarray, rate: int) -> float | None:
    """STOI of two signals (n,), float64, at ``rate`` Hz; None where they have too few frames."""
    from pystoi.stoi import BETA, DYN_RANGE, FS, OBM, N
    from pystoi.utils import resample_oct

    both = np.stack([reference, degraded], axis=1)
    both = (both if rate == FS else resample_oct(both, FS, rate)).T
    frames = _frames(np.ascontiguousarray(both))
    level = 20 * np.log10(np.linalg.norm(frames[0], axis=1) + _EPSILON)
    spectra = np.fft.rfft(_frames(_overlapped(frames[:, level.max() - DYN_RANGE - level < 0])),
                          2 * _WINDOW)
    if spectra.shape[1] < N:
        return None
    clean, heard = (_segments(np.sqrt(OBM @ np.square(np.abs(each.T))), N) for each in spectra)
    heard = np.minimum(heard * (_norm(clean) / (_norm(heard) + _EPSILON)),
                       clean * (1 + 10 ** (-BETA / 20)))
    correlation = _standard(heard) * _standard(clean)
    return float(np.sum(correlation) / (correlation.shape[0] * correlation.shape[1]))


_EPSILON = np.finfo(float).eps
_WINDOW = 256
"""Samples of a frame, of which each overlaps half of the next."""


def _frames(signals: np.ndarray) -> np.ndarray:
    """(signals, n) as windowed frames (signals, frames, _WINDOW). One that ends with the signal is
    none."""
    frames = np.lib.stride_tricks.sliding_window_view(signals, _WINDOW, axis=1)
    return frames[:, :-1:_WINDOW // 2] * np.hanning(_WINDOW + 2)[1:-1]


def _overlapped(frames: np.ndarray) -> np.ndarray:
    """The frames (signals, frames, _WINDOW) added up to signals (signals, n)."""
    signals, n, width = frames.shape
    halves = frames.reshape(signals, n, 2, width // 2)
    made = np.zeros((signals, n + 1, width // 2))
    made[:, :-1] += halves[:, :, 0]
    made[:, 1:] += halves[:, :, 1]
    return made.reshape(signals, -1)


def _segments(bands: np.ndarray, length: int) -> np.ndarray:
    """All stretches of ``length`` frames of bands (bands, frames): (segments, bands, length)."""
    view = np.lib.stride_tricks.sliding_window_view(bands, length, axis=1)
    return np.ascontiguousarray(view.transpose(1, 0, 2))


def _norm(segments: np.ndarray) -> np.ndarray:
    norm: np.ndarray = np.linalg.norm(segments, axis=2, keepdims=True)
    return norm


def _standard(segments: np.ndarray) -> np.ndarray:
    """``segments`` without their mean over time, of norm 1."""
    rest = segments - np.mean(segments, axis=2, keepdims=True)
    rest /= _norm(rest) + _EPSILON
    return rest


@contextmanager
def _seeded() -> Iterator[None]:
    """NumPy's global generator, from which ESTOI's noise comes, with seed 0; restored after."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)


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
