"""A branching encoder (Macoskey et al. 2021, arXiv:2108.01553): a large and a small branch, of
which an arbitrator picks one for each block.

Both go on from the same memory, so that they may take turns. The large one is the LSTMs of the
plain encoder; the small one computes the same gates by matrices of low rank, one of the two ways
of the article.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evalkit.models.transducer.causal import Memory
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.decisions import Decider
from evalkit.models.transducer.encoder import (
    STEPS,
    Encoder,
    Heard,
    Recurrent,
    pairs,
    remembered,
)


class SmallBranch(nn.Module):
    """The gates of an LSTM of so many ``hidden`` units, by way of ``rank`` numbers."""

    def __init__(self, width: int, hidden: int, rank: int) -> None:
        super().__init__()
        self.heard = nn.Linear(width, rank, bias=False)
        self.recalled = nn.Linear(hidden, rank, bias=False)
        self.gates = nn.Linear(rank, 4 * hidden)

    @torch.no_grad()
    def resemble(self, large: nn.LSTM) -> None:
        """Becomes the nearest of its rank to the matrices of ``large`` (Eckart and Young 1936)."""
        heard, recalled, bias = matrices(large)
        left, sizes, right = torch.linalg.svd(torch.cat([heard, recalled], 1), full_matrices=False)
        rank = self.gates.in_features
        root = sizes[:rank].sqrt()
        narrow = root[:, None] * right[:rank]
        self.heard.weight.copy_(narrow[:, :heard.shape[1]])
        self.recalled.weight.copy_(narrow[:, heard.shape[1]:])
        self.gates.weight.copy_(left[:, :rank] * root)
        self.gates.bias.copy_(bias)


class Branches(nn.Module):
    """A layer of LSTM whose gates one of two branches computes, step by step."""

    def __init__(self, width: int, hidden: int, rank: int) -> None:
        super().__init__()
        self.large = nn.LSTM(width, hidden, batch_first=True)
        self.small = SmallBranch(width, hidden, rank)

    def begin(self, n: int) -> Recurrent:
        """The memory before ``n`` utterances, twice (n, hidden)."""
        zeros = self.small.gates.weight.new_zeros(n, self.large.hidden_size)
        return zeros, zeros

    def forward(self, x: Tensor, large: Tensor, memory: Recurrent) -> tuple[Tensor, Recurrent]:
        """Of (n, steps, width) and the choices ``large`` (n, steps), of 0 and 1, (n, steps, hidden)
        and the memory behind them."""
        if len(x) == 1 and not torch.is_grad_enabled():
            return self._chosen_alone(x, large, memory)
        heard, recalled, bias = matrices(self.large)
        of_large = nn.functional.linear(x, heard, bias)
        of_small, made = self.small.heard(x), []
        for step, narrow, choice in zip(of_large.unbind(1), of_small.unbind(1),
                                        large[..., None].unbind(1), strict=True):
            h, c = memory
            wide = step + nn.functional.linear(h, recalled)
            slim = self.small.gates(narrow + self.small.recalled(h))
            memory = remembered(slim + choice * (wide - slim), c)
            made.append(memory[0])
        return torch.stack(made, 1), memory

    def _chosen_alone(self, x: Tensor, large: Tensor, memory: Recurrent
                      ) -> tuple[Tensor, Recurrent]:
        """``forward`` of one utterance that computes nothing but the branch of each choice."""
        (weights,), made = self.large.all_weights, []
        for step, choice in zip(x.unbind(1), large[0].tolist(), strict=True):
            h, c = memory
            memory = (torch.lstm_cell(step, (h, c), *weights) if choice else remembered(
                self.small.gates(self.small.heard(step) + self.small.recalled(h)), c))
            made.append(memory[0])
        return torch.stack(made, 1), memory


def matrices(layer: nn.LSTM) -> tuple[Tensor, Tensor, Tensor]:
    """Of what is heard and of what is recalled, and the sum of both biases."""
    ((heard, recalled, *biases),) = layer.all_weights
    return heard, recalled, biases[0] + biases[1]


class BranchingEncoder(Encoder):
    """Two layers of branches, which take one decision for each block: of what is heard in it, and
    of what the lower layer remembers."""

    def __init__(self, config: TransducerConfig) -> None:
        super().__init__(config)
        c = config
        self.lower = Branches(c.channels, c.hidden, c.rank)
        self.upper = Branches(STEPS * c.hidden, c.hidden, c.rank)
        self.decider = Decider(STEPS * c.channels + c.hidden, c.share)
        self.dropout = nn.Dropout(c.dropout)

    def resemble(self) -> None:
        """The small branches become as near to the large ones as their rank allows."""
        for layer in (self.lower, self.upper):
            layer.small.resemble(layer.large)

    def before(self, n: int) -> Memory:
        return self.lower.begin(n), self.upper.begin(n)

    def behind(self, x: Tensor, kept: Memory, heard: int) -> Heard:
        lower, upper = kept
        steps, choices = [], []
        for number, block in enumerate(pairs(self.dropout(x)).unbind(1)):
            choice = self.decider(torch.cat([block, lower[0]], -1)[:, None], heard + number)
            made, lower = self.lower(block.reshape(len(x), STEPS, -1), choice.expand(-1, STEPS),
                                     lower)
            steps.append(made)
            choices.append(choice)
        large, whole = torch.cat(choices, 1), torch.cat(steps, 1)
        blocks, upper = self.upper(pairs(self.dropout(whole)), large, upper)
        return Heard(blocks, whole, (lower, upper), large)
