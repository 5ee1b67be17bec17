"""Decisions of a network about what it computes, each made of what was heard so far and taught
together with everything else."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

NARROW = 16
"""Width of an arbitrator, a few percent of what it decides on."""
TEMPERATURE = 1.0
READY = 1.0
"""At first the log-odds of computing are about these: probability .73."""
_DRAWN = 4096


class Decider(nn.Module):
    """Decides step by step: 1 to compute, 0 not to.

    An arbitrator of two layers says the log-odds. In training mode logistic noise is added, and
    the gradient is that of the probability (straight-through Gumbel-softmax of two choices: Jang
    et al. 2017, arXiv:1611.01144; Maddison et al. 2017, arXiv:1611.00712); in evaluation mode it
    is 1 where the log-odds are above 0. With a ``share`` nothing is asked: so many of the
    decisions, drawn at random, are 1; in evaluation mode the same ones for every utterance, which
    ``seed`` tells from those of other deciders. ``ready`` are about the log-odds before any
    training."""

    drawn: Tensor

    def __init__(self, width: int, share: float | None = None, seed: int = 0,
                 ready: float = READY) -> None:
        super().__init__()
        self.share = share
        self.forced: bool | None = None
        odds = nn.Linear(NARROW, 1)
        nn.init.constant_(odds.bias, ready)
        self.arbitrator = nn.Sequential(nn.Linear(width, NARROW), nn.Tanh(), odds)
        draws = torch.rand(_DRAWN, generator=torch.Generator("cpu").manual_seed(seed), device="cpu")
        self.register_buffer("drawn", draws, persistent=False)

    def forward(self, x: Tensor, first: int) -> Tensor:
        """Of (n, steps, width), of which the first is step ``first`` of each utterance,
        (n, steps) of 0 and 1."""
        if self.share is not None:
            made = (self._random(x, first) < self.share).to(x.dtype)
        else:
            made = self._chosen(self.arbitrator(x)[..., 0])
        return made if self.forced is None else torch.full_like(made, float(self.forced))

    def _chosen(self, odds: Tensor) -> Tensor:
        if not self.training:
            return (odds > 0).to(odds.dtype)
        uniform = torch.rand_like(odds).clamp(1e-6, 1 - 1e-6)
        probable = torch.sigmoid((odds + torch.logit(uniform)) / TEMPERATURE)
        return (probable > 0.5).to(odds.dtype) + (probable - probable.detach())

    def _random(self, x: Tensor, first: int) -> Tensor:
        """Uniform from 0 to below 1, (n, steps)."""
        if self.training:
            return torch.rand(x.shape[:2], device=x.device)
        steps = torch.arange(first, first + x.shape[1], device=x.device) % _DRAWN
        return self.drawn[steps].expand(len(x), -1)


def decides(module: nn.Module) -> bool:
    """Whether what ``module`` computes depends on what it hears."""
    return any(each.share is None for each in _deciders(module))


@contextmanager
def forced(module: nn.Module, to_compute: bool) -> Iterator[None]:
    """In the block all deciders of ``module`` decide so, after their arbitrators were asked."""
    deciders = list(_deciders(module))
    try:
        for each in deciders:
            each.forced = to_compute
        yield
    finally:
        for each in deciders:
            each.forced = None


def _deciders(module: nn.Module) -> Iterator[Decider]:
    return (each for each in module.modules() if isinstance(each, Decider))
