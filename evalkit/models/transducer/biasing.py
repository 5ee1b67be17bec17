"""A network that attends to a list of phrases, trained with the rest (after Pundak et al. 2018,
arXiv:1808.02480, and Chang et al. 2021, arXiv:2111.03250).

It attends to the letters of the phrases: where what was said last looks like the beginning of a
phrase, it brings the letter that goes on with it, which the joint network may then hear or not. So
a phrase need not have been in training. The list has one more entry, of nothing, whose value is
zero: without phrases a text is what it is without this network.
"""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn

from evalkit.models.transducer.config import TransducerConfig

HEADS = 2


class Listed:
    """The letters of a list: ``keys`` and ``values`` (heads, letters + 1, width / heads), of which
    the first are those of nothing."""

    def __init__(self, keys: Tensor, values: Tensor) -> None:
        self.keys, self.values = keys, values


class Biasing(nn.Module):
    """From what was said, and a list, to what is added to the joint network's input."""

    def __init__(self, config: TransducerConfig) -> None:
        super().__init__()
        width = config.bias
        self.embedding = nn.Embedding(config.labels, width)
        self.beginning = nn.LSTM(width, width, batch_first=True)
        self.key = nn.Linear(width, width)
        self.query = nn.Linear(config.prediction, width)
        self.nothing = nn.Parameter(torch.zeros(width))
        self.value = nn.Linear(2 * width, width)
        self.output = nn.Linear(width, config.joint, bias=False)

    def listed(self, phrases: Sequence[Sequence[int]], space: int) -> Listed:
        """The list of ``phrases``, each of one label or more."""
        device = self.nothing.device
        rows = [torch.tensor([space, *phrase, space], device=device) for phrase in phrases]
        if not rows:
            return Listed(self._heads(self.nothing[None]), self._heads(self.nothing[None] * 0))
        labels = nn.utils.rnn.pad_sequence(rows, batch_first=True)
        embedded = self.embedding(labels)
        begun, _ = self.beginning(embedded)
        valid = torch.arange(labels.shape[1] - 1, device=device) < torch.tensor(
            [[len(row) - 1] for row in rows], device=device)
        begun, following = begun[:, :-1][valid], embedded[:, 1:][valid]
        keys = torch.cat([self.nothing[None], self.key(begun)])
        values = self.value(torch.cat([following, begun], -1))
        return Listed(self._heads(keys),
                      self._heads(torch.cat([torch.zeros_like(values[:1]), values])))

    def forward(self, said: Tensor, listed: Listed) -> Tensor:
        """Of ``said`` (…, prediction), what the list adds, (…, joint)."""
        queries = self._heads(self.query(said).flatten(0, -2))
        found = nn.functional.scaled_dot_product_attention(queries, listed.keys, listed.values)
        added: Tensor = self.output(found.transpose(0, 1).flatten(1))
        return added.view(*said.shape[:-1], -1)

    @staticmethod
    def _heads(x: Tensor) -> Tensor:
        return x.view(len(x), HEADS, -1).transpose(0, 1)
