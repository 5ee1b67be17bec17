"""Arms of mitigation experiments, one of each task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from evalkit.mitigation.arms.protocols import AdaptationData
from evalkit.training.fine_tuning import Phase
from evalkit.training.weightings import EvenWeights, Weighting


@dataclass(frozen=True)
class Rehearse:
    """General speech first, then the targets. A strength is the share of the steps for the
    former."""

    strengths: tuple[float, ...] = (0.5,)

    def phases(self, data: AdaptationData, model: object, strength: float) -> Iterator[Phase]:
        yield Phase(data.general, share=strength)
        yield Phase(data.target, share=1 - strength)


class Steeper(EvenWeights):
    """The first half of the training utterances counts ``factor`` times as much."""

    def __init__(self, count: int, factor: float) -> None:
        self.half, self.factor = count // 2, factor

    def samples(self, rows: torch.Tensor, embeddings: torch.Tensor) -> torch.Tensor:
        return torch.where(rows < self.half, self.factor, 1.0).to(embeddings.device)


@dataclass(frozen=True)
class FirstHalf:
    """The first half of the training utterances counts ``factor`` times as much."""

    factor: float = 2.0

    uses_groups = True
    is_baseline = False

    def weighting(self, groups: Sequence[str], dimension: int, *, seed: int,
                  device: torch.device) -> Weighting:
        return Steeper(len(groups), self.factor)
