"""Takes of recordings to train on: each at a drawn speed and level, some in drawn noise."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Protocol

import numpy as np

from evalkit.audio import resample
from evalkit.conditions.noise import Noise
from evalkit.core.types import Audio, Recording

NOISES = ("babble", "stationary", "modulated")


class Drawing(Protocol):
    """What is drawn from: speeds in percent, a share of noisy takes, ratios of speech to noise
    in decibels, and, unless it is None, a level up to so many decibels from a recording's own."""

    @property
    def seed(self) -> int: ...
    @property
    def speeds(self) -> Sequence[int]: ...
    @property
    def noisy(self) -> float: ...
    @property
    def snr_db(self) -> Sequence[float]: ...
    @property
    def gain_db(self) -> float | None: ...


def take(speech: Sequence[Recording], rate: int, drawing: Drawing, number: int,
         rng: np.random.Generator) -> list[Recording]:
    """The take ``number`` of every recording, of which the waveforms are at ``rate`` Hz. The
    voices of babble are those of ``speech``."""
    utterances = [r.utterance for r in speech]
    noises = [Noise(kind, ratio, seed=drawing.seed).bind(utterances)
              for kind in NOISES for ratio in drawing.snr_db]
    rendered = []
    for recording in speech:
        speed = int(rng.choice(drawing.speeds))
        audio = resample(Audio(recording.wave, rate * speed // 100), rate)
        if rng.random() < drawing.noisy:
            noise = noises[rng.integers(len(noises))]
            # Noise follows from the utterance's id: another id for another noise.
            other = replace(recording.utterance, id=f"{recording.utterance.id} take {number}")
            audio = noise.apply(audio, other)
        rendered.append(replace(recording, wave=_at_a_level(audio.samples, drawing.gain_db, rng)))
    return rendered


def _at_a_level(wave: np.ndarray, gain_db: float | None, rng: np.random.Generator) -> np.ndarray:
    """``wave`` by up to ``gain_db`` decibels fainter or louder; no number is drawn for None."""
    if gain_db is None:
        return wave
    louder: np.ndarray = wave * np.float32(10 ** (rng.uniform(-gain_db, gain_db) / 20))
    return louder
