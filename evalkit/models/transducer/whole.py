"""Many whole recordings heard together: faster than one by one, and the same but for the rounding
of sums, which can change a label where two are as likely. For experiments and for training; results
that are kept are those of evalkit.models.transducer.stream."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor

from evalkit.models.tensors import device_of, padded
from evalkit.models.transducer.biasing import Listed
from evalkit.models.transducer.config import BLANK
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.stream import MOST_LABELS, Said


@torch.inference_mode()
def encoded(model: Transducer, waves: Sequence[np.ndarray]) -> list[Tensor]:
    """The joint network's input (blocks, joint) of each wave."""
    heard, _, blocks = model.encoded(*padded(waves, device_of(model)))
    return [each[:count] for each, count in zip(model.joint.heard(heard), blocks, strict=True)]


@torch.inference_mode()
def computed(model: Transducer, waves: Sequence[np.ndarray]) -> list[Tensor]:
    """Of each wave and block, the share of the encoder's choices that were for computing (blocks,).
    Raises ValueError for an encoder that has nothing to choose."""
    encoded = model.encode(*padded(waves, device_of(model)))
    if encoded.computed is None:
        raise ValueError(f"a {model.config.encoder} encoder computes everything")
    return [each[:count] for each, count in zip(encoded.computed, encoded.blocks, strict=True)]


@torch.inference_mode()
def greedy(model: Transducer, waves: Sequence[np.ndarray], listed: Listed | None = None
           ) -> list[list[Said]]:
    """The best label at every node of each wave, as evalkit.models.transducer.stream.Greedy."""
    heard = encoded(model, waves)
    ends = torch.tensor([len(each) for each in heard])
    blocks = torch.nn.utils.rnn.pad_sequence(heard)
    search = _Search(model, len(waves), listed)
    for number, block in enumerate(blocks):
        active = number < ends
        for labels in search.hear(block, active):
            for row in labels.nonzero()[:, 0].tolist():
                search.said[row].append((int(labels[row]), number))
    return search.said


class _Search:
    """Where each utterance is, and what it said."""

    def __init__(self, model: Transducer, n: int, listed: Listed | None) -> None:
        self.model, self.listed, self.spoken = model, listed, model.config.spoken
        self.said: list[list[Said]] = [[] for _ in range(n)]
        read, self.state = model.predictor(
            torch.full((n, 1), BLANK, device=device_of(model)))
        self.next = model.said(read[:, 0], listed)

    def hear(self, block: Tensor, active: Tensor) -> Iterator[Tensor]:
        """What is said (n,) next, blank for those that are done with the block (n, joint)."""
        active = active.to(block.device)
        for _ in range(MOST_LABELS):
            labels = self.model.joint(block, self.next)[:, :self.spoken].argmax(-1) * active
            active = labels != BLANK
            if not active.any():
                return
            yield labels.cpu()
            self._read(labels, active)

    def _read(self, labels: Tensor, active: Tensor) -> None:
        read, state = self.model.predictor(labels[:, None], self.state)
        self.next = torch.where(active[:, None], self.model.said(read[:, 0], self.listed),
                                self.next)
        self.state = (torch.where(active[None, :, None], state[0], self.state[0]),
                      torch.where(active[None, :, None], state[1], self.state[1]))


def in_batches(waves: Sequence[np.ndarray], size: int) -> Iterator[list[int]]:
    """The numbers of ``waves`` in batches of about equal length."""
    order = np.argsort([len(wave) for wave in waves], kind="stable")
    for first in range(0, len(order), size):
        yield order[first:first + size].tolist()
