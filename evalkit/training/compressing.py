"""Weights made smaller while they are trained: of few bits, and many of them zero.

Compressing acts through the loss and the optimiser alone, so that any training of any module can
be given it.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any, TypeVar

import torch
from pydantic import Field, model_validator
from torch import Tensor, nn
from torch.optim import Optimizer

from evalkit.core.strict import Strict
from evalkit.models.compression import (
    WHOLE,
    Block,
    Scales,
    compress,
    largest,
    rounded,
    steps_of,
)

Batch = TypeVar("Batch")


class Smaller(Strict):
    """What becomes of the matrices and kernels of a module; vectors stay as they are.

    At the end they are rounded to ``bits``, with one step a tensor or one a row (``scales``). Until
    then ``straight`` computes with rounded weights, and takes their gradient as that of the whole
    ones (the straight-through estimate of Bengio et al. 2013, arXiv:1308.3432); and ``cosine`` is
    the weight of a periodic penalty (``cosine_penalty``).

    A share of ``zeros`` is reached gradually (``cubic``) between the shares ``begin`` and ``end``
    of all updates, anew after ``every`` of them: of single numbers or of blocks of (rows, columns),
    shared out by evalkit.models.compression.largest. They then stay 0."""

    bits: int = Field(WHOLE, ge=2, le=WHOLE)
    scales: Scales = "tensor"
    straight: bool = False
    cosine: float = Field(0.0, ge=0, allow_inf_nan=False)
    zeros: float = Field(0.0, ge=0, lt=1)
    block: Block = (1, 1)
    begin: float = Field(0.0, ge=0, le=1)
    end: float = Field(0.6, ge=0, le=1)
    every: int = Field(10, gt=0)

    @model_validator(mode="after")
    def _in_order(self) -> Smaller:
        if self.begin > self.end:
            raise ValueError("begin and end must be shares of the updates, in this order")
        if min(self.block) < 1:
            raise ValueError("block must be a number of rows and one of columns, from 1")
        if self.bits == WHOLE and (self.straight or self.cosine):
            raise ValueError("straight and cosine need bits to round to")
        return self


class Compressing:
    """Makes the weights of ``module`` smaller in a training of so many ``updates``, of which
    ``done`` are over, by hooks of its ``optimiser``; ``loss`` is what is to be trained on."""

    def __init__(self, module: nn.Module, optimiser: Optimizer, config: Smaller, updates: int,
                 done: int = 0) -> None:
        self.module, self.config, self.updates, self.done = module, config, updates, done
        self.weights = [weight for weight in module.parameters() if weight.dim() > 1]
        self.masks = [weight != 0 for weight in self.weights]
        self.whole: list[Tensor] = []
        optimiser.register_step_pre_hook(self._restore)
        optimiser.register_step_post_hook(self._after)

    def loss(self, plain: Callable[[Batch], Tensor]) -> Callable[[Batch], Tensor]:
        """``plain``, of weights as they are to become, and the penalty. After each call there must
        be a step of the optimiser."""
        def shaped(batch: Batch) -> Tensor:
            penalty = self._penalty()
            self._round()
            return plain(batch) + penalty
        return shaped

    def finish(self) -> None:
        """Rounds the weights for good."""
        with torch.no_grad():
            self._mask()
        compress(self.module, self.config.bits, scales=self.config.scales)

    def _penalty(self) -> Tensor | float:
        c = self.config
        if not c.cosine:
            return 0.0
        return c.cosine * sum(cosine_penalty(each, c.bits, c.scales) for each in self.weights)

    @torch.no_grad()
    def _round(self) -> None:
        if self.config.straight:
            self.whole = [weight.clone() for weight in self.weights]
            for weight in self.weights:
                weight.copy_(rounded(weight, self.config.bits, self.config.scales))

    @torch.no_grad()
    def _restore(self, *_: Any) -> None:
        for weight, whole in zip(self.weights, self.whole, strict=bool(self.whole)):
            weight.copy_(whole)
        self.whole = []

    @torch.no_grad()
    def _after(self, *_: Any) -> None:
        c = self.config
        self.done += 1
        share = cubic(self.done / self.updates, c.zeros, c.begin, c.end)
        if share and (self.done % c.every == 0 or self.done == self.updates):
            self.masks = largest(self.weights, share, c.block)
        if c.zeros:
            self._mask()

    def _mask(self) -> None:
        if self.config.zeros:
            for weight, mask in zip(self.weights, self.masks, strict=True):
                weight.mul_(mask)


def cubic(progress: float, final: float, begin: float = 0.0, end: float = 1.0) -> float:
    """The share of zeros at ``progress`` (0 to 1): none until ``begin``, ``final`` from ``end`` on,
    and between them most of the way early (Zhu and Gupta 2017, arXiv:1710.01878, equation 1)."""
    if progress < begin:
        return 0.0
    passed = 1.0 if progress >= end else (progress - begin) / (end - begin)
    return final * (1 - (1 - passed) ** 3)


def cosine_penalty(weight: Tensor, bits: int, scales: Scales = "tensor") -> Tensor:
    """``Σ s/π |cos(π (w/s - 1/2))|`` of the weights w with steps s, those of
    evalkit.models.compression.rounded: 0 where all are rounded, and largest half-way between. Each
    weight's gradient lies between -1 and 1 and points away from the nearest rounded value. After
    the absolute-cosine regularisation of Nguyen et al. 2020 (Interspeech), which trains for few
    bits by way of the loss, and computes with whole weights."""
    step = steps_of(weight.detach(), bits, scales).clamp_min(1e-30)
    return (step / math.pi * torch.cos(math.pi * (weight / step - 0.5)).abs()).sum()
