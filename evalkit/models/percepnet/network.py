"""The network of PercepNet: what it hears of a frame to how much of each band is kept.

Convolutions over time, gated recurrent units and two outputs for each band, a gain and the
strength of the comb filter (Valin et al. 2020, arXiv:2008.04259). Every layer looks back only;
the look-ahead is in the features. Between layers, values lie in known bounds (rectifiers stop at
CEILING, as in Howard et al. 2017, arXiv:1704.04861, all else is a tanh or a sigmoid), so that
integers can stand for them without looking at data, and a frame gives the same result alone and
among others (see ``graph``).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from pydantic import Field
from torch import Tensor, nn

from evalkit.core.strict import Strict
from evalkit.models.percepnet.bands import BANDS
from evalkit.models.percepnet.features import FEATURES

CEILING = 6.0
"""Where rectifiers stop."""
KERNELS = (5, 3)
"""Frames that the two convolutions see."""


class Sizes(Strict):
    """Widths of the layers; the defaults are those of the article, about 8 million weights."""

    dense: int = Field(128, gt=0, le=4096)
    channels: int = Field(512, gt=0, le=4096)
    hidden: int = Field(512, gt=0, le=4096)
    layers: int = Field(3, gt=0, le=8)
    strength: int = Field(128, gt=0, le=4096)


SHIPPED_SIZES = Sizes(dense=64, channels=192, hidden=192, layers=2, strength=64)
"""About a million weights: 1 MB in integers."""


class Filters(NamedTuple):
    """What the network says of frames: ``gains`` and ``strengths`` in [0, 1], (…, BANDS) each."""

    gains: Tensor
    strengths: Tensor


class PercepNet(nn.Module):
    """Features of frames, (batch, time, FEATURES), to the Filters of the same frames.

    ``mean`` and ``spread`` (FEATURES,) bring the features to a common scale."""

    mean: Tensor
    spread: Tensor

    def __init__(self, sizes: Sizes | None = None, mean: Sequence[float] | None = None,
                 spread: Sequence[float] | None = None) -> None:
        super().__init__()
        self.sizes = s = sizes or Sizes()
        self.register_buffer("mean", torch.tensor(mean or [0.0] * FEATURES))
        self.register_buffer("spread", torch.tensor(spread or [1.0] * FEATURES))
        self.dense = nn.Linear(FEATURES, s.dense)
        self.convolutions = nn.ModuleList([nn.Conv1d(s.dense, s.channels, KERNELS[0]),
                                           nn.Conv1d(s.channels, s.channels, KERNELS[1])])
        widths = [s.channels] + [s.hidden] * (s.layers - 1)
        self.recurrent = nn.ModuleList(nn.GRU(width, s.hidden, batch_first=True)
                                       for width in widths)
        self.gain_memory = nn.GRU(s.hidden, s.hidden, batch_first=True)
        self.strength_memory = nn.GRU(s.hidden + s.channels, s.strength, batch_first=True)
        self.gain = nn.Linear(s.channels + (s.layers + 1) * s.hidden, BANDS)
        self.strength = nn.Linear(s.strength, BANDS)

    def forward(self, features: Tensor) -> Filters:
        """Of sequences that begin in silence."""
        x = _rectified(self.dense((features - self.mean) / self.spread))
        x = _rectified(_causal(self.convolutions[0], x))
        heard = torch.tanh(_causal(self.convolutions[1], x))
        layers, x = [heard], heard
        for layer in self.recurrent:
            x, _ = layer(x)
            layers.append(x)
        gain, _ = self.gain_memory(x)
        strength, _ = self.strength_memory(torch.cat([x, heard], -1))
        return Filters(torch.sigmoid(self.gain(torch.cat([*layers, gain], -1))),
                       torch.sigmoid(self.strength(strength)))


def loss(heard: Filters, wanted: Filters, mask: Tensor, *, exponent: float = 0.5,
         fourth: float = 10.0) -> Tensor:
    """How far Filters are from those wanted, (batch, time, BANDS) each, over the bands where
    ``mask`` is 1: squares and ``fourth`` times fourth powers of the difference of gains to the
    power of ``exponent`` (loudness), squares alone of what the comb filter leaves, averaged."""
    gain = _loudness(wanted.gains, exponent) - _loudness(heard.gains, exponent)
    left = _loudness(1 - wanted.strengths, exponent) - _loudness(1 - heard.strengths, exponent)
    each = gain**2 + fourth * gain**4 + left**2
    return (each * mask).sum() / mask.sum().clamp(min=1)


def _loudness(share: Tensor, exponent: float) -> Tensor:
    # The slope of a power below 1 has no bound at 0.
    return share.clamp(min=1e-4) ** exponent


def _rectified(x: Tensor) -> Tensor:
    return x.clamp(0, CEILING)


def _causal(convolution: Any, x: Tensor) -> Tensor:
    """Over (batch, time, channels); before the first frame there was silence, all zeros."""
    past = convolution.kernel_size[0] - 1
    return convolution(nn.functional.pad(x.transpose(1, 2), (past, 0))).transpose(1, 2)
