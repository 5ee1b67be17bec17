"""The convolutional front end of ConvRNN-T (Radfar et al. 2022, arXiv:2209.14868).

A *local* encoder of causal convolutions hears the last steps, a *global* one of dilated causal
convolutions, each weighed by the mean of all that was heard so far (squeeze and excitation, Hu et
al. 2018, made causal), hears all steps. What both made goes into the recurrent layers.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evalkit.models.transducer.causal import CausalConv, Memory, Stack

GLOBAL_LAYERS = 3
SQUEEZED = 8
"""By how much squeeze and excitation is narrower than what it weighs."""


class ConvolutionalFront(nn.Module):
    """(n, steps, channels) to the same shape."""

    def __init__(self, channels: int, kernel: int, layers: int) -> None:
        super().__init__()
        half = channels // 2
        self.local = Stack([_Separable(channels, kernel, 1) for _ in range(layers)])
        self.whole = Stack([_Weighed(channels, kernel, 2 ** n) for n in range(GLOBAL_LAYERS)])
        self.from_local = nn.Linear(channels, half)
        self.from_whole = nn.Linear(channels, channels - half)

    def begin(self, n: int) -> Memory:
        """What was heard before the beginning of ``n`` utterances."""
        return self.local.begin(n), self.whole.begin(n)

    def forward(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        """What both encoders made, and what is kept for the next steps."""
        local, heard_locally = self.local(x, memory[0])
        whole, heard_wholly = self.whole(x, memory[1])
        both = torch.cat([self.from_local(local), self.from_whole(whole)], -1)
        return both, (heard_locally, heard_wholly)


class _Separable(nn.Module):
    """A convolution of each channel, and then of each step, beside what came in."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.over_time = CausalConv(channels, channels, kernel, dilation=dilation, groups=channels)
        self.over_channels = nn.Linear(channels, channels)
        self.normalise = nn.LayerNorm(channels)

    def begin(self, n: int) -> Memory:
        return (self.over_time.begin(n),)

    def forward(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        made, past = self.over_time(x, memory[0])
        return x + nn.functional.gelu(self.normalise(self.over_channels(made))), (past,)


class _Weighed(nn.Module):
    """A separable convolution whose channels are weighed by the mean of all steps so far."""

    def __init__(self, channels: int, kernel: int, dilation: int) -> None:
        super().__init__()
        self.convolution = _Separable(channels, kernel, dilation)
        narrow = channels // SQUEEZED
        self.weigh = nn.Sequential(nn.Linear(channels, narrow), nn.GELU(),
                                   nn.Linear(narrow, channels), nn.Sigmoid())

    def begin(self, n: int) -> Memory:
        """Beside the convolution's past, the sum of all steps and how many they were."""
        past = self.convolution.begin(n)
        return past, past[0].new_zeros(n, 1, past[0].shape[2]), 0

    def forward(self, x: Tensor, memory: Memory) -> tuple[Tensor, Memory]:
        past, total, count = memory
        made, past = self.convolution(x, past)
        sums = total + made.cumsum(1)
        steps = torch.arange(1, made.shape[1] + 1, device=made.device) + count
        means = sums / steps[:, None]
        return made * self.weigh(means), (past, sums[:, -1:], count + made.shape[1])
