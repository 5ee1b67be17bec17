"""Training of a speaker encoder with weights on samples or pairs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

import torch
from pydantic import Field

from evalkit.training.weightings import (
    AdversarialWeights,
    Adversary,
    EvenWeights,
    GroupBalancedWeights,
    GroupDroWeights,
    Variant,
    Weighting,
)


@dataclass(frozen=True)
class Even:
    """All weights are 1."""

    uses_groups = False
    is_baseline = True

    def weighting(self, groups: Sequence[str], dimension: int, *, seed: int,
                  device: torch.device) -> Weighting:
        return EvenWeights()


@dataclass(frozen=True)
class GroupBalanced:
    """Every group has the same total weight."""

    uses_groups = True
    is_baseline = False

    def weighting(self, groups: Sequence[str], dimension: int, *, seed: int,
                  device: torch.device) -> Weighting:
        return GroupBalancedWeights(groups)


@dataclass(frozen=True)
class GroupDro:
    """A group's weight grows with the exponential of ``rate`` times its loss (Sagawa et al. 2020,
    arXiv:1911.08731)."""

    rate: Annotated[float, Field(gt=0)] = 0.1

    uses_groups = True
    is_baseline = False

    def weighting(self, groups: Sequence[str], dimension: int, *, seed: int,
                  device: torch.device) -> Weighting:
        return GroupDroWeights(groups, self.rate)


@dataclass(frozen=True)
class AdversarialPairs(Adversary):
    """Adversarial reweighting (Jin et al. 2022, arXiv:2207.07776): a pair has the sum of its
    samples' weights; the adversary sees embedding and region."""

    variant: ClassVar[Variant] = "pw"
    uses_groups = False
    is_baseline = False

    def weighting(self, groups: Sequence[str], dimension: int, *, seed: int,
                  device: torch.device) -> Weighting:
        return AdversarialWeights(self.variant, dimension, self, seed=seed, device=device)


@dataclass(frozen=True)
class AdversarialQueries(AdversarialPairs):
    """The losses of a query accumulate over its pairs and are weighted together; the adversary
    sees the embedding."""

    variant: ClassVar[Variant] = "aps"


@dataclass(frozen=True)
class AdversarialRegions(AdversarialPairs):
    """As AdversarialQueries, but the adversary sees only the region, a pseudo-label."""

    variant: ClassVar[Variant] = "pl"
