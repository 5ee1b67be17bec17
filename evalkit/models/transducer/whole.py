"""Whole recordings heard together, which is faster than one by one: by ``hypotheses`` with the same
result to the bit as evalkit.models.transducer.stream, for results that are kept; else the same but
for the rounding of sums, which can change a label where two are as likely, for experiments and for
training."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import torch
from torch import Tensor, nn

from evalkit.core.types import Hypothesis
from evalkit.models.tensors import device_of, padded, threads
from evalkit.models.transducer.biasing import Listed
from evalkit.models.transducer.causal import products
from evalkit.models.transducer.config import BLANK
from evalkit.models.transducer.encoder import BLOCK
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
    """What ``model`` hears of each of ``waves`` at RATE: where its ``config.exact_together``, on a
    processor the same to the bit as evalkit.models.transducer.stream.heard."""
    with threads(1):
        together, samples = padded(waves, device_of(model))
        heard = torch.stack([*_heard(model, together, samples)], 1)
        return [hypothesis(model, said) for said in _said(model, heard, blocks_of(samples))]


def _heard(model: Transducer, waves: Tensor, samples: Tensor) -> Iterator[Tensor]:
    """The joint network's input (n, joint) of each block of ``waves`` (n, longest), of which the
    first ``samples`` (n,) are valid, made of as many at once as a stream makes it of."""
    count = int(blocks_of(samples).max())
    waves = nn.functional.pad(waves, (BEFORE, count * BLOCK - waves.shape[1]))
    state, layer = model.encoder.begin(len(waves)), model.joint.heard
    for first in range(0, count, AT_ONCE):
        spectra = model.features(waves[:, first * BLOCK:(first + AT_ONCE) * BLOCK + BEFORE])
        for heard, after in model.encoder.each(spectra, state):
            state = after
            yield products(heard[:, 0], layer.weight, layer.bias)


def _said(model: Transducer, heard: Tensor, ends: Tensor, listed: Listed | None = None
          ) -> list[list[Said]]:
    """What is said of ``heard`` (n, blocks, joint), of which each utterance has so many (n,). Each
    goes its own way through its blocks, and rows of products are made by themselves."""
    text = _Search(model, len(ends), listed)
    at, here = torch.zeros_like(ends), torch.zeros_like(ends)
    rows = torch.arange(len(ends), device=ends.device)
    while len(rows):
        labels = text.best(rows, heard[rows, at[rows]])
        speak = labels != BLANK
        text.read(rows[speak], labels[speak], at)
        here[rows] = torch.where(speak & (here[rows] < MOST_LABELS - 1), here[rows] + 1, 0)
        at[rows] += here[rows] == 0
        rows = rows[at[rows] < ends[rows]]
    return text.said


class _Search:
    """What each of ``n`` utterances said."""

    def __init__(self, model: Transducer, n: int, listed: Listed | None) -> None:
        self.model, self.listed = model, listed
        self.said: list[list[Said]] = [[] for _ in range(n)]
        read, self.state = model.predictor(torch.full((n, 1), BLANK, device=device_of(model)))
        self.next = self._joined(read)

    def best(self, rows: Tensor, heard: Tensor) -> Tensor:
        """The next labels of some ``rows``, of what they ``heard`` (rows, joint)."""
        layer = self.model.joint.output
        logits = products(torch.tanh(heard + self.next[rows]), layer.weight, layer.bias)
        return logits[:, :self.model.config.spoken].argmax(-1)

    def read(self, rows: Tensor, labels: Tensor, at: Tensor) -> None:
        """Puts ``labels``, said in the blocks ``at``, behind the texts of these ``rows``."""
        if not len(rows):
            return
        for row, label, block in zip(*(x.tolist() for x in (rows, labels, at[rows])), strict=True):
            self.said[row].append((label, block))
        read, after = self.model.predictor(
            labels[:, None], (self.state[0][:, rows], self.state[1][:, rows]))
        self.next[rows] = self._joined(read)
        for kept, new in zip(self.state, after, strict=True):
            kept[:, rows] = new

    def _joined(self, read: Tensor) -> Tensor:
        return torch.cat([self.model.said(row, self.listed) for row in read.split(1)])[:, 0]


def in_batches(waves: Sequence[np.ndarray], size: int) -> Iterator[list[int]]:
    """The numbers of ``waves`` in batches of about equal length."""
    order = np.argsort([len(wave) for wave in waves], kind="stable")
    for first in range(0, len(order), size):
        yield order[first:first + size].tolist()
