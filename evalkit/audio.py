"""Waveforms: resample, align, measure the level, save. evalkit.recordings reads them."""

from __future__ import annotations

import io
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
LONGEST = 1 << 27
"""Samples that an utterance may have, as read and as resampled: half a gigabyte, 2.3 hours at
16 kHz."""
CLIPPED = 0.999
"""Samples at or beyond this share of full scale count as clipped."""


def save(path: Path, audio: Audio) -> None:
    """Writes 16-bit FLAC or WAV by the path's suffix; samples beyond full scale are clipped.

    Raises UtteranceError of kind NotKept for what the format cannot hold, OSError where the file
    cannot be written."""
    path.write_bytes(encoded(audio, path.suffix[1:]))


def encoded(audio: Audio, form: str) -> bytes:
    """The bytes of a file of the format "flac" or "wav", 16 bits, as ``save`` writes it. Raises
    UtteranceError of kind NotKept."""
    import soundfile

    samples, made = np.clip(audio.samples, -1.0, 32767 / 32768), io.BytesIO()
    try:
        soundfile.write(made, samples, audio.rate, subtype="PCM_16", format=form)
    except (soundfile.SoundFileError, ValueError, TypeError) as error:
        raise UtteranceError("NotKept", f"cannot be written as {form}: {error}") from error
    return made.getvalue()


def resample(audio: Audio, rate: int | None) -> Audio:
    """``audio`` at ``rate`` Hz by RESAMPLER; unchanged where the rate is already that or None.
    Raises UtteranceError of kind TooLong where that is more than LONGEST samples."""
    import soxr

    if rate is None or rate == audio.rate:
        return audio
    if len(audio.samples) * rate > LONGEST * audio.rate:
        raise UtteranceError("TooLong", f"more than {LONGEST:,} samples at {rate:,} Hz; cut the "
                                        "recording with offset and duration")
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


def align(made: Audio, heard: Audio, delay: float) -> tuple[Audio, float]:
    """What an enhancer with a stated ``delay`` in seconds made of ``heard``, at its rate, without
    its lag and of its length; and the lag in seconds."""
    back = resample(made, heard.rate)
    lag = measure_lag(back, heard, stated=delay)
    return Audio(fit(advance(back, lag).samples, len(heard.samples)), heard.rate), lag


@dataclass(frozen=True)
class Levels:
    """Quality-control figures of one waveform. PESQ and STOI see none of them."""

    level_dbfs: float
    """Root mean square about the mean: an offset is no sound."""
    peak_dbfs: float
    clipping: float
    """Share of samples at or beyond CLIPPED."""
    dc: float
    """Mean sample."""


def levels(audio: Audio) -> Levels:
    """Root-mean-square level without the mean, and peak with it, in dB of full scale (-inf for
    silence); clipping, DC."""
    x = audio.samples.astype(np.float64)
    if not len(x):
        return Levels(-math.inf, -math.inf, 0.0, 0.0)
    peak, power = _peak(x), float(np.mean(without_mean(x) ** 2))
    clipping = 0.0 if peak < CLIPPED else float(np.mean(np.abs(x) >= CLIPPED))
    return Levels(decibel(power), decibel(peak ** 2), clipping, float(x.mean()))


def _peak(samples: np.ndarray) -> float:
    """The largest magnitude of ``samples`` (n,), of which there are some."""
    return max(float(samples.max()), -float(samples.min()))


def decibel(power: float) -> float:
    """10 log10 of a power ratio, -inf for 0."""
    return 10 * math.log10(power) if power > 0 else -math.inf


def without_mean(samples: np.ndarray) -> np.ndarray:
    """``samples`` (n,) in float64 with their mean taken off; all 0 where the rest is rounding."""
    x = samples.astype(np.float64, copy=False)
    if not len(x):
        return x
    mean = float(x.mean())
    rest = x - mean
    return rest if _peak(rest) > abs(mean) * np.finfo(np.float32).eps else np.zeros_like(rest)


def active_power(audio: Audio, *, centred: bool = True) -> float:
    """Mean square of the speech while it is active, by ITU-T P.56 (12/2011) method B, of the
    samples without their mean (as they are where not ``centred``).

    The envelope is a two-fold exponential average of 0.03 s; a sample is active if it exceeded
    a threshold within the last 0.2 s; the level is where it lies 15.9 dB above its own
    threshold. 0 for silence."""
    from scipy.ndimage import maximum_filter1d
    from scipy.signal import lfilter

    x = without_mean(audio.samples) if centred else audio.samples.astype(np.float64)
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
