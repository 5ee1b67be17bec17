"""Fine-tuning on the target cohorts alone, of all weights or of a part of the network."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.mitigation.adapted import AdaptedRecognizer
from evalkit.mitigation.arms.protocols import AdaptationData
from evalkit.training.fine_tuning import Phase


@dataclass(frozen=True)
class Plain:
    """Fine-tuning of all weights."""

    strengths = (0.0,)

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        yield Phase(data.target)


@dataclass(frozen=True)
class FreezeEncoder:
    """Fine-tuning of the output layer only."""

    strengths = (0.0,)

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        for name, weight in model.module.named_parameters():
            weight.requires_grad_(name.startswith(model.output))
        yield Phase(data.target)


@dataclass(frozen=True)
class FreezeOutput:
    """Fine-tuning of everything but the output layer."""

    strengths = (0.0,)

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        for name, weight in model.module.named_parameters():
            weight.requires_grad_(not name.startswith(model.output))
        yield Phase(data.target)
