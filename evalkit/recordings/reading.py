"""Reading recordings: all that was asked for, or an error.

Formats: WAV (PCM, float, G.711, ADPCM, GSM 6.10), RF64, W64, AIFF, AU, CAF, FLAC, Ogg (Vorbis,
Opus, FLAC), MP3, NIST SPHERE, HTK. A recording that is known to be cut, because fewer samples
come than its header or the manifest promises, is refused; see ``TOLERANCE``."""

from __future__ import annotations

import io
import os
import struct
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import numpy as np
import soundfile

from evalkit.audio import LONGEST
from evalkit.core.errors import UtteranceError
from evalkit.core.files import regular
from evalkit.core.types import Audio
from evalkit.recordings.containers import Container
from evalkit.recordings.whole import container

FORMATS = ("WAV", "WAVEX", "RF64", "W64", "AIFF", "AU", "CAF", "FLAC", "OGG", "MP3", "NIST", "HTK")
"""What libsndfile calls the containers whose wholeness is known."""
LOWEST_RATE, HIGHEST_RATE = 1_000, 384_000
"""Hz."""
MOST_CHANNELS = 64
TOLERANCE = 0.01
"""Seconds that may be missing at the end of what is promised: manifests round."""
OPUS_TOLERANCE = 0.09
"""The same for Opus, whose first samples, of the encoder, some tools count and decoders drop."""
MP3_TOLERANCE = 4
"""The same for MP3, in frames: encoders fill up both ends, and not every tool counts alike."""
_BLOCK, _FEW = 1 << 20, 1 << 12
_UNKNOWN = 1 << 62
"""From so many frames on, libsndfile means that a file does not say how many it has."""


def load(path: Path, *, offset: float = 0.0, duration: float | None = None,
         channel: int = 0) -> Audio:
    """One channel of a recording, from ``offset`` on for ``duration`` seconds (to the end where
    None); ``channel`` counts from 0.

    Raises UtteranceError of kind MissingAudio, NotAFile, UnknownFormat, OutOfBounds, TooLong,
    CorruptAudio, EmptyAudio, NotFinite or NoSuchChannel."""
    with _opened(path) as recording:
        if channel >= recording.sound.channels:
            raise UtteranceError("NoSuchChannel", f"{path}: has {recording.sound.channels} "
                                                  f"channels, asked for {channel}")
        samples = recording.span(offset, duration, channel)
        rate = recording.sound.samplerate
    if not np.isfinite(samples).all():
        raise UtteranceError("NotFinite", f"{path}: holds NaN or infinite samples")
    return Audio(samples, rate)


def seconds(path: Path) -> float:
    """Length of a recording by its header; where that says nothing, all of it is read. Raises
    UtteranceError as ``load`` does."""
    with _opened(path) as recording:
        frames = recording.sound.frames
        if frames >= _UNKNOWN:
            frames = len(recording.span(0.0, None, 0))
        return float(frames / recording.sound.samplerate)


def extent(path: Path) -> float:
    """By how much the samples of a whole recording's first channel differ, the largest minus the
    smallest. It is read a block at a time, so it may be of any length.

    Raises UtteranceError as ``load`` does."""
    with _opened(path) as recording:
        low, high = recording.bounds()
    if not np.isfinite(high - low):
        raise UtteranceError("NotFinite", f"{path}: holds NaN or infinite samples")
    return high - low


class _Forward(soundfile.SoundFile):
    """Read from the front to the back: without seeking behind every block, which some formats
    cannot, and without trusting the header's length when memory is taken."""

    def seekable(self) -> bool:
        return False

    @property
    def seeks(self) -> bool:
        """Whether one may begin in the middle."""
        return super().seekable() and self.frames < _UNKNOWN


@contextmanager
def _opened(path: Path) -> Iterator[_Recording]:
    """The recording, its bounds and its pages looked at. Errors of opening and of reading within
    the block become UtteranceError."""
    try:
        if regular(path).stat().st_size == 0:
            raise UtteranceError("EmptyAudio", f"{path}: is an empty file")
        found = container(path)
        with path.open("rb") as file, _Forward(_source(file, found), closefd=False) as sound:
            recording = _Recording(path, sound, found)
            recording.check()
            yield recording
    except FileNotFoundError as error:
        raise UtteranceError("MissingAudio", f"{path}: does not exist") from error
    except soundfile.LibsndfileError as error:
        raise UtteranceError("CorruptAudio", f"{path}: cannot be read as audio: "
                                             f"{error.error_string.rstrip('.')}") from error
    except OSError as error:
        kind = "CorruptAudio" if path.is_file() else "NotAFile"
        raise UtteranceError(kind, f"{path}: {error.strerror or error}") from error
    except (RuntimeError, ValueError, MemoryError, OverflowError) as error:
        raise UtteranceError("CorruptAudio", f"{path}: cannot be read as audio: {error}") from error


def _source(file: BinaryIO, found: Container) -> int | BinaryIO:
    """What libsndfile is given: the open file, whose name then tells it nothing; or, where a WAV
    states no data though there are some, the same with their length in its place."""
    if found.unclosed is None:
        os.lseek(file.fileno(), 0, os.SEEK_SET)
        return file.fileno()
    position, order = found.unclosed
    data = bytearray(file.read(8 * LONGEST))
    data[position:position + 4] = struct.pack(order, min(len(data) - position - 4, 0xFFFFFFFF))
    return io.BytesIO(data)


@dataclass(frozen=True)
class _Recording:
    path: Path
    sound: _Forward
    container: Container

    def check(self) -> None:
        """Raises UtteranceError for what is not read at all."""
        sound = self.sound
        if sound.format not in FORMATS:
            raise UtteranceError("UnknownFormat", f"{self.path}: is {sound.format}, which does not "
                                 "say whether it is whole; convert it to WAV or FLAC")
        if not LOWEST_RATE <= sound.samplerate <= HIGHEST_RATE:
            raise UtteranceError("OutOfBounds", f"{self.path}: states {sound.samplerate:,} Hz; "
                                 f"{LOWEST_RATE:,} to {HIGHEST_RATE:,} Hz are read")
        if sound.channels > MOST_CHANNELS:
            raise UtteranceError("OutOfBounds", f"{self.path}: states {sound.channels:,} channels; "
                                 f"up to {MOST_CHANNELS} are read")
        if self.container.hole:
            raise UtteranceError("CorruptAudio", f"{self.path}: {self.container.hole}")

    def span(self, offset: float, duration: float | None, channel: int) -> np.ndarray:
        """float32 of shape (n,), n > 0: all that was asked for."""
        rate = self.sound.samplerate
        start = round(offset * rate)
        wanted = LONGEST + 1 if duration is None else round(duration * rate)
        if duration is not None and wanted > LONGEST:
            raise self._too_long()
        if wanted == 0:
            raise UtteranceError("EmptyAudio", f"{self.path}: has a duration of 0 s; leave it out "
                                               "to use the whole recording")
        spare = round(TOLERANCE * rate) + 1
        passed = self._pass(start)
        samples = self._read(channel, wanted + spare) if passed == start else np.zeros(0, "f4")
        if duration is None and len(samples) > LONGEST:
            raise self._too_long()
        if len(samples) < wanted + spare:
            self._check_end(passed + len(samples), offset, duration)
        return np.ascontiguousarray(samples[:wanted])

    def bounds(self) -> tuple[float, float]:
        """The smallest and the largest sample of the first channel; NaN where one is NaN."""
        low, high, end = np.inf, -np.inf, 0
        while len(block := self._block(self._most)[:, 0]):
            low, high = np.minimum(low, block.min()), np.maximum(high, block.max())
            end += len(block)
        self._check_end(end, 0.0, None)
        return float(low), float(high)

    def _too_long(self) -> UtteranceError:
        return UtteranceError("TooLong", f"{self.path}: more than {LONGEST:,} samples in one "
                                         "utterance; cut it with offset and duration")

    def _pass(self, start: int) -> int:
        """Goes to a frame, or as far as there are any. Returns where."""
        if self.sound.seeks:
            return int(self.sound.seek(min(start, self.sound.frames)))
        passed = 0
        while passed < start:
            came = len(self._block(min(start - passed, self._most)))
            if not came:
                break
            passed += came
        return passed

    def _read(self, channel: int, wanted: int) -> np.ndarray:
        """At most ``wanted`` samples; the header is not believed about their number, but they are
        asked for first: what is asked for in vain is filled with zeros."""
        stated = self.sound.frames
        blocks, left, ask = [np.zeros(0, np.float32)], wanted, min(self._most, max(stated, _FEW))
        while left > 0:
            block = self._block(min(left, ask))
            blocks.append(block[:, channel].copy())
            left -= len(block)
            if not len(block):
                break
            ask = self._most if wanted - left < stated else _FEW
        return np.concatenate(blocks)

    @property
    def _most(self) -> int:
        return max(1, _BLOCK // self.sound.channels)

    def _block(self, frames: int) -> np.ndarray:
        return self.sound.read(frames, dtype="float32", always_2d=True)

    def _check_end(self, end: int, offset: float, duration: float | None) -> None:
        """The recording ended at frame ``end``. Raises UtteranceError where it promised more."""
        rate, path = self.sound.samplerate, self.path
        lasts = f"{path}: lasts {end / rate:.3f} s"
        if self.container.cut:
            raise UtteranceError("CorruptAudio", f"{path}: is cut after {end / rate:.3f} s: "
                                                 f"{self.container.cut}")
        missing = self._stated(end) - end
        if missing > self._tolerance():
            raise UtteranceError("CorruptAudio", f"{path}: {end / rate:.3f} s can be read of the "
                                 f"{(end + missing) / rate:.3f} s that it promises; if it is "
                                 "whole, convert it to WAV")
        if end == 0:
            raise UtteranceError("EmptyAudio", f"{path}: holds no samples")
        if duration is not None and offset + duration > (end + self._tolerance()) / rate:
            raise UtteranceError("CorruptAudio", f"{lasts}, offset and duration end at "
                                                 f"{offset + duration:.3f} s")
        if round(offset * rate) >= end:
            raise UtteranceError("EmptyAudio", f"{lasts}, offset is {offset:g} s")

    def _stated(self, end: int) -> float:
        """How many frames the header promises; ``end`` where it does not say."""
        found = self.container
        if found.frames is not None:
            return found.frames
        if found.stated is not None and found.there < found.stated:
            return max(end, 1) * found.stated / max(found.there, 1)
        return self.sound.frames if self.sound.frames < _UNKNOWN else end

    def _tolerance(self) -> float:
        """In samples."""
        rate = self.sound.samplerate
        if self.sound.format == "MP3":
            return MP3_TOLERANCE * (1152 if rate >= 32_000 else 576)
        return (OPUS_TOLERANCE if self.sound.subtype == "OPUS" else TOLERANCE) * rate
