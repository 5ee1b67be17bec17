"""Connectionist temporal classification (Graves et al. 2006, ICML)."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import chain, pairwise

import torch
from torch import Tensor, nn

from evalkit.core.errors import UtteranceError


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


def check_room(target: Sequence[int], frames: int) -> None:
    """Raises UtteranceError of kind TooShort where ``frames`` cannot hold the ``target``: it needs
    a frame for every label, and a blank between two that are equal."""
    needed = len(target) + sum(a == b for a, b in pairwise(target))
    if frames < needed:
        raise UtteranceError("TooShort", f"{frames} frames of the recognizer cannot hold a text "
                             f"that needs {needed}")
