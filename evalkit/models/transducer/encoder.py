"""The encoder: what was heard so far, once a block, of a past without end and no future."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator
from typing import NamedTuple

import torch
from torch import Tensor, nn

from evalkit.models.transducer.causal import CausalConv, Memory, products
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.convolutions import ConvolutionalFront
from evalkit.models.transducer.features import HOP

STRIDE = 3
"""Frames of 10 ms in one step of the first layers."""
STEPS = 2
"""Steps in a block."""
BLOCK = STRIDE * STEPS * HOP
"""Samples of a block, 60 ms, which is heard to its end before anything is said of it."""

Recurrent = tuple[Tensor, Tensor]


def recurrent(layer: nn.LSTM, x: Tensor, state: Recurrent | None) -> tuple[Tensor, Recurrent]:
    """What ``layer`` makes of (n, steps, width), and its state behind them. The few steps of a
    block that is heard are made one by one: the same but for rounding, in a third of the time,
    since oneDNN orders the weights anew at every call."""
    if x.shape[1] > STEPS or torch.is_grad_enabled():
        made, state = layer(x, state)
        return made, state
    return stepwise(layer, x, state)


def stepwise(layer: nn.LSTM, x: Tensor, state: Recurrent | None) -> tuple[Tensor, Recurrent]:
    """``recurrent`` step by step: of each utterance and step to the bit what torch's ``lstm_cell``
    makes of it alone, however many of either are given."""
    (weights,), made = layer.all_weights, []
    h, c = (x.new_zeros(2, len(x), layer.hidden_size) if state is None else
            (each[0] for each in state))
    if len(x) == 1:
        for step in x.unbind(1):
            h, c = torch.lstm_cell(step, (h, c), *weights)
            made.append(h)
    else:
        heard, recalled, heard_bias, recalled_bias = weights
        gates = products(x.transpose(0, 1).flatten(0, 1), heard, heard_bias)
        for given in gates.unflatten(0, (-1, len(x))):
            h, c = remembered(given + products(h, recalled, recalled_bias), c)
            made.append(h)
    return torch.stack(made, 1), (h[None], c[None])


def remembered(gates: Tensor, c: Tensor) -> Recurrent:
    """The memory of an LSTM behind its ``gates`` (n, 4 x hidden), in torch's order."""
    enter, forget, new, out = gates.chunk(4, -1)
    c = forget.sigmoid() * c + enter.sigmoid() * new.tanh()
    return out.sigmoid() * c.tanh(), c


class State(NamedTuple):
    """What an encoder keeps of the past: the last frames, the memories of its layers, and how many
    blocks they heard. ``computed`` (n, blocks) is of the last ``blocks`` that were given: the share
    of its choices that were for computing (evalkit.models.transducer.decisions); None where an
    encoder has nothing to choose."""

    frames: Tensor
    front: Memory
    kept: Memory
    heard: int = 0
    computed: Tensor | None = None


class Heard(NamedTuple):
    """What the layers behind the first ones made of some blocks: of each ``blocks`` (n, blocks,
    hidden), of each of the lower layers' ``steps`` (n, blocks x STEPS, hidden), what is ``kept``
    for the next, and what was ``computed``, as in State."""

    blocks: Tensor
    steps: Tensor
    kept: Memory
    computed: Tensor | None = None


class Encoder(nn.Module, ABC):
    """A strided convolution, and ``behind`` it what kinds of encoders differ by."""

    def __init__(self, config: TransducerConfig) -> None:
        super().__init__()
        c = config
        self.convolution = CausalConv(c.mels, c.channels, c.kernel, stride=STRIDE)
        self.normalise = nn.Sequential(nn.LayerNorm(c.channels), nn.GELU())
        self.front = None if c.front == "direct" else ConvolutionalFront(
            c.channels, c.front_kernel, c.front_layers)

    @abstractmethod
    def before(self, n: int) -> Memory:
        """What the layers behind the first ones keep before ``n`` utterances."""

    @abstractmethod
    def behind(self, x: Tensor, kept: Memory, heard: int) -> Heard:
        """What these layers make of ``x`` (n, blocks x STEPS, channels), after ``heard`` blocks."""

    def begin(self, n: int) -> State:
        """The state before ``n`` utterances."""
        front = () if self.front is None else self.front.begin(n)
        return State(self.convolution.begin(n), front, self.before(n))

    def forward(self, features: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """Of ``features`` (n, blocks x STRIDE x STEPS, mels), what was heard at the end of every
        block (n, blocks, hidden), the same of the lower layer's steps (n, blocks x STEPS, hidden),
        and the state behind them. What comes out does not depend on how the blocks are given."""
        x, frames = self.convolution(features, state.frames)
        blocks, steps, state = self.after_first(self.normalise(x), state)
        return blocks, steps, state._replace(frames=frames)

    def each(self, features: Tensor, state: State) -> Iterator[tuple[Tensor, State]]:
        """Of ``features`` as ``forward`` has them, what was heard at the end of each block
        (n, 1, hidden) and the state behind it, the same but for rounding. They are the same to the
        bit however many blocks are given at a time."""
        x, frames = self.convolution.heard(features, state.frames)
        state = state._replace(frames=frames)
        for steps in self.normalise(x).split(STEPS, 1):
            heard, _, state = self.after_first(steps, state)
            yield heard, state

    def after_first(self, x: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        """``forward`` from its second layer on, of what the first made, normalised."""
        front = state.front
        if self.front is not None:
            x, front = self.front(x, front)
        blocks, steps, kept, computed = self.behind(x, state.kept, state.heard)
        return blocks, steps, State(state.frames, front, kept, state.heard + blocks.shape[1],
                                    computed)


class RecurrentEncoder(Encoder):
    """Two layers of LSTM, the upper one of two steps at a time (He et al. 2019, arXiv:1811.06621,
    section 2.1)."""

    def __init__(self, config: TransducerConfig) -> None:
        super().__init__(config)
        c = config
        self.lower = nn.LSTM(c.channels, c.hidden, batch_first=True)
        self.upper = nn.LSTM(STEPS * c.hidden, c.hidden, batch_first=True)
        self.dropout = nn.Dropout(c.dropout)

    def before(self, n: int) -> Memory:
        return None, None

    def together(self, features: Tensor, state: State) -> tuple[Tensor, State]:
        """``forward`` where ``exact_together`` (evalkit.models.transducer.config), layer by layer:
        of each of the n utterances to the bit what ``each`` makes of it alone, (n, blocks, hidden),
        and the state behind it."""
        x, frames = self.convolution.heard(features, state.frames)
        steps, lower = stepwise(self.lower, self.normalise(x), state.kept[0])
        blocks, upper = stepwise(self.upper, pairs(steps), state.kept[1])
        return blocks, State(frames, (), (lower, upper), state.heard + blocks.shape[1])

    def behind(self, x: Tensor, kept: Memory, heard: int) -> Heard:
        steps, lower = recurrent(self.lower, self.dropout(x), kept[0])
        blocks, upper = recurrent(self.upper, pairs(self.dropout(steps)), kept[1])
        return Heard(blocks, steps, (lower, upper))


def pairs(steps: Tensor) -> Tensor:
    """The steps (n, blocks x STEPS, width) of each block side by side, (n, blocks, STEPS x
    width)."""
    return steps.reshape(len(steps), -1, STEPS * steps.shape[2])
