"""Plug-ins of somebody else, found through entry points. They are quick and deterministic, and
can be told to fail as real models do."""

from __future__ import annotations

import os
import signal
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import ClassVar

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio, Fact, Hypothesis, Measurement, Output, Utterance

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
class HypothesisLength:
    name = "hypothesis_length"
    version = "1"
    needs = frozenset({"hypothesis"})
    text_options: ClassVar = frozenset()
    facts: ClassVar = {"hypothesis_length": Fact("words", None, "Words in the hypothesis")}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return {"hypothesis_length": Measurement(len(output.hypothesis.text.split()))}


@dataclass(frozen=True)
class SaidWords:
    """Words of the normalised text. It takes the run's normaliser, and has no costs."""

    normaliser: str = "none"

    name = "said_words"
    needs = frozenset({"text"})
    text_options: ClassVar = frozenset({"normaliser"})
    facts: ClassVar = {"said_words": Fact("words", None, "Words in the text")}

    @property
    def version(self) -> str:
        return f"1 {self.normaliser}"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        words = utterance.text.split() if self.normaliser == "none" else []
        return {"said_words": Measurement(len(words))}


@dataclass(frozen=True)
class Loudness:
    """A metric with a ``normaliser`` of its own, which has nothing to do with texts."""

    normaliser: float = 1.0

    name = "loudness"
    version = "1"
    needs = frozenset({"audio"})
    text_options: ClassVar = frozenset()
    facts: ClassVar = {"loudness": Fact("", None, "Largest sample times the normaliser")}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return {"loudness": Measurement(self.normaliser * float(output.audio.samples.max()))}


@dataclass(frozen=True)
class Forgetful:
    """A recognizer that does not say how many utterances it takes at a time."""

    rate = None
    identity = "forgetful"
    needs_audio = True

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        return [Hypothesis("") for _ in batch]


@dataclass(frozen=True)
class Quieter:
    """A condition: everything at a tenth of its level."""

    identity = "quieter"

    def bind(self, utterances: Sequence[Utterance]) -> Quieter:
        return self

    def apply(self, speech: Audio, utterance: Utterance) -> Audio:
        assert utterance.text is None and not utterance.metadata
        return Audio(0.1 * speech.samples, speech.rate)
