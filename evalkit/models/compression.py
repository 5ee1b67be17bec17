"""Weights made smaller after training: rounded to a few bits, the smallest of them zero; and how
many bytes they then take."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Literal

import torch
from torch import Tensor, nn

Scales = Literal["row", "tensor"]
"""Whether each row of a matrix (each output) has a step of its own, or all have one."""
WHOLE = 32
"""Bits of a weight that is not rounded, and of a step."""


@torch.no_grad()
def compress(module: nn.Module, bits: int = WHOLE, zeros: float = 0.0, scales: Scales = "tensor"
             ) -> None:
    """Changes the matrices and kernels of ``module`` in place; vectors, biases among them, stay as
    they are. First the smallest share ``zeros`` of each becomes 0, then the others are rounded."""
    for weight in module.parameters():
        if weight.dim() > 1:
            weight.copy_(rounded(without_smallest(weight, zeros), bits, scales))


def without_smallest(weight: Tensor, share: float) -> Tensor:
    """``weight`` with the ``share``, from 0 to 1, of its numbers 0 that are nearest to it (as many
    as that is, rounded down)."""
    n = int(share * weight.numel())
    kept = weight.clone()
    kept.view(-1)[weight.abs().flatten().argsort(stable=True)[:n]] = 0.0
    return kept


def rounded(weight: Tensor, bits: int, scales: Scales = "tensor") -> Tensor:
    """``weight`` (rows, ...) at the nearest of 2^bits - 1 values with even steps around 0, the last
    of which on either side is the largest magnitude of the row or of all; unchanged at 32 bits."""
    if bits >= WHOLE:
        return weight
    axes = tuple(range(1 if scales == "row" else 0, weight.dim()))
    largest = weight.abs().amax(axes, keepdim=True)
    step = largest / (2 ** (bits - 1) - 1)
    return torch.where(step > 0, torch.round(weight / step.clamp_min(1e-30)) * step, weight)


def coded_bytes(state: Mapping[str, Any], bits: int = WHOLE, scales: Scales = "tensor") -> int:
    """Bytes that the tensors or arrays of ``state`` take, each coded by itself, the shorter way:
    every number with ``bits``; or a bit each that says whether it is 0, and ``bits`` for those that
    are not. Below 32 bits steps take 32 bits each; what has one axis or none takes 32 a number. An
    entropy code could be shorter; no library is assumed that has one."""
    return sum(_bytes(each, bits, scales) for each in state.values())


def _bytes(weight: Any, bits: int, scales: Scales) -> int:
    size, others = math.prod(weight.shape), int((weight != 0).sum())
    matrix = len(weight.shape) > 1
    each = bits if matrix else WHOLE
    steps = (weight.shape[0] if scales == "row" else 1) if matrix and bits < WHOLE else 0
    return math.ceil((min(size * each, size + others * each) + steps * WHOLE) / 8)
