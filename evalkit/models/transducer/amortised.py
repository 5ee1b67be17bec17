"""A Transformer encoder whose computation is amortised (Xie et al. 2022, arXiv:2207.02393).

Each block of attention and each feed-forward block of each layer has an arbitrator, which decides
step by step whether it is computed. Beside a skip connection, a block that is not computed gives 0.
Attention hears no future and ``past`` steps before its own, those of them at which it was computed.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

from evalkit.models.transducer.causal import Memory
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.decisions import Decider
from evalkit.models.transducer.encoder import STEPS, Encoder, Heard, pairs

Past = tuple[Tensor, Tensor, Tensor]
"""Of the last steps, the oldest first: keys and values (n, past, heads, width of a head), and
whether they were computed (n, past), 0 or 1."""
WIDER = 2
"""By how much the middle of a feed-forward block is wider than what comes in."""
READY = 3.0
"""Log-odds at first, probability .95: what one of many blocks leaves out, all behind it lack."""


class Attention(nn.Module):
    """Of steps to themselves and to the past, less the farther it is (Press et al. 2022,
    arXiv:2108.12409), which is the same wherever a stream is cut."""

    slopes: Tensor

    def __init__(self, width: int, heads: int, past: int) -> None:
        super().__init__()
        self.heads, self.past = heads, past
        self.inward, self.outward = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.register_buffer("slopes", 2.0 ** (-8 * torch.arange(1, heads + 1) / heads),
                             persistent=False)

    def begin(self, n: int) -> Past:
        """The past before ``n`` utterances, of which nothing was computed."""
        weight = self.outward.weight
        zeros = weight.new_zeros(n, self.past, self.heads, weight.shape[0] // self.heads)
        return zeros, zeros, weight.new_zeros(n, self.past)

    def forward(self, x: Tensor, on: Tensor, past: Past) -> tuple[Tensor, Past]:
        """Of (n, steps, width) what attention finds, which counts where ``on`` (n, steps) is 1 and
        means nothing elsewhere; and the past behind the steps."""
        queries, keys, values, computed = self._with_past(x, on, past)
        places = torch.arange(keys.shape[1], device=x.device)
        behind = places[self.past:, None] - places
        scores = self._scores(queries, keys, behind).masked_fill(
            (behind < 0) | (behind > self.past), -torch.inf)
        weights = (scores - scores.amax(-1, keepdim=True).detach()).exp() * computed[:, None, None]
        weights = weights / weights.sum(-1, keepdim=True).clamp(min=1e-30)
        return self._found(weights, values), self._kept(keys, values, computed)

    def alone(self, x: Tensor, past: Past) -> tuple[Tensor, Past]:
        """``forward`` of one step (1, 1, width) that is computed, by way of the steps that were
        computed and no others."""
        queries, keys, values, computed = self._with_past(x, x.new_ones(1, 1), past)
        places = computed[0].nonzero()[:, 0]
        weights = self._scores(queries, keys[:, places], self.past - places).softmax(-1)
        return self._found(weights, values[:, places]), self._kept(keys, values, computed)

    def skipped(self, past: Past) -> Past:
        """The past behind one step that is not computed."""
        nothing = (torch.zeros_like(each[:, :1]) for each in past)
        return self._kept(*(torch.cat(each, 1) for each in zip(past, nothing, strict=True)))

    def _with_past(self, x: Tensor, on: Tensor, past: Past
                   ) -> tuple[Tensor, Tensor, Tensor, Tensor]:
        queries, *made = self.inward(x).unflatten(-1, (3, self.heads, -1)).unbind(2)
        keys, values, computed = (torch.cat(each, 1)
                                  for each in zip(past, (*made, on), strict=True))
        return queries, keys, values, computed

    def _scores(self, queries: Tensor, keys: Tensor, behind: Tensor) -> Tensor:
        """(n, heads, queries, keys), the lower the more steps ``behind`` a key is."""
        products = queries.transpose(1, 2) @ keys.permute(0, 2, 3, 1)
        return products / queries.shape[-1] ** 0.5 - self.slopes[:, None, None] * behind

    def _found(self, weights: Tensor, values: Tensor) -> Tensor:
        found: Tensor = self.outward((weights @ values.transpose(1, 2)).transpose(1, 2).flatten(2))
        return found

    def _kept(self, keys: Tensor, values: Tensor, computed: Tensor) -> Past:
        last = keys.shape[1] - self.past
        return keys[:, last:], values[:, last:], computed[:, last:]


class Layer(nn.Module):
    """Attention and a feed-forward block, each where its decider is for it."""

    def __init__(self, config: TransducerConfig, number: int) -> None:
        super().__init__()
        c = config
        self.attended, self.fed = nn.LayerNorm(c.hidden), nn.LayerNorm(c.hidden)
        self.attention = Attention(c.hidden, c.heads, c.past)
        self.feed = nn.Sequential(nn.Linear(c.hidden, WIDER * c.hidden), nn.GELU(),
                                  nn.Linear(WIDER * c.hidden, c.hidden))
        self.attends, self.feeds = (Decider(c.hidden, c.share, 2 * number + which, READY)
                                    for which in range(2))
        self.dropout = nn.Dropout(c.dropout)

    def forward(self, x: Tensor, past: Past, first: int) -> tuple[Tensor, Past, Tensor]:
        """Of (n, steps, width), of which the first is step ``first`` of each utterance, the same
        shape, the past behind them, and the decisions (n, steps, 2)."""
        y = self.attended(x)
        attends = self.attends(y, first)
        if len(x) == 1 and not torch.is_grad_enabled():
            return self._alone(x, y, attends, past, first)
        found, past = self.attention(y, attends, past)
        x = x + attends[..., None] * self.dropout(found)
        y = self.fed(x)
        feeds = self.feeds(y, first)
        x = x + feeds[..., None] * self.dropout(self.feed(y))
        return x, past, torch.stack([attends, feeds], -1)

    def _alone(self, x: Tensor, y: Tensor, attends: Tensor, past: Past, first: int
               ) -> tuple[Tensor, Past, Tensor]:
        """``forward`` of one utterance that computes only what was decided for."""
        steps = list(x.split(1, 1))
        for n, (step, on) in enumerate(zip(y.split(1, 1), attends[0].tolist(), strict=True)):
            if on:
                found, past = self.attention.alone(step, past)
                steps[n] = steps[n] + found
            else:
                past = self.attention.skipped(past)
        feeds = self.feeds(self.fed(torch.cat(steps, 1)), first)
        steps = [step + self.feed(self.fed(step)) if on else step
                 for step, on in zip(steps, feeds[0].tolist(), strict=True)]
        return torch.cat(steps, 1), past, torch.stack([attends, feeds], -1)


class AmortisedEncoder(Encoder):
    """Layers of 30 ms steps, and as many of blocks."""

    def __init__(self, config: TransducerConfig) -> None:
        super().__init__(config)
        c = config
        self.inward = nn.Linear(c.channels, c.hidden)
        self.lower = nn.ModuleList(Layer(c, number) for number in range(c.layers))
        self.lowered = nn.LayerNorm(c.hidden)
        self.together = nn.Linear(STEPS * c.hidden, c.hidden)
        self.upper = nn.ModuleList(Layer(c, c.layers + number) for number in range(c.layers))
        self.raised = nn.LayerNorm(c.hidden)
        self.dropout = nn.Dropout(c.dropout)

    def before(self, n: int) -> Memory:
        return tuple(layer.attention.begin(n) for layer in (*self.lower, *self.upper))

    def behind(self, x: Tensor, kept: Memory, heard: int) -> Heard:
        x, lower, below = _through(self.lower, self.dropout(self.inward(x)), kept, STEPS * heard)
        steps = self.lowered(x)
        x, upper, above = _through(self.upper, self.together(pairs(self.dropout(steps))),
                                   kept[len(lower):], heard)
        decisions = torch.cat([pairs(below), above], -1)
        return Heard(self.raised(x), steps, lower + upper, decisions.mean(-1))


def _through(layers: nn.ModuleList, x: Tensor, kept: Memory, first: int
             ) -> tuple[Tensor, Memory, Tensor]:
    """What the last layer makes of (n, steps, width), their pasts, and all decisions (n, steps,
    2 x layers)."""
    pasts, decisions = [], []
    for layer, past in zip(layers, kept, strict=False):
        x, behind, made = layer(x, past, first)
        pasts.append(behind)
        decisions.append(made)
    return x, tuple(pasts), torch.cat(decisions, -1)
