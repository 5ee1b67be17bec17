"""Transducers small enough for tests, and something for them to hear."""

from __future__ import annotations

import numpy as np
import torch

from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.decisions import Decider
from evalkit.models.transducer.network import Transducer

SIZES = {"mels": 12, "channels": 16, "hidden": 12, "embedding": 6, "prediction": 10, "joint": 14,
         "front_layers": 1}


def tiny(seed: int = 5, **options) -> Transducer:
    """One whose probabilities are far enough from even that it says something."""
    torch.manual_seed(seed)
    model = Transducer(TransducerConfig(**(SIZES | options))).eval()
    with torch.no_grad():
        for name, weights in model.named_parameters():
            weights.mul_(2.5 if "weight" in name else 1.0)
        model.joint.output.bias[:2] += torch.tensor([1.2, 1.0])  # blanks and spaces
        for each in model.modules():
            if isinstance(each, Decider):  # for and against
                each.arbitrator[2].bias.zero_()
    return model


def wave(samples: int = 20_000, seed: int = 0) -> np.ndarray:
    """Noise whose level goes up and down."""
    rng = np.random.default_rng(seed)
    gate = np.repeat(rng.random(samples // 800 + 1), 800)[:samples]
    return (0.2 * gate * rng.standard_normal(samples)).astype(np.float32)
