"""Weights made smaller after training: rounded to a few bits, the smallest of them zero; and how
many bytes they then take."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from numbers import Integral
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor, nn

from evalkit.core.errors import ConfigError

Scales = Literal["row", "tensor"]
"""Whether each row of a matrix (each output) has a step of its own, or all have one."""
Block = tuple[int, int]
"""Rows and columns."""
WHOLE = 32
"""Bits of a weight that is not rounded, and of a step."""


@torch.no_grad()
def compress(module: nn.Module, bits: int = WHOLE, zeros: float = 0.0, scales: Scales = "tensor"
             ) -> None:
    """Changes the matrices and kernels of ``module`` in place; vectors, biases among them, stay as
    they are. First the share ``zeros`` of all of them becomes 0 (``largest``), then the others are
    rounded. Raises ConfigError, and changes nothing, where one holds numbers that are not
    finite, or an option is out of range: whole ``bits`` from 2 to 32, ``zeros`` from 0 to
    below 1."""
    _check(bits, scales, zeros)
    named = {name: weight for name, weight in module.named_parameters()
             if weight.dim() > 1 and weight.numel()}
    _check_finite(named)
    weights = list(named.values())
    for weight, mask in zip(weights, largest(weights, zeros), strict=True):
        weight.copy_(rounded(weight * mask, bits, scales))


def largest(weights: Sequence[Tensor], zeros: float, block: Block = (1, 1)) -> list[Tensor]:
    """Masks, of the shapes of ``weights``, of the numbers that stay where a share ``zeros``, from 0
    to below 1, of all of them becomes 0 (as many as that is, rounded down); or of all blocks of
    (rows, columns), where those at the borders may be smaller. A kernel (rows, ...) counts as a
    matrix of as many rows.

    Those become 0 whose square is the smallest share of the sum of it and of all larger squares of
    the same matrix (Lee et al. 2021, arXiv:2010.07611, equation 3), so that small matrices keep
    more of theirs; a block's number is its mean magnitude. Raises ConfigError for numbers that are
    not finite, a share out of range, or a block that is no two whole numbers from 1."""
    _check(zeros=zeros, block=block)
    if not weights:
        return []
    _check_finite({f"number {i} of {len(weights)} matrices": weight
                   for i, weight in enumerate(weights, 1)})
    blocks = [_blocked(_scaled(weight), block) for weight in weights]
    shares = torch.cat([_share_of_larger(means) for means, _ in blocks])
    stay = torch.ones_like(shares, dtype=torch.bool)
    # .29 x 100 is below 29 as computers multiply.
    stay[shares.argsort(stable=True)[:math.floor(zeros * len(shares) + 1e-6)]] = False
    each = stay.split([len(means) for means, _ in blocks])
    return [of_blocks[number].view(weight.shape)
            for weight, of_blocks, (_, number) in zip(weights, each, blocks, strict=True)]


def _check(bits: int = WHOLE, scales: Scales = "tensor", zeros: float = 0.0,
           block: Block = (1, 1)) -> None:
    if not (isinstance(bits, Integral) and 2 <= bits <= WHOLE):
        raise ConfigError(f"bits {bits}: must be a whole number from 2 to {WHOLE}")
    if scales not in get_args(Scales):
        raise ConfigError(f"scales {scales!r}: must be row or tensor")
    if not 0 <= zeros < 1:
        raise ConfigError(f"zeros {zeros}: must be a share from 0 to below 1")
    if len(block) != 2 or not all(isinstance(size, Integral) and size >= 1 for size in block):
        raise ConfigError(f"block {block}: must be whole numbers of rows and columns, from 1")


def _check_finite(named: Mapping[str, Tensor]) -> None:
    for name, weight in named.items():
        if not torch.isfinite(weight).all():
            raise ConfigError(f"the weights {name} ({' x '.join(map(str, weight.shape))}) hold "
                              "numbers that are not finite; train or write them anew")


def _scaled(weight: Tensor) -> Tensor:
    """``weight`` by the power of two that brings its largest magnitude between 1/2 and 1: no square
    overflows, those that underflow are too small to count, and no share changes, to the bit. In
    float32 at least, since sums in half precision lose what is small beside them."""
    exponent = math.frexp(float(weight.detach().abs().max()))[1]
    # A power of two of float64, since float32 has none that makes its smallest numbers 1.
    return (weight.double() * 2.0 ** -max(exponent, -1000)).to(
        torch.promote_types(weight.dtype, torch.float32))


def _share_of_larger(means: Tensor) -> Tensor:
    """Of each number, its square by the sum of it and of all larger squares."""
    ordered, order = means.square().sort(stable=True)
    sums = ordered.flip(0).cumsum(0).flip(0)
    return torch.empty_like(means).scatter_(0, order, ordered / torch.where(sums > 0, sums, 1))


def _blocked(weight: Tensor, block: Block) -> tuple[Tensor, Tensor]:
    """The mean magnitude of every block, and of every number the block in which it lies."""
    matrix = weight.flatten(1) if weight.dim() > 1 else weight[None]
    rows, columns = (torch.arange(n, device=weight.device) // size for n, size in zip(
        matrix.shape, block, strict=True))
    number = (rows[:, None] * (int(columns[-1]) + 1) + columns).flatten()
    counts = number.bincount()
    sums = torch.zeros(len(counts), dtype=weight.dtype, device=weight.device)
    return sums.index_add(0, number, matrix.abs().flatten()) / counts, number


def rounded(weight: Tensor, bits: int, scales: Scales = "tensor") -> Tensor:
    """``weight`` (rows, ...) at the nearest of 2^bits - 1 values with even steps around 0, the last
    of which on either side is the largest magnitude of the row or of all; unchanged at 32 bits.
    Half precision is rounded in float32. Raises ConfigError for whole ``bits`` not from 2 to 32, or
    other ``scales``."""
    _check(bits, scales)
    if bits >= WHOLE:
        return weight
    step = steps_of(weight, bits, scales)
    return torch.where(step > 0, torch.round(weight / torch.where(step > 0, step, 1)) * step,
                       weight).to(weight.dtype)


def steps_of(weight: Tensor, bits: int, scales: Scales = "tensor") -> Tensor:
    """The steps of ``rounded``, in a shape that broadcasts to that of ``weight``, in
    float32 at least. Raises ConfigError as ``rounded`` does."""
    _check(bits, scales)
    weight = weight.to(torch.promote_types(weight.dtype, torch.float32))
    axes = tuple(range(1 if scales == "row" else 0, weight.dim()))
    return weight.abs().amax(axes, keepdim=True) / (2 ** (bits - 1) - 1)


def coded_bytes(state: Mapping[str, Any], bits: int = WHOLE, scales: Scales = "tensor",
                block: Block = (1, 1)) -> int:
    """Bytes that the tensors or arrays of ``state`` take, each coded by itself, the shorter way:
    every number with ``bits``; or a bit for each, or for each ``block`` of (rows, columns), that
    says whether it is 0, and ``bits`` for those numbers that are not, or lie in such a block. Below
    32 bits steps take 32 bits each; what has one axis or none takes 32 a number. An entropy code
    could be shorter; no library is assumed that has one. Tensors may be of any type, sparse and
    quantised ones too. Raises ConfigError where ``bits``, ``scales`` or ``block`` is out of range,
    and for what is neither tensor nor array."""
    _check(bits, scales, block=block)
    for name, each in state.items():
        if not isinstance(each, Tensor | np.ndarray | np.generic):
            raise ConfigError(f"{name}: expected a tensor or an array, not "
                              f"{type(each).__name__}; leave it out")
    return sum(_bytes(each, bits, scales, block) for each in state.values())


def _bytes(weight: Any, bits: int, scales: Scales, block: Block) -> int:
    size = math.prod(weight.shape)
    blocks, others = _coded(weight, block)
    matrix = len(weight.shape) > 1
    each = bits if matrix else WHOLE
    steps = (weight.shape[0] if scales == "row" else 1) if matrix and bits < WHOLE else 0
    return math.ceil((min(size * each, blocks + others * each) + steps * WHOLE) / 8)


def _coded(weight: Any, block: Block) -> tuple[int, int]:
    """How many blocks there are, and how many numbers lie in those that are not 0 throughout."""
    matrix = _filled(weight) if isinstance(weight, Tensor) else np.asarray(weight) != 0
    matrix = matrix.reshape(len(matrix), -1) if matrix.ndim > 1 else matrix.reshape(1, -1)
    starts = [np.arange(0, n, size) for n, size in zip(matrix.shape, block, strict=True)]
    occupied = np.logical_or.reduceat(np.logical_or.reduceat(matrix, starts[0]), starts[1], axis=1)
    rows, columns = (np.diff(first, append=n) for first, n in zip(
        starts, matrix.shape, strict=True))
    return occupied.size, int(np.outer(rows, columns)[occupied].sum())


def _filled(weight: Tensor) -> np.ndarray:
    """Where a tensor is not 0."""
    weight = weight.detach().cpu()
    whole = weight.dequantize() if weight.is_quantized else weight.to_dense()
    short = whole.is_floating_point() and whole.element_size() < 2
    filled: np.ndarray = ((whole.float() if short else whole) != 0).numpy()  # float8 has no !=
    return filled
