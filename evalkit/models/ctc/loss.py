"""Connectionist temporal classification (Graves et al. 2006, ICML)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain

import torch
from torch import Tensor, nn


def ctc_losses(posteriors: Tensor, frames: Tensor, targets: Sequence[Sequence[int]], blank: int
               ) -> Tensor:
    """Nats of each of the ``targets``, labels without blanks, given log-posteriors
    (n, longest, labels) of which ``frames`` (n,) are valid. Shape (n,)."""
    device = posteriors.device
    return nn.functional.ctc_loss(
        posteriors.transpose(0, 1),
        torch.tensor(list(chain.from_iterable(targets)), dtype=torch.long, device=device),
        frames, torch.tensor([len(target) for target in targets], device=device), blank,
        reduction="none")
