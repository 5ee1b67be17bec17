"""What the training of a recognizer needs of it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from torch import Tensor, nn

from evalkit.core.types import Recording


class TrainedRecognizer(Protocol):
    """A recognizer in training. ``module`` holds its parameters; inputs follow their device."""

    @property
    def module(self) -> nn.Module: ...

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        """Negative log-likelihood in nats of each text given its waveform, (len(batch),)."""
        ...

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        """Log-posteriors (len(batch), frames, labels), and how many frames are valid."""
        ...


def parameters(module: nn.Module) -> dict[str, nn.Parameter]:
    """The parameters that training changes, by name."""
    return {name: p for name, p in module.named_parameters() if p.requires_grad}


def loss_per_character(model: TrainedRecognizer, batch: Sequence[Recording]) -> Tensor:
    """The loss of a batch in nats a character."""
    return model.losses(batch).sum() / sum(len(r.text) for r in batch)
