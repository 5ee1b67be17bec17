"""What a network of torch takes: its weights, and its multiply-accumulates.

Those are what torch's own counter finds of matrix products and convolutions, of which it counts
two operations for each; what works number by number is not counted. A recurrent layer that is
one operator of a library would not be seen by it, so that such libraries are switched off.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils.flop_counter import FlopCounterMode

from evalkit.core.types import Cost
from evalkit.models.tensors import without_mkldnn


def cost_of(module: nn.Module, run: Callable[[], Any], size: int) -> Cost:
    """Of ``module``, whose files have ``size`` bytes and which ``run`` gives one second of
    audio."""
    weights = sum(weight.numel() for weight in module.parameters())
    counter = FlopCounterMode(display=False)
    with without_mkldnn(), torch.backends.cudnn.flags(enabled=False), counter:
        run()
    return Cost(weights, size, counter.get_total_flops() / 2)
