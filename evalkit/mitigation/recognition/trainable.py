"""Models that can be taught further, behind one small protocol."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Protocol

import torch
from torch import Tensor, nn

from evalkit.core.config import Strict
from evalkit.core.errors import ConfigError
from evalkit.core.types import Recording
from evalkit.models.ctc.network import WEIGHTS, CtcRecognizer
from evalkit.models.tensors import device_of, padded


class Trainable(Protocol):
    """A recognizer and what is needed to teach it.

    ``module`` holds the parameters; the names of those of the output layer begin with one of
    ``output``, the others are the encoder."""

    @property
    def module(self) -> nn.Module: ...

    @property
    def output(self) -> tuple[str, ...]: ...

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        """Negative log-likelihood in nats of each text given its waveform, (len(batch),)."""
        ...

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        """Log-posteriors (len(batch), frames, labels), and how many frames are valid."""
        ...

    def transcribe(self, heard: Sequence[Recording]) -> list[str]:
        """One hypothesis each, in evaluation mode."""
        ...

    def save(self, path: Path) -> None:
        """Writes the weights as safetensors."""
        ...


class ModelConfig(Strict):
    """``kind`` is one of KINDS; ``path`` a file of weights, or a folder for models that have
    one. Without it the shipped reference recognizer is the start."""

    kind: str = "reference"
    path: Path | None = None


class CohortInput(nn.Module):
    """A learned vector a cohort, projected and added to what a layer puts out (Dheram et al.
    2022, arXiv 2207.11345). For a convolution that is the same as further input channels that
    are constant in time. The projection starts at 0, so that at first nothing changes.

    ``cohort_of`` numbers the cohort of every utterance id."""

    def __init__(self, cohort_of: Mapping[str, int], dimension: int, width: int) -> None:
        super().__init__()
        self.cohort_of = cohort_of
        self.vectors = nn.Embedding(max(cohort_of.values()) + 1, dimension)
        self.projection = nn.Linear(dimension, width, bias=False)
        nn.init.zeros_(self.projection.weight)
        self.heard = torch.zeros(0, dtype=torch.long)

    def announce(self, batch: Sequence[Recording]) -> None:
        """Says who speaks in the next batch."""
        self.heard = torch.tensor([self.cohort_of[r.utterance.id] for r in batch])

    def forward(self, _layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        """A forward hook of a layer with ``output`` (n, frames, width)."""
        moved: Tensor = output + self.projection(self.vectors(self.heard))[:, None]
        return moved


@dataclass
class Reference:
    """The reference recognizer of evalkit.models."""

    module: CtcRecognizer
    cohort_input: CohortInput | None = None

    output: ClassVar[tuple[str, ...]] = ("output.",)

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        self._announce(batch)
        return self.module.loss([r.wave for r in batch], [r.text for r in batch])

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        self._announce(batch)
        found: tuple[Tensor, Tensor] = self.module(
            *padded([r.wave for r in batch], device_of(self.module)))
        return found

    def transcribe(self, heard: Sequence[Recording]) -> list[str]:
        self.module.eval()
        texts = []
        for recording in heard:
            self._announce([recording])
            texts += self.module.transcribe([recording.wave])
        return texts

    def save(self, path: Path) -> None:
        """A file that `reference` reads as a pipeline's recognizer; with a cohort input, which
        a pipeline has no cohorts for, it is refused there."""
        self.module.save(path)

    def add_cohort_input(self, cohort_of: Mapping[str, int], dimension: int) -> None:
        """Gives the first convolution a cohort input."""
        layer = self.module.convolutions[0].get_submodule("0")
        self.cohort_input = CohortInput(cohort_of, dimension, self.module.config.channels)
        self.module.cohort_input = self.cohort_input
        layer.register_forward_hook(self.cohort_input)

    def _announce(self, batch: Sequence[Recording]) -> None:
        if self.cohort_input is not None:
            self.cohort_input.announce(batch)


def parameters(model: Trainable) -> dict[str, nn.Parameter]:
    """The parameters that training changes, by name."""
    return {name: p for name, p in model.module.named_parameters() if p.requires_grad}


def load_trainable(config: ModelConfig) -> Trainable:
    """The model of ``config``, in evaluation mode, on the default device of torch. Raises
    ConfigError where there is none of that kind or it cannot be loaded."""
    if config.kind not in KINDS:
        raise ConfigError(f"model: no kind {config.kind!r}; there are {', '.join(KINDS)}")
    model = KINDS[config.kind](config.path)
    model.module.to(torch.get_default_device())
    return model


def _reference(path: Path | None) -> Trainable:
    return Reference(CtcRecognizer.load(path or WEIGHTS))


def _speechbrain(path: Path | None) -> Trainable:
    from evalkit.mitigation.recognition.adapters import load_speechbrain

    return load_speechbrain(path)


def _transformers(path: Path | None) -> Trainable:
    from evalkit.mitigation.recognition.adapters import load_transformers

    return load_transformers(path)


KINDS: Mapping[str, Callable[[Path | None], Trainable]] = {
    "reference": _reference, "speechbrain": _speechbrain, "transformers": _transformers}
