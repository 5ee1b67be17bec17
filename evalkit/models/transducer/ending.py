"""A transducer that knows when the speaker has ended (Li et al. 2020, arXiv:2004.11544): it has a
label for that, whose probability each block tells, given what was heard and said."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
import torch

from evalkit.core.types import Endpoint
from evalkit.models.tensors import threads
from evalkit.models.transducer.encoder import BLOCK
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.stream import Blocks, Greedy

Kind = Literal["speculative", "final"]


class Ends:
    """The log-probability of the end token behind every block, given the best text so far. The
    token itself is never said: speech may go on."""

    def __init__(self, model: Transducer) -> None:
        self.model, self.blocks, self.search = model, Blocks(model), Greedy(model)
        self._space = model.config.encode(" ")[0]

    def push(self, samples: np.ndarray) -> Iterator[tuple[float, int]]:
        """Of every block that is complete with ``samples``, the log-probability, and how many
        letters were said by then."""
        for heard in self.blocks.push(samples):
            self.search.hear(heard)
            scores = self.model.joint(heard, self.search.next).log_softmax(-1)
            letters = sum(label != self._space for label, _ in self.search.said)
            yield float(scores[self.model.config.end]), letters


@dataclass
class Bars:
    """Where end-points are. One of a kind comes when the log-probability has been at or above its
    bar, ``bars[kind][0]``, for ``bars[kind][1]`` blocks in a row since the last letter; once, until
    more is said. Before anything was said nobody ends."""

    bars: Mapping[Kind, tuple[float, int]]
    blocks: int = 0
    """That were heard."""
    letters: int = 0
    """That were said."""
    rows: dict[Kind, int] = field(default_factory=dict)
    """Blocks in a row at or above each bar; that of a bar that was passed stays."""

    def passed(self, score: float, letters: int) -> Iterator[Endpoint]:
        """The end-points behind the next block, its log-probability, and the letters so far."""
        self.blocks += 1
        if letters > self.letters:
            self.letters, self.rows = letters, dict.fromkeys(self.bars, 0)
        for kind, row in self.rows.items():
            bar, needed = self.bars[kind]
            if row < needed:
                self.rows[kind] = row + 1 if score >= bar else 0
                if self.rows[kind] == needed:
                    yield Endpoint(self.blocks * BLOCK / RATE, kind)


@dataclass
class Ending:
    """An utterance on its way through an end-pointer (EndpointStream), on one thread."""

    model: Transducer
    bars: Bars
    ends: Ends = field(init=False)

    @torch.inference_mode()
    def __post_init__(self) -> None:
        with threads(1):
            self.ends = Ends(self.model)

    @torch.inference_mode()
    def push(self, samples: np.ndarray) -> list[Endpoint]:
        with threads(1):
            return [each for score, letters in self.ends.push(samples)
                    for each in self.bars.passed(score, letters)]
