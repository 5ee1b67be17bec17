"""Recognizers that can be trained further."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from evalkit.core.config import Strict
from evalkit.core.errors import ConfigError
from evalkit.core.types import Recording
from evalkit.models.ctc.network import RATE, WEIGHTS, CtcRecognizer, encode
from evalkit.models.tensors import best_device, device_of, padded
from evalkit.training.trainable import Trainable


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
        self.vectors = nn.Embedding(max(cohort_of.values()) + 1, dimension, device="cpu")
        self.projection = nn.Linear(dimension, width, bias=False, device="cpu")
        nn.init.zeros_(self.projection.weight)
        self.cohorts = torch.zeros(0, dtype=torch.long, device="cpu")

    def announce(self, batch: Sequence[Recording]) -> None:
        """Sets the cohorts of the speakers of the next batch."""
        self.cohorts = torch.tensor([self.cohort_of[r.utterance.id] for r in batch],
                                    device=device_of(self))

    def forward(self, _layer: nn.Module, _inputs: Any, output: Tensor) -> Tensor:
        """A forward hook of a layer with ``output`` (n, frames, width)."""
        moved: Tensor = output + self.projection(self.vectors(self.cohorts))[:, None]
        return moved


@dataclass
class Reference:
    """The reference recognizer of evalkit.models."""

    module: CtcRecognizer
    cohort_input: CohortInput | None = None

    output: ClassVar[tuple[str, ...]] = ("output.",)
    rate: ClassVar[int] = RATE

    def spell(self, text: str) -> list[int]:
        return encode(text)

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
        self.cohort_input = CohortInput(
            cohort_of, dimension, self.module.config.channels).to(device_of(self.module))
        self.module.cohort_input = self.cohort_input
        layer.register_forward_hook(self.cohort_input)

    def _announce(self, batch: Sequence[Recording]) -> None:
        if self.cohort_input is not None:
            self.cohort_input.announce(batch)


def load_trainable(config: ModelConfig) -> Trainable:
    """The model of ``config``, in evaluation mode, on a graphics processor where there is one.
    Raises ConfigError where there is none of that kind or it cannot be loaded."""
    if config.kind not in KINDS:
        raise ConfigError(f"model: no kind {config.kind!r}; there are {', '.join(KINDS)}")
    model = KINDS[config.kind](config.path)
    model.module.to(best_device())
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
