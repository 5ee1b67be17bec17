"""Penalties that keep a model near where it started while it is trained on other data.

A penalty is called with the training batch and gives nats a character, to be added to the loss.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, field

import torch
from torch import Tensor

from evalkit.core.types import Recording
from evalkit.training.trainable import TrainedRecognizer

Penalty = Callable[[Sequence[Recording]], Tensor]


@dataclass(frozen=True)
class Quadratic:
    """``strength / 2 · Σ precision_i (θ_i - centre_i)²`` of the ``parameters`` θ.

    With the Fisher diagonal as precision it is elastic weight consolidation (Kirkpatrick et al.
    2017, equation 3; Trinh et al. 2022, arXiv 2207.07850); with ones, L2 towards the start
    (Li et al. 2018, arXiv 1802.01483, L2-SP)."""

    parameters: Mapping[str, Tensor]
    centre: Mapping[str, Tensor]
    precision: Mapping[str, Tensor]
    strength: float

    def __call__(self, batch: Sequence[Recording] = ()) -> Tensor:
        parts = [(self.precision[name] * (weight - self.centre[name]).square()).sum()
                 for name, weight in self.parameters.items()]
        return self.strength / 2 * torch.stack(parts).sum()


def anchored(parameters: Mapping[str, Tensor], strength: float,
             precision: Mapping[str, Tensor] | None = None) -> Quadratic:
    """The quadratic penalty around where ``parameters`` are now; L2 without ``precision``."""
    centre = {name: weight.detach().clone() for name, weight in parameters.items()}
    if precision is None:
        precision = {name: torch.ones_like(weight) for name, weight in centre.items()}
    return Quadratic(parameters, centre, precision, strength)


@dataclass
class OnlinePrecision:
    """One precision for all tasks so far, ``F* ← γ F* + F`` (Schwarz et al. 2018, arXiv
    1805.06370, section 3). It goes with the latest optimum as the only centre: a penalty a
    task, each around its own optimum, would count the early tasks again with every later one
    (Huszár 2018, arXiv 1712.03847)."""

    gamma: float = 1.0
    precision: dict[str, Tensor] = field(default_factory=dict)

    def add(self, fisher: Mapping[str, Tensor]) -> None:
        """Adds the Fisher diagonal of one more task."""
        self.precision = {name: self.gamma * self.precision.get(name, torch.zeros_like(part)) + part
                          for name, part in fisher.items()}


class KlToStart:
    """``strength`` times the Kullback-Leibler divergence from the start's posteriors to the
    current ones, in nats, averaged over the frames of a batch (Yu et al. 2013, ICASSP,
    equation 7). The start is in evaluation mode."""

    def __init__(self, model: TrainedRecognizer, strength: float) -> None:
        self.model, self.start, self.strength = model, deepcopy(model), strength
        self.start.module.eval().requires_grad_(False)

    def __call__(self, batch: Sequence[Recording]) -> Tensor:
        before, frames = self.start.posteriors(batch)
        now, _ = self.model.posteriors(batch)
        valid = torch.arange(before.shape[1], device=frames.device) < frames[:, None]
        divergence = (before.exp() * (before - now)).sum(-1)
        return self.strength * divergence[valid].mean()
