"""Waveforms: read, resample, align, measure the level."""

from __future__ import annotations

import math
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio


def _resampler() -> str:
    try:
        return f"soxr {version('soxr')} HQ"
    except PackageNotFoundError:  # texts alone are scored without the extra "audio"
        return "none"


RESAMPLER = _resampler()
"""Name, version and quality of what resamples; "none" where it is not installed."""
CLIPPED = 0.999
"""Samples at or beyond this share of full scale count as clipped."""


def load(path: Path, *, offset: float = 0.0, duration: float | None = None,
         channel: int = 0) -> Audio:
    """One channel of a recording (WAV, FLAC, MP3, Ogg: what libsndfile reads).

    ``offset`` and ``duration`` in seconds; ``channel`` counts from 0. Raises UtteranceError of
    kind MissingAudio, CorruptAudio, EmptyAudio, NotFinite or NoSuchChannel.
    """
    import soundfile

    try:
        with soundfile.SoundFile(path) as file:
            rate = file.samplerate
            file.seek(min(round(offset * rate), file.frames))
            frames = -1 if duration is None else round(duration * rate)
            samples = file.read(frames, dtype="float32", always_2d=True)
    except (OSError, RuntimeError, soundfile.SoundFileError) as error:
        if not Path(path).is_file():
            raise UtteranceError("MissingAudio", f"no file {path}") from error
        raise UtteranceError("CorruptAudio", f"{path}: {error}") from error
    if channel >= samples.shape[1]:
        raise UtteranceError(
            "NoSuchChannel", f"{path} has {samples.shape[1]} channels, asked for {channel}")
    if not len(samples):
        raise UtteranceError("EmptyAudio", f"{path} has no samples at {offset:g} s")
    mono = np.ascontiguousarray(samples[:, channel])
    if not np.isfinite(mono).all():
        raise UtteranceError("NotFinite", f"{path} holds NaN or infinite samples")
    return Audio(mono, rate)


def save(path: Path, audio: Audio) -> None:
    """Writes 16-bit FLAC or WAV by the path's suffix; samples beyond full scale are clipped."""
    import soundfile

    samples = np.clip(audio.samples, -1.0, 32767 / 32768)
    soundfile.write(path, samples, audio.rate, subtype="PCM_16")


def resample(audio: Audio, rate: int | None) -> Audio:
    """``audio`` at ``rate`` Hz by RESAMPLER; unchanged where the rate is already that or None."""
    import soxr

    if rate is None or rate == audio.rate:
        return audio
    return Audio(soxr.resample(audio.samples, audio.rate, rate, quality="HQ"), rate)


def fit(samples: np.ndarray, length: int) -> np.ndarray:
    """``samples`` cut, or padded with zeros at the end, to ``length``."""
    return np.pad(samples[:length], (0, max(0, length - len(samples))))


def measure_lag(output: Audio, source: Audio, *, stated: float = 0.0,
                search: float = 0.05) -> float:
    """By how many seconds ``output`` comes after ``source`` (of equal rate and length): the peak
    of their cross-correlation, normalised by the energy of the overlap, within ``search`` seconds
    of the ``stated`` delay. The stated delay where one of them is silent."""
    from scipy.signal import correlate

    x, y = source.samples.astype(np.float64), output.samples.astype(np.float64)
    centre, reach, n = round(stated * source.rate), round(search * source.rate), len(x)
    lags = np.arange(max(centre - reach, -(n // 2)), min(centre + reach, n // 2) + 1)
    if not len(lags) or not x.any() or not y.any():
        return stated
    correlation = correlate(y, x, mode="full", method="fft")[lags + n - 1]
    energy_x, energy_y = (np.concatenate([[0.0], np.cumsum(z**2)]) for z in (x, y))
    early, late = np.maximum(-lags, 0), np.maximum(lags, 0)
    overlap = ((energy_x[n - late] - energy_x[early]) * (energy_y[n - early] - energy_y[late]))
    likeness = correlation / np.sqrt(np.maximum(overlap, np.finfo(float).tiny))
    return int(lags[likeness.argmax()]) / source.rate


def advance(audio: Audio, seconds: float) -> Audio:
    """``audio`` moved ``seconds`` earlier (later where negative), its length kept."""
    shift = round(seconds * audio.rate)
    n = len(audio.samples)
    moved = audio.samples[shift:] if shift >= 0 else np.pad(audio.samples, (-shift, 0))
    return Audio(fit(moved, n), audio.rate)


@dataclass(frozen=True)
class Levels:
    """Quality-control figures of one waveform. PESQ and STOI see none of them."""

    level_dbfs: float
    peak_dbfs: float
    clipping: float
    """Share of samples at or beyond CLIPPED."""
    dc: float
    """Mean sample."""


def levels(audio: Audio) -> Levels:
    """Root-mean-square level and peak in dB of full scale (-inf for silence), clipping, DC."""
    x = audio.samples.astype(np.float64)
    if not len(x):
        return Levels(-math.inf, -math.inf, 0.0, 0.0)
    magnitude = np.abs(x)
    return Levels(decibel(float(np.mean(x**2))), decibel(float(magnitude.max()) ** 2),
                  float(np.mean(magnitude >= CLIPPED)), float(x.mean()))


def decibel(power: float) -> float:
    """10 log10 of a power ratio, -inf for 0."""
    return 10 * math.log10(power) if power > 0 else -math.inf


def active_power(audio: Audio) -> float:
    """Mean square of the speech while it is active, by ITU-T P.56 (12/2011) method B.

    The envelope is a two-fold exponential average of 0.03 s; a sample is active if it exceeded
    a threshold within the last 0.2 s; the level is where it lies 15.9 dB above its own
    threshold. 0 for silence."""
    from scipy.ndimage import maximum_filter1d
    from scipy.signal import lfilter

    x = audio.samples.astype(np.float64)
    energy = float(x @ x)
    if energy == 0:
        return 0.0
    g = math.exp(-1 / (audio.rate * 0.03))
    envelope = lfilter([1 - g], [1, -g], lfilter([1 - g], [1, -g], np.abs(x)))
    thresholds = float(envelope.max()) * 2.0 ** -np.arange(0.5, 20.5, 0.5)[::-1]
    hangover = round(0.2 * audio.rate)
    held = maximum_filter1d(envelope, hangover + 1, origin=hangover // 2, mode="constant")
    active = len(x) - np.searchsorted(np.sort(held), thresholds)
    power = energy / active
    excess = 10 * np.log10(power) - 20 * np.log10(thresholds) - 15.9
    above = int(np.argmax(excess <= 0))
    if above == 0:  # a click: even its highest threshold lies further below its level
        return float(power[-1])
    share = excess[above - 1] / (excess[above - 1] - excess[above])
    logs = np.log(power[above - 1:above + 1])
    return float(np.exp(logs[0] + share * (logs[1] - logs[0])))
