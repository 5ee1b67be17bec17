"""What a network of torch takes: its weights, and its multiply-accumulates.

Those are what torch's own counter finds of matrix products and convolutions, of which it counts
two operations for each; what works number by number is not counted. A layer that is one
operator of a library, recurrent or of attention, would not be seen by it: such libraries are
switched off, and torch's own attention on a processor is counted here.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import numpy as np
import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from evalkit.core.types import Audio, Cost
from evalkit.models.tensors import without_mkldnn


def second(rate: int) -> Audio:
    """What recognizers and encoders are given: a second of silence at ``rate`` Hz."""
    return Audio(np.zeros(rate, np.float32), rate)


def cost_of(module: nn.Module, run: Callable[[], Any], size: int, *, seconds: float = 1.0,
            writes: bool = False) -> Cost:
    """Of ``module``, whose files have ``size`` bytes and which ``run`` gives so many ``seconds`` of
    audio. Of one that ``writes`` token by token, ``run`` is of the encoder alone: what a decoder
    takes depends on the text."""
    weights = sum(weight.numel() for weight in module.parameters())
    counter = FlopCounterMode(display=False, custom_mapping={
        torch.ops.aten._scaled_dot_product_flash_attention_for_cpu: _attention})
    with _operator_by_operator(), _not_learning(module), counter:
        run()
    return Cost(weights, size, counter.get_total_flops() / 2 / seconds,
                f"of its encoder alone, on {seconds:g} s" if writes else "")


def _attention(query: torch.Size, key: torch.Size, value: torch.Size, *_others: Any,
               **_options: Any) -> int:
    """Floating point operations of attention, of tensors (n, heads, frames, width): those of its
    two products of matrices."""
    n, heads, frames, width = query
    return 2 * n * heads * frames * key[2] * (width + value[3])


@contextmanager
def _not_learning(module: nn.Module) -> Iterator[None]:
    """The counter would else look for gradients, which weights that are made of others have not
    where nothing is to be learnt."""
    weights = list(module.parameters())
    before = [weight.requires_grad for weight in weights]
    _learn(weights, [False] * len(weights))
    try:
        yield
    finally:
        _learn(weights, before)


def _learn(weights: Sequence[nn.Parameter], learning: Sequence[bool]) -> None:
    with torch.inference_mode():  # those of a module that was loaded in it change only there
        for weight, learns in zip(weights, learning, strict=True):
            weight.requires_grad_(learns)


@contextmanager
def _operator_by_operator() -> Iterator[None]:
    """torch computes a layer by the operators that it is made of."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with without_mkldnn(), torch.backends.cudnn.flags(enabled=False):
            yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)
