"""Convolutions over time that hear no future, and stacks of them that go on where they were."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Protocol, cast

import torch
from torch import Tensor, nn

Memory = tuple[Any, ...]
"""What layers keep of the past: tensors, in tuples of tuples."""


def products(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    """As torch's ``linear`` of rows (n, width), but each a product by itself: on a processor the
    same to the bit as ``linear`` of it alone, whatever is beside it, for weights of 400 numbers or
    more. Those that were read for one row are still near for the next."""
    made = torch.bmm(x[:, None], weight.t().expand(len(x), -1, -1))[:, 0]
    return made if bias is None else made + bias


class CausalConv(nn.Module):
    """A convolution over time that hears ``past`` frames before those of each of its strides, which
    are zeros at the beginning, and none behind."""

    def __init__(self, width: int, channels: int, kernel: int, *, stride: int = 1,
                 dilation: int = 1, groups: int = 1) -> None:
        super().__init__()
        self.past = (kernel - 1) * dilation + 1 - stride
        self.convolution = nn.Conv1d(width, channels, kernel, stride, dilation=dilation,
                                     groups=groups)

    def begin(self, n: int) -> Tensor:
        """What was heard before the beginning of ``n`` utterances."""
        weight = self.convolution.weight
        return weight.new_zeros(n, self.past, self.convolution.in_channels)

    def forward(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """Of (n, frames, width) and the frames before them, (n, frames / stride, channels) and the
        frames before the next."""
        heard = torch.cat([past, x], 1)
        made = self.convolution(heard.transpose(1, 2)).transpose(1, 2)
        return made, heard[:, heard.shape[1] - self.past:]

    def heard(self, x: Tensor, past: Tensor) -> tuple[Tensor, Tensor]:
        """As ``forward``, neither dilated nor in groups, but for rounding: a product for each
        stride, which is the same to the bit however many there are."""
        layer, heard = self.convolution, torch.cat([past, x], 1)
        windows = heard.unfold(1, layer.kernel_size[0], layer.stride[0]).flatten(2)
        made = products(windows.flatten(0, 1), layer.weight.flatten(1), layer.bias)
        return made.unflatten(0, windows.shape[:2]), heard[:, heard.shape[1] - self.past:]


class Causal(Protocol):
    """A layer that keeps something of the past."""

    def begin(self, n: int) -> Memory: ...

    def __call__(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]: ...


class Stack(nn.Module):
    """Causal layers, one after the other."""

    def __init__(self, layers: Sequence[nn.Module]) -> None:
        super().__init__()
        self.layers = nn.ModuleList(layers)

    def begin(self, n: int) -> Memory:
        """What was heard before the beginning of ``n`` utterances."""
        return tuple(cast(Causal, layer).begin(n) for layer in self.layers)

    def forward(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """What the last layer makes of (n, steps, channels), and what is kept for the next."""
        kept = []
        for layer, past in zip(self.layers, memory, strict=True):
            x, new = layer(x, past)
            kept.append(new)
        return x, tuple(kept)
