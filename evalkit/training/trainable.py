"""A recognizer that can be trained: the protocol of its training face."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Protocol

from torch import Tensor, nn

from evalkit.core.types import Recording


class Trainable(Protocol):
    """A recognizer whose weights can be changed: any architecture, alphabet and sampling rate.

    ``module`` holds the parameters; the names of those of the output layer begin with one of
    ``output``, the others are the encoder. Inputs are moved to the device of the weights."""

    @property
    def module(self) -> nn.Module: ...

    @property
    def output(self) -> tuple[str, ...]: ...

    @property
    def rate(self) -> int:
        """Sampling rate in Hz of the waveforms it takes."""
        ...

    def spell(self, text: str) -> Sequence[int]:
        """The labels of ``text``. Raises UtteranceError of kind BadText where the alphabet of
        the model cannot spell it."""
        ...

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        """Negative log-likelihood in nats of each text given its waveform, (len(batch),)."""
        ...

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        """Log-posteriors (len(batch), frames, labels), and how many frames are valid."""
        ...

    def transcribe(self, recordings: Sequence[Recording]) -> list[str]:
        """One hypothesis each, in evaluation mode."""
        ...

    def save(self, path: Path) -> None:
        """Writes the weights as safetensors."""
        ...


def parameters(model: Trainable) -> dict[str, nn.Parameter]:
    """The parameters that training changes, by name."""
    return {name: p for name, p in model.module.named_parameters() if p.requires_grad}


def loss_per_character(model: Trainable, batch: Sequence[Recording]) -> Tensor:
    """The loss of a batch in nats a character."""
    return model.losses(batch).sum() / sum(len(r.text) for r in batch)
