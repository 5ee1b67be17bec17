"""Arms of both tasks of mitigation."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import torch

from evalkit.mitigation.arms.protocols import AdaptationData
from evalkit.training.fine_tuning import Phase
from evalkit.training.trainable import Trainable
from evalkit.training.weightings import GroupBalancedWeights, Weighting


@dataclass(frozen=True)
class GeneralLast:
    """Fine-tuning on the target cohorts, and on general speech for the last steps. A strength is
    their share."""

    strengths: tuple[float, ...] = (0.5,)

    def phases(self, data: AdaptationData, model: Trainable, strength: float) -> Iterator[Phase]:
        yield Phase(data.target, share=1 - strength)
        yield Phase(data.general, share=strength)


@dataclass(frozen=True)
class FirstLetter:
    """Groups whose names begin with one letter weigh the same."""

    uses_groups = True

    def weighting(self, groups: Sequence[str], dimension: int, *, seed: int,
                  device: torch.device) -> Weighting:
        return GroupBalancedWeights([group[:1] for group in groups])
