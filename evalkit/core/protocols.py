"""What a plug-in is called with, and all of it: structural types that nothing inherits.

Plug-ins are dataclasses, their parameters are the fields, so that a misspelt option is an error.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, Protocol

from evalkit.core.types import Audio, Fact, Hypothesis, Measurement, Output, Recording, Utterance

if TYPE_CHECKING:
    from pathlib import Path

    import numpy as np
    from torch import Tensor, nn


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


class Trainable(Protocol):
    """The face of a system whose weights can be changed by training.

    A system that has it is named in the entry-point group ``trainable_recognizers`` or
    ``trainable_encoders`` as well as among the recognizers or encoders."""

    rate: int
    """Sampling rate in Hz of the waveforms that it is taught with."""

    @property
    def module(self) -> nn.Module:
        """The network, on torch's default device. It belongs to this object: training it changes
        what this object makes of speech, and no other. That of a speaker encoder maps waveforms
        (n, samples) to embeddings (n, 1, dimension) of any length."""
        ...


class TrainableRecognizer(Trainable, Recognizer, Protocol):
    """A recognizer with an output layer of labels, and a loss for a text."""

    rate: int

    @property
    def output(self) -> tuple[str, ...]:
        """Prefixes of the names of the output layer's parameters; all others are the encoder."""
        ...

    @property
    def further_input(self) -> tuple[str, int] | None:
        """Name and width of the submodule whose output (n, frames, width) a further input may be
        added to; None where the network has no such place."""
        ...

    def spell(self, text: str) -> Sequence[int]:
        """``text`` as labels of the model's own alphabet. Raises UtteranceError of kind BadText,
        naming the first character that the alphabet lacks."""
        ...

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        """Negative log-likelihood in nats of each text given its waveform, (len(batch),)."""
        ...

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        """Log-posteriors (len(batch), frames, labels), and how many frames are valid."""
        ...

    def save(self, path: Path) -> None:
        """Writes the weights as safetensors, in the form that its option ``weights`` reads."""
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
