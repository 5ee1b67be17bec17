"""A transducer that hears as it is spoken to: the best label, block after block.

Whole recordings are heard by the same steps, one block at a time, so that a result depends on
nothing but the samples: the same to the last bit however they came.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

import numpy as np
import torch
from torch import Tensor

from evalkit.core.types import Hypothesis, Shown, Word
from evalkit.models.tensors import device_of, threads
from evalkit.models.transducer.biasing import Listed
from evalkit.models.transducer.config import BLANK
from evalkit.models.transducer.encoder import BLOCK, Recurrent, State
from evalkit.models.transducer.features import BEFORE, RATE
from evalkit.models.transducer.network import TAIL, Transducer

MOST_LABELS = 24
"""In one block, so that no audio can make it speak without end. Long words may be said at once,
where what they are is heard at their end."""
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
            block = torch.tensor(self.waiting[None, :BEFORE + BLOCK], device=self.device)
            self.waiting = self.waiting[BLOCK:]
            heard, _, self.state = self.model.encoder(self.model.features(block), self.state)
            yield self.model.joint.heard(heard)[0, 0]

    def finish(self) -> Iterator[Tensor]:
        """Those of the last samples and of the silence behind them."""
        rest = len(self.waiting) - BEFORE
        yield from self.push(np.zeros(-rest % BLOCK + TAIL * BLOCK, np.float32))


class Greedy:
    """The best label at every node on the way through the lattice; the end token is none."""

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

    def _read(self, label: int) -> None:
        said, self._state = self.model.predictor(self.label.fill_(label), self._state)
        self.next = self.model.said(said, self.listed)[0, 0]


@dataclass
class Hearing:
    """An utterance on its way through a transducer (TextStream), on one thread."""

    model: Transducer
    shown: str = ""
    blocks: Blocks = field(init=False)
    search: Greedy = field(init=False)

    @torch.inference_mode()
    def __post_init__(self) -> None:
        with threads(1):
            self.blocks, self.search = Blocks(self.model), Greedy(self.model)

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

    @torch.inference_mode()
    def finish(self) -> Hypothesis:
        with threads(1):
            for heard in self.blocks.finish():
                self.search.hear(heard)
        return hypothesis(self.model, self.search.said)


def heard(model: Transducer, wave: np.ndarray) -> Hypothesis:
    """What ``model`` hears of a whole ``wave`` (n,) at RATE."""
    stream = Hearing(model)
    stream.push(wave)
    return stream.finish()


def texts(model: Transducer, waves: Iterable[np.ndarray]) -> list[str]:
    """What is heard of each of ``waves``."""
    return [heard(model, wave).text for wave in waves]


def hypothesis(model: Transducer, said: list[Said]) -> Hypothesis:
    """The words of labels, from the beginning of the block of the first letter to the end of that
    of the last, in which the recognizer said them."""
    words: list[Word] = []
    letters: list[tuple[str, int]] = []
    for label, block in [*said, (1 + model.config.alphabet.index(" "), 0)]:
        character = model.config.alphabet[label - 1]
        if character == " " and letters:
            words.append(_word(letters))
            letters = []
        elif character.strip():
            letters.append((character, block))
    return Hypothesis(" ".join(word.text for word in words), tuple(words))


def _word(letters: list[tuple[str, int]]) -> Word:
    return Word("".join(letter for letter, _ in letters), letters[0][1] * BLOCK / RATE,
                (letters[-1][1] + 1) * BLOCK / RATE)
