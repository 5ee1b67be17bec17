"""Small grey pictures of recordings: time to the right, frequency upwards, louder is darker."""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

import numpy as np

from evalkit.core.files import regular

WIDTH, HEIGHT = 300, 90
"""Of a picture, in pixels."""
HIGHEST = 8000.0
"""Hz at the top of a picture."""
RANGE = 65.0
"""dB from black to white."""
LONGEST = 30.0
"""Seconds of a recording that are shown."""
MOST = 1 << 24
"""Samples of a recording that are read, of all channels, whatever its header says."""
_WINDOW = 0.025
_SHADES = 24


def spectrogram(path: Path, offset: float = 0.0, duration: float | None = None) -> bytes:
    """The picture, a PNG, of ``duration`` seconds (all, where None) from ``offset`` on; empty
    where the recording cannot be read."""
    samples, rate = excerpt(path, offset, duration)
    found = picture(samples, rate) if len(samples) else None
    return b"" if found is None else _png(found)


def excerpt(path: Path, offset: float = 0.0, duration: float | None = None
            ) -> tuple[np.ndarray, int]:
    """The samples (n,) of the same part, LONGEST seconds at most, channels averaged, and their rate
    in Hz; none where the recording cannot be read."""
    import soundfile

    try:
        with soundfile.SoundFile(regular(path)) as file:
            rate = file.samplerate
            file.seek(min(round(offset * rate), file.frames))
            seconds = min(duration or LONGEST, LONGEST)
            frames = min(round(seconds * rate), MOST // file.channels)
            return file.read(frames, dtype="float64", always_2d=True).mean(axis=1), rate
    except (soundfile.SoundFileError, RuntimeError, OSError, TypeError, ValueError):
        return np.empty(0), 1


def picture(samples: np.ndarray, rate: int) -> np.ndarray | None:
    """Shades from 0, black, to 255 of the samples (n,), at ``rate`` Hz, as (HEIGHT, WIDTH), the
    highest frequency first; None for what is too short or silent."""
    size = round(_WINDOW * rate)
    if len(samples) < 2 * size or not np.isfinite(samples).all() or not samples.any():
        return None
    starts = np.linspace(0, len(samples) - size, WIDTH).astype(int)
    frames = samples[starts[:, None] + np.arange(size)] * np.hanning(size)
    n = max(512, 1 << (size - 1).bit_length())
    power = np.abs(np.fft.rfft(frames, n)) ** 2
    heights = np.linspace(HIGHEST, 0, HEIGHT) * n / rate
    bins = np.minimum(heights.round().astype(int), power.shape[1] - 1)
    level = 10 * np.log10(power[:, bins].T + 1e-12 * power.max())
    level[heights > n / 2] = -np.inf  # above what the recording can hold
    share = np.clip((level - level.max()) / RANGE + 1, 0, 1)
    return (255 - np.rint(share * _SHADES) * (255 / _SHADES)).astype(np.uint8)


def _png(shades: np.ndarray) -> bytes:
    from PIL import Image

    file = BytesIO()
    Image.fromarray(shades).quantize(_SHADES + 1).save(file, "PNG", optimize=True)
    return file.getvalue()
