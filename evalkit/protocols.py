"""What the parts of evalkit hand to one another.

Structural typing: a plug-in has these attributes and methods and inherits nothing.
Plug-ins are dataclasses, their parameters are the fields, so that a misspelt option
is an error.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

if TYPE_CHECKING:
    import numpy as np
    from pandas import DataFrame


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


class Corpus(Protocol):
    def utterances(self) -> Iterator[Utterance]: ...


class Identified(Protocol):
    @property
    def identity(self) -> str:
        """Names the model or program exactly: package version, and a hash of weights."""
        ...


class Enhancer(Identified, Protocol):
    rate: int | None
    """Sampling rate in Hz that the enhancer wants, None for any."""
    delay: float
    """Stated algorithmic delay in seconds; the runner aligns its output."""

    def enhance(self, speech: Audio) -> Audio:
        """At ``speech``'s rate, about ``delay`` late, and longer by no more than that."""
        ...


class Recognizer(Identified, Protocol):
    rate: int | None

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]: ...


class SpeakerEncoder(Identified, Protocol):
    rate: int | None

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        """(len(batch), dimension), rows of unit length."""
        ...


class Recalled(Identified, Protocol):
    """A recognizer or encoder whose results were made elsewhere; it needs no audio.

    ``recall`` gives one result an utterance: a Hypothesis, or a unit vector of shape
    (dimension,). It raises UtteranceError where there is none.
    """

    def recall(self, utterance: Utterance) -> Any: ...


class Metric(Protocol):
    name: str
    version: str
    """Changes whenever the numbers could; part of a shard's key."""
    needs: frozenset[str]
    """Of {"audio", "reference_audio", "text", "hypothesis"}."""
    facts: Mapping[str, Fact]
    """Every name that ``measure`` returns, sub-counts included."""

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        """Raises UtteranceError where the utterance cannot be measured."""
        ...


class Condition(Protocol):
    def apply(self, speech: Audio, utterance: Utterance) -> Audio:
        """What the microphone hears when ``speech`` is spoken under this condition."""
        ...


class CohortFinder(Protocol):
    def find(self, utterances: DataFrame, scores: DataFrame) -> Any: ...


class Mitigation(Protocol):
    def fit(self, pipeline: Any, train: Corpus, cohorts: Any) -> Any: ...
