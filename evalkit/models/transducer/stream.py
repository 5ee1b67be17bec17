"""A transducer that hears as it is spoken to, block after block.

Whole recordings are heard by the same steps, one block at a time, so that a result depends on
nothing but the samples: the same to the last bit however they came.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import NamedTuple, Protocol

import numpy as np
import torch
from numpy.lib.stride_tricks import sliding_window_view
from torch import Tensor

from evalkit.core.types import Hypothesis, Shown, Word
from evalkit.models.tensors import device_of, threads
from evalkit.models.transducer.biasing import Listed
from evalkit.models.transducer.config import BLANK, TransducerConfig
from evalkit.models.transducer.encoder import BLOCK, Recurrent, State
from evalkit.models.transducer.features import BEFORE, RATE
from evalkit.models.transducer.network import TAIL, Transducer

MOST_LABELS = 24
"""In one block, so that no audio can make it speak without end. Long words may be said at once,
where what they are is heard at their end."""
AT_ONCE = 64
"""Blocks of which the spectra are made together, which bounds memory."""
Said = tuple[int, int]
"""A label, and the block that it was said in."""


class Blocks:
    """What the encoder hears of samples, block by block."""

    def __init__(self, model: Transducer) -> None:
        self.model, self.device = model, device_of(model)
        self.state: State = model.encoder.begin(1)
        self.waiting = np.zeros(BEFORE, np.float32)

    def push(self, samples: np.ndarray) -> Iterator[Tensor]:
        """The joint network's input (joint,) of every block that is complete with ``samples``."""
        self.waiting = np.concatenate([self.waiting, samples], dtype=np.float32)
        while len(self.waiting) >= BEFORE + BLOCK:
            pieces = sliding_window_view(self.waiting, BEFORE + BLOCK)[:AT_ONCE * BLOCK:BLOCK]
            self.waiting = self.waiting[len(pieces) * BLOCK:]
            spectra = self.model.features(torch.tensor(pieces, device=self.device))
            for heard, state in self.model.encoder.each(spectra.flatten(0, 1)[None], self.state):
                self.state = state
                yield self.model.joint.heard(heard)[0, 0]

    def finish(self) -> Iterator[Tensor]:
        """Those of the last samples and of the silence behind them."""
        rest = len(self.waiting) - BEFORE
        yield from self.push(np.zeros(-rest % BLOCK + TAIL * BLOCK, np.float32))


class Ended(Protocol):
    """A text that a search ended with. ``total`` is the logarithm of its probability, with what
    listed phrases gave on top; None where the search does not sum it."""

    @property
    def said(self) -> list[Said]: ...

    @property
    def total(self) -> float | None: ...


class Search(Protocol):
    """How a text is looked for; ``said`` is the best one so far."""

    @property
    def said(self) -> list[Said]: ...

    def hear(self, heard: Tensor) -> None:
        """The next block's (joint,)."""
        ...

    def finish(self) -> Sequence[Ended]:
        """What was found of an utterance that has ended, one guess or more, the best one first."""
        ...


class Greedy:
    """The best label at every node on the way through the lattice; the end token is none. It is
    its only guess."""

    total = None

    def __init__(self, model: Transducer, listed: Listed | None = None) -> None:
        self.model, self.listed = model, listed
        self.said: list[Said] = []
        self.blocks = 0
        self._state: Recurrent | None = None
        self.label = torch.zeros(1, 1, dtype=torch.long, device=device_of(model))
        self._read(BLANK)

    def hear(self, heard: Tensor) -> None:
        """The next block's (joint,)."""
        for _ in range(MOST_LABELS):
            label = int(self.model.joint(heard, self.next)[:self.model.config.spoken].argmax())
            if label == BLANK:
                break
            self.said.append((label, self.blocks))
            self._read(label)
        self.blocks += 1

    def finish(self) -> list[Greedy]:
        return [self]

    def _read(self, label: int) -> None:
        said, self._state = self.model.predictor(self.label.fill_(label), self._state)
        self.next = self.model.said(said, self.listed)[0, 0]


@dataclass
class Hearing:
    """An utterance on its way through a transducer (TextStream), on one thread; ``begin`` makes
    the search."""

    model: Transducer
    begin: Callable[[Transducer], Search] = Greedy
    shown: str = ""
    blocks: Blocks = field(init=False)
    search: Search = field(init=False)

    @torch.inference_mode()
    def __post_init__(self) -> None:
        with threads(1):
            self.blocks, self.search = Blocks(self.model), self.begin(self.model)

    @torch.inference_mode()
    def push(self, samples: np.ndarray) -> list[Shown]:
        with threads(1):
            for heard in self.blocks.push(samples):
                self.search.hear(heard)
        found = hypothesis(self.model, self.search.said)
        if found.text == self.shown:
            return []
        self.shown = found.text
        return [Shown(found.text, words=found.words)]

    def finish(self) -> Hypothesis:
        return best_of(self.model, self.guesses())

    @torch.inference_mode()
    def guesses(self) -> Sequence[Ended]:
        """What was found of an utterance that has ended, the best guess first."""
        with threads(1):
            for heard in self.blocks.finish():
                self.search.hear(heard)
            return self.search.finish()


def heard(model: Transducer, wave: np.ndarray, begin: Callable[[Transducer], Search] = Greedy
          ) -> Hypothesis:
    """What ``model`` hears of a whole ``wave`` (n,) at RATE."""
    stream = Hearing(model, begin)
    stream.push(wave)
    return stream.finish()


def texts(model: Transducer, waves: Iterable[np.ndarray]) -> list[str]:
    """What is heard of each of ``waves``."""
    return [heard(model, wave).text for wave in waves]


def best_of(model: Transducer, guesses: Iterable[Ended]) -> Hypothesis:
    """The first of ``guesses``, the others as its alternatives; of those of one text the first
    stands for all."""
    texts: dict[str, Hypothesis] = {}
    for guess in guesses:
        found = replace(hypothesis(model, guess.said), confidence=guess.total)
        texts.setdefault(found.text, found)
    first, *others = texts.values()
    return replace(first, alternatives=tuple(others))


def hypothesis(model: Transducer, said: Sequence[Said]) -> Hypothesis:
    """The words of labels, from the beginning of the block of the first letter to the end of that
    of the last, in which the recognizer said them."""
    blocks = [block for _, block in said]
    words = tuple(Word(each.text, blocks[each.first] * BLOCK / RATE,
                       (blocks[each.last] + 1) * BLOCK / RATE)
                  for each in words_in(model.config, [label for label, _ in said]))
    return Hypothesis(" ".join(word.text for word in words), words)


class Spelled(NamedTuple):
    """A word, and the places of its first and last letters among labels."""

    text: str
    first: int
    last: int


def words_in(config: TransducerConfig, labels: Sequence[int]) -> list[Spelled]:
    """The words that ``labels`` spell."""
    spelled = "".join(config.alphabet[label - 1] for label in labels)
    return [Spelled(found[0], found.start(), found.end() - 1)
            for found in re.finditer("[^ ]+", spelled)]
