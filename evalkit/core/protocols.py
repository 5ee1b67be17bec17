"""What a plug-in is called with, and all of it: structural types that nothing inherits.

Plug-ins are dataclasses, their parameters are the fields, so that a misspelt option is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from evalkit.core.types import Audio, Fact, Hypothesis, Measurement, Output, Utterance

if TYPE_CHECKING:
    import numpy as np


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
