"""Whole recordings heard together, which is faster than one by one: by ``hypotheses`` with the same
result to the bit as evalkit.models.transducer.stream, for results that are kept; else the same but
for the rounding of sums, which can change a label where two are as likely, for experiments and for
training."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import cast

import numpy as np
import torch
from torch import Tensor, nn

from evalkit.core.types import Hypothesis
from evalkit.models.tensors import device_of, padded, threads
from evalkit.models.transducer.biasing import Listed
from evalkit.models.transducer.causal import products
from evalkit.models.transducer.config import BLANK
from evalkit.models.transducer.encoder import BLOCK, RecurrentEncoder
from evalkit.models.transducer.features import BEFORE
from evalkit.models.transducer.network import Transducer, blocks_of
from evalkit.models.transducer.stream import AT_ONCE, MOST_LABELS, Said, hypothesis


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
    ends = torch.tensor([len(each) for each in heard], device=device_of(model))
    return _said(model, nn.utils.rnn.pad_sequence(heard, batch_first=True), ends, listed)


@torch.inference_mode()
def hypotheses(model: Transducer, waves: Sequence[np.ndarray]) -> list[Hypothesis]:
    """What ``model``, whose ``config.exact_together``, hears of each of ``waves`` at RATE: on a
    processor the same to the bit as evalkit.models.transducer.stream.heard."""
    with threads(1):
        together, samples = padded(waves, device_of(model))
        heard = torch.cat([*_heard(model, together, samples)], 1)
        return [hypothesis(model, said) for said in _said(model, heard, blocks_of(samples))]


def _heard(model: Transducer, waves: Tensor, samples: Tensor) -> Iterator[Tensor]:
    """The joint network's input (n, blocks, joint) of all blocks of ``waves`` (n, longest), of
    which the first ``samples`` (n,) are valid, of as many at once as a stream makes it of."""
    count = int(blocks_of(samples).max())
    waves = nn.functional.pad(waves, (BEFORE, count * BLOCK - waves.shape[1]))
    encoder, layer = cast(RecurrentEncoder, model.encoder), model.joint.heard
    state = encoder.begin(len(waves))
    for first in range(0, count, AT_ONCE):
        spectra = model.features(waves[:, first * BLOCK:(first + AT_ONCE) * BLOCK + BEFORE])
        heard, state = encoder.together(spectra, state)
        joined = products(heard.flatten(0, 1), layer.weight, layer.bias)
        yield joined.unflatten(0, heard.shape[:2])


def _said(model: Transducer, heard: Tensor, ends: Tensor, listed: Listed | None = None
          ) -> list[list[Said]]:
    """What is said of ``heard`` (n, blocks, joint), of which each utterance has so many (n,). Each
    goes its own way through its blocks, and rows of products are made by themselves."""
    text, blocks = _Search(model, len(ends), listed), ends.tolist()
    at, here = [0] * len(blocks), [0] * len(blocks)
    rows, flat, longest = [*range(len(blocks))], heard.flatten(0, 1), heard.shape[1]
    while rows:
        places = torch.tensor([row * longest + at[row] for row in rows], device=heard.device)
        labels = text.best(rows, flat.index_select(0, places))
        spoken = {row: label for row, label in zip(rows, labels, strict=True) if label != BLANK}
        text.read(spoken, at)
        for row in rows:
            here[row] = here[row] + 1 if row in spoken and here[row] < MOST_LABELS - 1 else 0
            at[row] += here[row] == 0
        rows = [row for row in rows if at[row] < blocks[row]]
    return text.said


class _Search:
    """What each of ``n`` utterances said."""

    def __init__(self, model: Transducer, n: int, listed: Listed | None) -> None:
        self.model, self.listed = model, listed
        self.said: list[list[Said]] = [[] for _ in range(n)]
        read, self.state = model.predictor(torch.full((n, 1), BLANK, device=device_of(model)))
        self.next = self._joined(read)

    def best(self, rows: Sequence[int], heard: Tensor) -> list[int]:
        """The next labels of some ``rows``, of what they ``heard`` (rows, joint)."""
        layer = self.model.joint.output
        said = self.next.index_select(0, torch.tensor(rows, device=self.next.device))
        logits = products(torch.tanh(heard + said), layer.weight, layer.bias)
        labels: list[int] = logits[:, :self.model.config.spoken].argmax(-1).tolist()
        return labels

    def read(self, labels: Mapping[int, int], at: Sequence[int]) -> None:
        """Puts ``labels``, by row, behind the texts, said in the blocks that these are ``at``."""
        if not labels:
            return
        for row, label in labels.items():
            self.said[row].append((label, at[row]))
        rows, said = torch.tensor([[*labels], [*labels.values()]], device=self.next.device)
        h, c = (kept.index_select(1, rows) for kept in self.state)
        read, after = self.model.predictor(said[:, None], (h, c))
        self.next.index_copy_(0, rows, self._joined(read))
        for kept, new in zip(self.state, after, strict=True):
            kept.index_copy_(1, rows, new)

    def _joined(self, read: Tensor) -> Tensor:
        if self.listed is None:
            return products(read[:, 0], self.model.joint.said.weight, None)
        return torch.cat([self.model.said(row, self.listed) for row in read.split(1)])[:, 0]


def in_batches(waves: Sequence[np.ndarray], size: int) -> Iterator[list[int]]:
    """The numbers of ``waves`` in batches of about equal length."""
    order = np.argsort([len(wave) for wave in waves], kind="stable")
    for first in range(0, len(order), size):
        yield order[first:first + size].tolist()
