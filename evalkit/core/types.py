"""What the parts of evalkit hand to one another."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np


@dataclass(frozen=True)
class Utterance:
    """One line of a manifest. ``offset`` and ``duration`` are in seconds of ``audio``."""

    id: str
    audio: Path | None = None
    speaker: str | None = None
    text: str | None = None
    reference_audio: Path | None = None
    offset: float = 0.0
    duration: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Audio:
    """One channel: ``samples`` is float32 of shape (n,), full scale is ±1; ``rate`` in Hz."""

    samples: np.ndarray
    rate: int

    @property
    def duration(self) -> float:
        """Length in seconds."""
        return len(self.samples) / self.rate


@dataclass(frozen=True)
class Recording:
    """An utterance that a model is taught with: its text, and its waveform at the sampling rate
    of the model, float32 of shape (n,)."""

    utterance: Utterance
    text: str
    wave: np.ndarray


@dataclass(frozen=True)
class Hypothesis:
    """What a recognizer heard."""

    text: str


@dataclass(frozen=True)
class Measurement:
    """An additive score: any group's value is ``sum(amount) / sum(weight)``."""

    amount: float
    weight: float = 1.0


@dataclass(frozen=True)
class Output:
    """What a pipeline made of one utterance, as a metric sees it.

    ``audio`` is the enhancer's output, aligned to the input and of its length (the input
    itself where there is no enhancer). ``reference_audio`` is the clean recording.
    """

    audio: Audio | None = None
    reference_audio: Audio | None = None
    hypothesis: Hypothesis | None = None


@dataclass(frozen=True)
class Fact:
    """What a measured name means. ``unit`` is shown beside values; ``definition`` says which
    formula or standard is followed. ``higher_is_better`` is None where neither is better.
    ``decimals`` is how many are meaningful."""

    unit: str
    higher_is_better: bool | None
    definition: str
    decimals: int = 2
