"""Where models compute. Inputs follow weights; nothing relies on torch's default device."""

from __future__ import annotations

import torch
from torch import nn


def best_device() -> torch.device:
    """A graphics processor where there is one."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def device_of(module: nn.Module) -> torch.device:
    """Where the weights of ``module`` are."""
    return next(module.parameters()).device
