"""The loss of connectionist temporal classification (Graves et al. 2006)."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def ctc_losses(posteriors: Tensor, frames: Tensor, targets: Sequence[Tensor], blank: int) -> Tensor:
    """Nats of each target given log-posteriors (n, longest, labels) of which ``frames`` (n,) are
    valid, on the device of the posteriors."""
    lengths = torch.tensor([len(target) for target in targets], device=posteriors.device)
    labels = torch.cat(list(targets)).to(posteriors.device)
    return nn.functional.ctc_loss(posteriors.transpose(0, 1), labels, frames, lengths, blank,
                                  reduction="none")
