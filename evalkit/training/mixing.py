"""Mixtures of speech and noise to train enhancers on, drawn one by one.

A mixture follows from the recipe, the material and the generator alone, so a training may draw it
in any process, and draw it again.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal, NamedTuple

import numpy as np
from pydantic import AfterValidator, Field
from scipy.fft import irfft, rfft, rfftfreq
from scipy.signal import fftconvolve

from evalkit.audio import active_power, resample, without_mean
from evalkit.conditions.band import low_passed
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.strict import Strict
from evalkit.core.types import Audio
from evalkit.recordings.reading import load, seconds
from evalkit.training.noises import FAMILIES

EARLY = 0.02
"""Seconds after the direct sound up to which echoes belong to the speech that is wanted."""
TRIES = 20
"""Stretches that are drawn before the material is taken for silent."""

Room = Callable[[int, np.random.Generator], tuple[np.ndarray, np.ndarray]]
"""From a rate in Hz: the impulse responses of one room, to the speaker and to the noise, that of
the speaker with its direct sound first."""


def _rising(bounds: tuple[float, float]) -> tuple[float, float]:
    if not bounds[0] <= bounds[1]:
        raise ValueError(f"must be the lower and the higher end of a range, not {list(bounds)}")
    return bounds


Decibels = Annotated[float, Field(ge=-200, le=200)]
Speed = Annotated[float, Field(ge=0.25, le=4)]
Shape = Annotated[float, Field(gt=0, le=1000)]


class Mixture(NamedTuple):
    """What an enhancer hears, ``noisy``, and what it should make of it, ``clean``: (samples,)
    each. Nothing is known of the speech above ``bandwidth`` Hz."""

    noisy: np.ndarray
    clean: np.ndarray
    bandwidth: float


def _known(families: tuple[str, ...]) -> tuple[str, ...]:
    if unknown := [name for name in families if name not in FAMILIES]:
        raise ValueError(f"no family of noise is named {unknown[0]!r}; there are "
                         f"{', '.join(FAMILIES)}")
    return families


class MixingConfig(Strict):
    """How mixtures are drawn. Shares are of the mixtures; of the others a range is drawn from.

    The ratio of speech to noise lies within ``snr_db``, low ratios being likelier (beta
    distribution with ``skew``); ``level_db`` is the level of the speech below full scale.
    ``tilt_db`` is what a random filter adds or takes at either end of the spectrum, of speech
    and noise apart; ``recorded`` the share of noise from recordings, ``babble`` from other
    voices; the rest is generated, of ``families`` (keys of FAMILIES)."""

    rate: Literal[16_000, 48_000] = 16_000
    seconds: float = Field(2.0, gt=0.1, le=60)
    snr_db: Annotated[tuple[Decibels, Decibels], AfterValidator(_rising)] = (-5.0, 45.0)
    skew: tuple[Shape, Shape] = (1.5, 3.0)
    level_db: Annotated[tuple[Decibels, Decibels], AfterValidator(_rising)] = (-45.0, -10.0)
    tilt_db: float = Field(6.0, ge=0, le=30)
    speeds: Annotated[tuple[Speed, Speed], AfterValidator(_rising)] = (0.8, 1.25)
    recorded: float = Field(0.5, ge=0, le=1)
    families: Annotated[tuple[str, ...], AfterValidator(_known)] = Field(tuple(FAMILIES),
                                                                         min_length=1)
    babble: float = Field(0.12, ge=0, le=1)
    two_noises: float = Field(0.3, ge=0, le=1)
    rooms: float = Field(0.3, ge=0, le=1)
    low_pass: float = Field(0.1, ge=0, le=1)
    without_speech: float = Field(0.04, ge=0, le=1)
    without_noise: float = Field(0.04, ge=0, le=1)


@dataclass(frozen=True)
class Material:
    """Sources of speech and of noise, each a set of recordings that is drawn from as often as
    any other, and where there is one, what makes rooms."""

    speech: tuple[tuple[Path, ...], ...]
    noise: tuple[tuple[Path, ...], ...] = ()
    room: Room | None = None


@dataclass(frozen=True)
class Mixer:
    """Draws mixtures of ``material`` as ``config`` says."""

    material: Material
    config: MixingConfig

    def draw(self, rng: np.random.Generator) -> Mixture:
        """Raises ConfigError naming a recording that cannot be read, and UtteranceError where
        ``TRIES`` stretches in turn are silent."""
        config = self.config
        speech, bandwidth = self._stretch(self.material.speech, rng)
        speech = self._tilted(speech, rng)
        noise = self._tilted(self._noise(rng), rng)
        wanted, speech, noise = self._placed(speech, noise, rng)
        level = 10 ** (rng.uniform(*config.level_db) / 20)
        kind = rng.random()
        speech_gain = level / max(math.sqrt(active_power(Audio(speech, config.rate))), 1e-9)
        noise_gain = level / 10 ** (self._ratio(rng) / 20) / max(float(np.std(noise)), 1e-9)
        if kind < config.without_speech:
            speech_gain = 0.0
        elif kind > 1 - config.without_noise:
            noise_gain = 0.0
        noisy, clean = speech_gain * speech + noise_gain * noise, speech_gain * wanted
        if rng.random() < config.low_pass:
            edge = float(np.exp(rng.uniform(np.log(2500), np.log(config.rate / 2))))
            noisy, clean = (low_passed(x, edge, config.rate) for x in (noisy, clean))
        scale = min(1.0, 0.99 / max(float(np.abs(noisy).max()), 1e-9))
        return Mixture((scale * noisy).astype(np.float32), (scale * clean).astype(np.float32),
                       bandwidth)

    @property
    def _samples(self) -> int:
        return round(self.config.seconds * self.config.rate)

    def _ratio(self, rng: np.random.Generator) -> float:
        low, high = self.config.snr_db
        return low + (high - low) * float(rng.beta(*self.config.skew))

    def _stretch(self, sources: Sequence[Sequence[Path]], rng: np.random.Generator
                 ) -> tuple[np.ndarray, float]:
        """A stretch of a recording of one of ``sources`` that is not silent, at a drawn speed,
        and its bandwidth in Hz."""
        for _ in range(TRIES):
            source = sources[int(rng.integers(len(sources)))]
            audio, rate = self._read(source[int(rng.integers(len(source)))], rng)
            samples = without_mean(resample(audio, self.config.rate).samples)
            if samples.any():
                return np.resize(samples, self._samples), min(rate, self.config.rate) / 2
        folders = ", ".join(sorted({path.parent.name for source in sources for path in source}))
        raise UtteranceError("Silent", f"{TRIES} stretches in turn have no sound in them, of "
                                       f"{sum(map(len, sources))} recordings in {folders}")

    def _read(self, path: Path, rng: np.random.Generator) -> tuple[Audio, int]:
        """A stretch at a drawn speed, and the recording's own rate."""
        try:
            length, speed = seconds(path), rng.uniform(*self.config.speeds)
            wanted = min(length, self.config.seconds * speed)
            audio = load(path, offset=(length - wanted) * rng.random(), duration=wanted)
        except UtteranceError as error:
            raise ConfigError(f"{path}: cannot be trained on: {error}; repair it, or take it out "
                              "of the folder") from error
        return Audio(audio.samples, round(audio.rate * speed)), audio.rate

    def _noise(self, rng: np.random.Generator) -> np.ndarray:
        noise = self._one_noise(rng)
        if rng.random() < self.config.two_noises:
            noise = noise + 10 ** rng.uniform(-0.75, 0.5) * self._one_noise(rng)
        return noise

    def _one_noise(self, rng: np.random.Generator) -> np.ndarray:
        """Of unit variance."""
        kind = rng.random()
        if kind < self.config.babble:
            noise = self._babble(rng)
        elif kind < self.config.babble + self.config.recorded and self.material.noise:
            noise, _ = self._stretch(self.material.noise, rng)
        else:
            families = self.config.families
            family = FAMILIES[families[rng.integers(len(families))]]
            noise = family(self._samples, self.config.rate, rng)
        return noise / max(float(np.std(noise)), 1e-9)

    def _babble(self, rng: np.random.Generator) -> np.ndarray:
        babble = np.zeros(self._samples)
        for _ in range(rng.integers(3, 9)):
            voice, _ = self._stretch(self.material.speech, rng)
            babble += voice / np.std(voice)
        return babble

    def _tilted(self, wave: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        """Through a random smooth filter: a parabola over octaves, in decibels."""
        slope, bend = rng.uniform(-1, 1, 2) * self.config.tilt_db / 2
        place = np.log2(np.maximum(rfftfreq(len(wave), 1 / self.config.rate), 50) / 50)
        place = 2 * place / place[-1] - 1
        return irfft(rfft(wave) * 10 ** ((slope * place + bend * place**2) / 20), len(wave))

    def _placed(self, speech: np.ndarray, noise: np.ndarray, rng: np.random.Generator
                ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Wanted speech, speech and noise as a drawn room makes them."""
        if self.material.room is None or rng.random() >= self.config.rooms:
            return speech, speech, noise
        near, far = self.material.room(self.config.rate, rng)
        early = near[:round(EARLY * self.config.rate)]
        return _heard(speech, early), _heard(speech, near), _heard(noise, far)


def _heard(wave: np.ndarray, response: np.ndarray) -> np.ndarray:
    return np.asarray(fftconvolve(wave, response)[:len(wave)])
