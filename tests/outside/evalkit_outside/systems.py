"""Systems that are quick and deterministic, and can be told to fail as real models do."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.lattices import ScoredLink, WordLattice
from evalkit.core.types import Audio, Cost, Hypothesis

CALLS = "EVALKIT_OUTSIDE_CALLS"
"""Environment variable that names a file, to which every call of a model adds a line."""


def note(system: str, batch: Sequence[Audio]) -> None:
    """Adds which system was called, and the lengths of the batch in samples."""
    if path := os.environ.get(CALLS):
        with Path(path).open("a") as file:
            print(system, *(len(audio.samples) for audio in batch), file=file)


@dataclass(frozen=True)
class Late:
    """An enhancer that gives back its input, late and at another level."""

    delay_ms: float = 10.0
    stated_ms: float = 10.0
    rate: int | None = None
    nan: bool = False
    gain: float = 0.5
    batch: int = 1
    cost = Cost(0, 0, 0.0)

    @property
    def delay(self) -> float:
        return self.stated_ms / 1000

    @property
    def identity(self) -> str:
        return repr(self)

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        note("late", batch)
        return [self._enhance(speech) for speech in batch]

    def _enhance(self, speech: Audio) -> Audio:
        shift = round(self.delay_ms / 1000 * speech.rate)
        late = np.float32(self.gain) * np.pad(speech.samples, (shift, 0))[:len(speech.samples)]
        return Audio(np.full_like(late, np.nan) if self.nan else late, speech.rate)

    def open(self, rate: int) -> Delay:
        note("late", [])
        return Delay(round(self.delay_ms / 1000 * rate), self.gain)


class Delay:
    """A stream that holds back what it is late by, and begins with nothing for it."""

    def __init__(self, delay: int, gain: float) -> None:
        self.delay, self.gain = delay, np.float32(gain)
        self.held = np.zeros(delay, np.float32)

    def push(self, samples: np.ndarray) -> np.ndarray:
        whole = np.concatenate([self.held, self.gain * samples])
        self.held = whole[len(samples):]
        return whole[:len(samples)]

    def finish(self) -> np.ndarray:
        return self.held


@dataclass(frozen=True)
class Level:
    """A recognizer that hears as many words as there are tenths of a second.

    ``raise_at``, ``die_at`` and ``kill_all_at`` are lengths in samples at which it raises, takes
    its process down, or takes down the whole run (once, leaving ``marker`` behind)."""

    rate: int | None = None
    raise_at: int = -1
    die_at: int = -1
    kill_all_at: int = -1
    marker: str = ""
    batch: int = 1

    needs_audio = True

    @property
    def identity(self) -> str:
        return f"level {self.rate}"

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        note("level", batch)
        return [self._hear(audio) for audio in batch]

    def _hear(self, audio: Audio) -> Hypothesis:
        length = len(audio.samples)
        if length == self.raise_at:
            raise RuntimeError("odd\nlength")
        if length == self.die_at:
            os._exit(11)
        if length == self.kill_all_at and not Path(self.marker).exists():
            Path(self.marker).touch()
            os.killpg(os.getpgrp(), signal.SIGKILL)
        return Hypothesis(" ".join(["on"] * int(10 * audio.duration)))

    def lattices(self, batch: Sequence[Audio]) -> list[WordLattice]:
        """In which the last word may be another."""
        words = [len(self._hear(audio).text.split()) for audio in batch]
        return [WordLattice(tuple(0.1 * k for k in range(n + 1)), (
            *(ScoredLink(k, k + 1, "on", -0.5) for k in range(n)),
            ScoredLink(n - 1, n, "off", -1.5, -0.25))) for n in words]


@dataclass(frozen=True)
class Bands:
    """A speaker encoder: energies in bands."""

    rate: int | None = 16_000
    identity: str = "bands"
    batch: int = 1

    needs_audio = True

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        note("bands", batch)
        return np.stack([self._one(audio.samples) for audio in batch])

    def _one(self, samples: np.ndarray) -> np.ndarray:
        if not samples.any():
            raise UtteranceError("NoSpeech", "silence")
        energy = np.abs(np.fft.rfft(samples, 4096))[:2048].reshape(32, 64).sum(1)
        return energy / np.linalg.norm(energy)


@dataclass(frozen=True)
class Crowded:
    """A recognizer that hears as Level does, and a word too many in an utterance that is shorter
    than the longest of its batch by more than ``padding`` seconds; asked as an encoder, it hears
    how many there are."""

    batch: int = 8
    padding: float = 10.0
    rate = 16_000

    needs_audio = True

    @property
    def identity(self) -> str:
        return f"crowded {self.padding}"

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        note("crowded", batch)
        longest = max(audio.duration for audio in batch)
        return [Hypothesis(" ".join(["on"] * int(10 * audio.duration) + ["off"] * int(
            longest - audio.duration > self.padding))) for audio in batch]

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        angle = 0.1 * (len(batch) > 1)
        return np.array([[np.cos(angle), np.sin(angle)]] * len(batch))


@dataclass(frozen=True)
class Forgetful:
    """A recognizer that does not say how many utterances it takes at a time."""

    rate = None
    identity = "forgetful"
    needs_audio = True

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        return [Hypothesis("") for _ in batch]
