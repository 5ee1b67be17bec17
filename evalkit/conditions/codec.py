"""Speech as it comes out of a codec, by libsndfile."""

from __future__ import annotations

import io
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import soundfile

from evalkit.audio import fit, resample
from evalkit.conditions.recipe import identity
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.names import offer
from evalkit.core.types import Audio, Utterance

VERSION = 1
"""Changes whenever the same options would give other samples."""
BLOCK = 1 << 16
"""Samples that are written at a time: encoders of Ogg overflow their stack on whole recordings."""


@dataclass(frozen=True)
class Coding:
    """A ``subtype`` of libsndfile within a ``format``, usually at ``rate`` Hz, else at that of the
    speech or, where there are only some ``rates``, the least of them that is not below it."""

    format: str
    subtype: str
    rate: int | None = None
    rates: tuple[int, ...] = ()

    def rate_for(self, rate: int) -> int:
        """Hz at which speech of ``rate`` Hz is coded."""
        return self.rate or min((r for r in self.rates if r >= rate),
                                default=max(self.rates, default=rate))


_USUAL = (8_000, 11_025, 12_000, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000)
"""Hz that MP3 has, and Vorbis has settings for: libsndfile crashes where that has none."""
CODINGS = {
    "pcm": Coding("WAV", "PCM_16"),
    "mu_law": Coding("WAV", "ULAW", 8_000),
    "a_law": Coding("WAV", "ALAW", 8_000),
    "gsm": Coding("WAV", "GSM610", 8_000),
    "g721": Coding("AU", "G721_32", 8_000),
    "opus": Coding("OGG", "OPUS", rates=(8_000, 12_000, 16_000, 24_000, 48_000)),
    "vorbis": Coding("OGG", "VORBIS", rates=_USUAL),
    "mp3": Coding("MP3", "MPEG_LAYER_III", rates=_USUAL),
}
"""By the name of a codec: linear 16 bits, ITU-T G.711 (both laws), GSM 06.10 full rate, ITU-T
G.721 at 32 kbit/s, Opus, Vorbis, MPEG layer III."""
_BIT_RATES: Mapping[str, Sequence[tuple[int, tuple[int, int]]]] = {
    "opus": ((0, (6, 256)),),
    "mp3": ((32_000, (32, 320)), (16_000, (8, 160)), (0, (8, 64))),
}
"""By codec: from which rate in Hz on, the least and most kbit/s, over which libsndfile spreads its
compression level."""


@dataclass(frozen=True)
class Codec:
    """Codes speech and decodes it again by ``codec`` (a key of CODINGS) at ``rate`` Hz, that of the
    codec or the speech where None, and back at the speech's own rate and length.

    ``kbps`` is the bit rate that Opus (variable) and MP3 (constant, the nearest there is) aim at,
    libsndfile's own where None. What codecs add in delay libsndfile takes out when it reads.
    Raises ConfigError for what this libsndfile does not have and for options that do not go
    together."""

    codec: str
    kbps: float | None = None
    rate: int | None = None

    def __post_init__(self) -> None:
        if self.codec not in CODINGS:
            raise ConfigError(f"no codec {self.codec!r}; {offer(self.codec, CODINGS)}")
        if not soundfile.check_format(self._coding.format, self._coding.subtype):
            raise ConfigError(f"codec: libsndfile {soundfile.__libsndfile_version__} has no "
                              f"{self.codec}; install a newer soundfile")
        if self.rate is not None and self.rate not in (self._coding.rates or range(1_000, 192_001)):
            works = ", ".join(map(str, self._coding.rates)) or "1000 to 192000"
            raise ConfigError(f"rate: {self.codec} works at {works} Hz, not {self.rate}")
        if self.kbps is not None:
            self._check_bit_rate(self.kbps)

    def _check_bit_rate(self, kbps: float) -> None:
        if self.codec not in _BIT_RATES:
            raise ConfigError(f"kbps is an option of {' and '.join(_BIT_RATES)}; {self.codec} has "
                              "no bit rate to choose")
        ranges = {self._range(rate) for rate in ([self.rate] if self.rate else self._coding.rates)}
        if not any(least <= kbps <= most for least, most in ranges):
            raise ConfigError(f"kbps: {self.codec} takes {_in_words(ranges)} kbit/s, not "
                              f"{kbps:g}")

    def _range(self, rate: int) -> tuple[int, int]:
        """The least and most kbit/s at ``rate`` Hz."""
        return next(bounds for lowest, bounds in _BIT_RATES[self.codec] if rate >= lowest)

    @property
    def _coding(self) -> Coding:
        return CODINGS[self.codec]

    @property
    def identity(self) -> str:
        said = self.codec + (f" {self.kbps:g} kbit/s" if self.kbps is not None else "")
        return identity(said, VERSION, soundfile.__libsndfile_version__, self.codec, self.kbps,
                        self.rate)

    def bind(self, utterances: Sequence[Utterance]) -> Codec:
        return self

    def apply(self, speech: Audio, utterance: Utterance) -> Audio:
        """``speech`` as it is decoded. Raises UtteranceError of kind NotCoded."""
        inside = resample(speech, self.rate or self._coding.rate_for(speech.rate))
        decoded = fit(self._through(inside), len(inside.samples))
        back = resample(Audio(decoded, inside.rate), speech.rate)
        return Audio(fit(back.samples, len(speech.samples)), speech.rate)

    def _through(self, audio: Audio) -> np.ndarray:
        file, samples = io.BytesIO(), np.clip(audio.samples, -1.0, 32767 / 32768)
        try:
            with soundfile.SoundFile(file, "w", audio.rate, 1, self._coding.subtype,
                                     format=self._coding.format, **self._bit_rate(audio.rate)
                                     ) as encoder:
                for start in range(0, len(samples), BLOCK):
                    encoder.write(samples[start:start + BLOCK])
            file.seek(0)
            return np.asarray(soundfile.read(file, dtype="float32")[0])
        except soundfile.LibsndfileError as error:
            raise UtteranceError("NotCoded", f"{self.codec} cannot code it at {audio.rate:,} Hz: "
                                             f"{error.error_string}") from error

    def _bit_rate(self, rate: int) -> dict[str, Any]:
        """What libsndfile is told of it."""
        if self.kbps is None:
            return {}
        least, most = self._range(rate)
        if not least <= self.kbps <= most:
            raise UtteranceError("NotCoded", f"{self.codec} takes {least} to {most} kbit/s at "
                                             f"{rate:,} Hz, not {self.kbps:g}")
        level = {"compression_level": (most - self.kbps) / (most - least)}
        return level | ({"bitrate_mode": "CONSTANT"} if self.codec == "mp3" else {})


def _in_words(ranges: Iterable[tuple[int, int]]) -> str:
    return " or ".join(f"{least} to {most}" for least, most in sorted(ranges, reverse=True))
