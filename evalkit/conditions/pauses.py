"""Speech of somebody who halts: silence between words, and behind the last one."""

from __future__ import annotations

from collections.abc import Sequence
from copy import copy
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal

import numpy as np

from evalkit.audio import LONGEST
from evalkit.conditions.recipe import identity, number
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.types import Audio, Heard, Utterance, Word

VERSION = 1
"""Changes whenever the same options would give other samples."""
FRAME = 0.03
"""Seconds of a frame in which the noise of a recording is looked for …"""
QUIET = 0.1
"""… and the share of the quietest frames that are taken for it."""


@dataclass(frozen=True)
class Pauses:
    """Puts silence between words: at each border of two words whose times the manifest has
    (``words``), with the chance ``pauses``, from ``shortest`` to ``longest`` seconds, evenly drawn;
    and ``trailing`` seconds behind the end of the recording. Where two words do not touch, it is
    put into the middle between them. ``filled`` says what it is made of: Gaussian noise with the
    level and spectrum of the quietest tenth of the recording, or digital silence.

    What is drawn follows from ``seed`` and the utterance's id; the pauses of a smaller chance are
    among those of a larger one. Metrics compare with the clean speech that halts alike. Raises
    ConfigError for options that do not go together."""

    pauses: float
    shortest: float = 0.2
    longest: float = 0.9
    trailing: float = 1.0
    filled: Literal["noise", "silence"] = "noise"
    seed: int = 0
    borders: dict[str, tuple[float, ...]] = field(default_factory=dict, init=False, repr=False,
                                                   compare=False)
    """By utterance the seconds at which a pause may be put; what ``bind`` was given."""

    def __post_init__(self) -> None:
        if not 0 <= self.pauses <= 1:
            raise ConfigError(f"pauses must be a share of borders from 0 to 1, not {self.pauses:g}")
        if not 0 < self.shortest <= self.longest <= 60:
            raise ConfigError("shortest and longest must be seconds above 0, the longest 60, not "
                              f"{self.shortest:g} and {self.longest:g}")
        if not 0 <= self.trailing <= 60:
            raise ConfigError(f"trailing must be from 0 to 60 s, not {self.trailing:g}")

    def bind(self, utterances: Sequence[Utterance]) -> Pauses:
        """A copy that knows where words of ``utterances`` border on each other. Raises ConfigError
        where nobody knows of any utterance when its words were said."""
        found = {u.id: borders(u.words) for u in utterances if u.words}
        if not found:
            raise ConfigError("pauses: no utterance has times of its words; the manifest must give "
                              "them (words: [[word, start, end], ...])")
        bound = copy(self)
        object.__setattr__(bound, "borders", found)
        return bound

    @property
    def identity(self) -> str:
        return identity(f"pauses {self.pauses:g}", VERSION, self.pauses, self.shortest,
                        self.longest, self.trailing, self.filled, self.seed,
                        sorted(self.borders.items()))

    def apply(self, speech: Audio, utterance: Utterance) -> Heard:
        """Raises UtteranceError of kind NoWordTimes or TooLong."""
        rng = np.random.default_rng(number(self.seed, "pauses", utterance.id))
        drawn = [*self._drawn(utterance, rng), (speech.duration, self.trailing)]
        at = [min(round(time * speech.rate), len(speech.samples)) for time, _ in drawn]
        lengths = [round(seconds * speech.rate) for _, seconds in drawn]
        if len(speech.samples) + sum(lengths) > LONGEST:
            raise UtteranceError("TooLong", f"more than {LONGEST:,} samples with its pauses; cut "
                                            "the recording with offset and duration")
        filling = (noise_floor(speech, sum(lengths), rng) if self.filled == "noise" else
                   np.zeros(sum(lengths), np.float32))
        made = Audio(np.insert(speech.samples, np.repeat(at, lengths), filling), speech.rate)
        put_in = zip(np.divide(at, speech.rate), np.divide(lengths, speech.rate), strict=True)
        return Heard(made, made, tuple((float(place), float(n)) for place, n in put_in if n))

    def _drawn(self, utterance: Utterance, rng: np.random.Generator) -> list[tuple[float, float]]:
        """Where, in seconds of the recording, how many seconds are put in."""
        if utterance.id not in self.borders:
            raise UtteranceError("NoWordTimes", "nobody knows when its words were said, between "
                                 "which pauses are put: the manifest does not give it")
        places = self.borders[utterance.id]
        chance, share = rng.random((2, len(places)))
        lengths = self.shortest + share * (self.longest - self.shortest)
        return [(place, float(length)) for place, length, lot in zip(
            places, lengths, chance, strict=True) if lot < self.pauses]


def borders(words: Sequence[Word]) -> tuple[float, ...]:
    """The seconds in the middle between each two words of known times, in order; none where they
    overlap."""
    return tuple((one.end + other.start) / 2 for one, other in pairwise(words)
                 if one.end is not None and other.start is not None and one.end <= other.start)


def noise_floor(speech: Audio, n: int, rng: np.random.Generator) -> np.ndarray:
    """(n,) of Gaussian noise, float32, with the mean power spectrum of the quietest frames of
    ``speech``, QUIET of them and one at least."""
    size = min(max(2, round(FRAME * speech.rate)), len(speech.samples))
    whole = len(speech.samples) - len(speech.samples) % size
    frames = speech.samples[:whole].reshape(-1, size).astype(np.float64)
    quiet = frames[np.argsort((frames**2).mean(axis=1), kind="stable")]
    quiet = quiet[:max(1, round(QUIET * len(quiet)))]
    power = (np.abs(np.fft.rfft(quiet * np.hanning(size), axis=1)) ** 2).mean(axis=0)
    spectrum = np.fft.rfft(rng.standard_normal(n)) if n else np.zeros(0)
    shape = np.interp(np.linspace(0, 1, len(spectrum)), np.linspace(0, 1, len(power)), power)
    made = np.fft.irfft(spectrum * np.sqrt(shape), n) if n else np.zeros(0)
    level = np.sqrt((quiet**2).mean() / max(float((made**2).mean()) if n else 0.0, 1e-30))
    return np.asarray(made * level, np.float32)
