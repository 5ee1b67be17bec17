"""A recognizer that is being adapted to the speakers of some cohorts."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from evalkit.core.errors import ConfigError
from evalkit.core.protocols import TrainableRecognizer
from evalkit.core.types import Audio, Recording
from evalkit.models.tensors import device_of


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
class AdaptedRecognizer:
    """``system`` and the cohort input that an arm may give it. Recordings are passed on to the
    system as they are; the cohort input is given their speakers' cohorts before."""

    system: TrainableRecognizer
    cohort_input: CohortInput | None = None

    @property
    def module(self) -> nn.Module:
        return self.system.module

    @property
    def output(self) -> tuple[str, ...]:
        return self.system.output

    def losses(self, batch: Sequence[Recording]) -> Tensor:
        self._announce(batch)
        return self.system.losses(batch)

    def posteriors(self, batch: Sequence[Recording]) -> tuple[Tensor, Tensor]:
        self._announce(batch)
        return self.system.posteriors(batch)

    def transcribe(self, recordings: Sequence[Recording]) -> list[str]:
        """One hypothesis each, decoded one at a time."""
        texts = []
        for recording in recordings:
            self._announce([recording])
            audio = Audio(recording.wave, self.system.rate)
            texts += [hypothesis.text for hypothesis in self.system.transcribe([audio])]
        return texts

    def add_cohort_input(self, cohort_of: Mapping[str, int], dimension: int) -> None:
        """Adds a cohort input where the network takes a further input. Raises ConfigError where
        it takes none."""
        if self.system.further_input is None:
            raise ConfigError("the model takes no further input; leave this arm out, or adapt a "
                              "model that does, such as the reference recognizer")
        layer, width = self.system.further_input
        self.cohort_input = CohortInput(cohort_of, dimension, width).to(device_of(self.module))
        self.module.get_submodule(layer).register_forward_hook(self.cohort_input)
        self.module.add_module("cohort_input", self.cohort_input)

    def _announce(self, batch: Sequence[Recording]) -> None:
        if self.cohort_input is not None:
            self.cohort_input.announce(batch)
