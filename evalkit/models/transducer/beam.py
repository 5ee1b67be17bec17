"""Beam search through a transducer's lattice, block by block (time-synchronous decoding, Saon et
al. 2020, ICASSP).

Texts compete when all have heard the same blocks. A text that is reached in several ways has the
sum of their probabilities, in a block as well as over blocks; without that, or where texts of
different blocks compete, short texts win.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple, Protocol

import numpy as np
import torch
from torch import Tensor

from evalkit.models.transducer.biasing import Listed
from evalkit.models.transducer.config import BLANK
from evalkit.models.transducer.encoder import Recurrent
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.stream import MOST_LABELS, Said

WITHIN = 10.0
"""Nats below the best text at which one is dropped."""


class Prefix(NamedTuple):
    """A text on its way: its ``labels``, each with the block that it was said in and the score
    behind it; the ``score``, the log-probability of text and audio so far, and the ``bonus`` that
    listed phrases gave on top, in the state ``phrase`` of their list."""

    labels: tuple[int, ...]
    blocks: tuple[int, ...]
    scores: tuple[float, ...]
    score: float
    bonus: float
    phrase: int

    @property
    def total(self) -> float:
        """What texts compete with."""
        return self.score + self.bonus

    @property
    def said(self) -> list[Said]:
        """The labels and their blocks."""
        return list(zip(self.labels, self.blocks, strict=True))


class Phrases(Protocol):
    """A list of phrases that are listened for (evalkit.models.transducer.phrases)."""

    def bonuses(self, state: int) -> np.ndarray:
        """Nats by which each label (labels,) is raised; what a phrase that is left unfinished had
        gained is taken back."""
        ...

    def step(self, state: int, label: int) -> int:
        """The state behind a label."""
        ...

    def finish(self, state: int) -> float:
        """Nats that the end of the text adds."""
        ...


class NoPhrases:
    """The empty list."""

    def __init__(self, labels: int) -> None:
        self.none = np.zeros(labels)

    def bonuses(self, state: int) -> np.ndarray:
        return self.none

    def step(self, state: int, label: int) -> int:
        return 0

    def finish(self, state: int) -> float:
        return 0.0


@dataclass
class _Read:
    """What the predictor made of texts: the joint network's input, and its states."""

    said: dict[tuple[int, ...], Tensor]
    states: dict[tuple[int, ...], Recurrent]


@dataclass
class _Ended:
    """Texts that have heard a block to its end, and their totals."""

    guesses: dict[tuple[int, ...], Prefix] = field(default_factory=dict)
    totals: dict[tuple[int, ...], float] = field(default_factory=dict)

    def add(self, guesses: Iterable[Prefix], blanks: np.ndarray) -> None:
        """Ends the block for ``guesses``; ways to one text are summed, and of their times those of
        the likeliest are kept."""
        for guess, blank in zip(guesses, blanks.tolist(), strict=True):
            labels, blocks, scores, score, bonus, phrase = guess
            ended = Prefix(labels, blocks, scores, score + blank, bonus, phrase)
            other = self.guesses.get(labels)
            if other is not None:
                likelier = max(ended, other, key=lambda each: each.score)
                ended = likelier._replace(score=float(np.logaddexp(ended.score, other.score)))
            self.guesses[labels], self.totals[labels] = ended, ended.total

    def bar(self, width: int) -> float:
        """What a text must be better than to be of use."""
        best = sorted(self.totals.values(), reverse=True)
        return max(best[0] - WITHIN, best[width - 1] if len(best) >= width else -np.inf)


class Beam:
    """The ``width`` best texts. Their sums are in double precision, and texts of equal score go
    by their labels."""

    def __init__(self, model: Transducer, width: int, phrases: Phrases | None = None,
                 listed: Listed | None = None) -> None:
        self.model, self.width, self.listed = model, width, listed
        self.phrases = phrases or NoPhrases(model.config.labels)
        self.guesses = [Prefix((), (), (), 0.0, 0.0, 0)]
        self.blocks = 0
        said, (h, c) = model.predictor(torch.tensor([[BLANK]]))
        self._read = _Read({(): model.said(said, listed)[0, 0]}, {(): (h[0, 0], c[0, 0])})
        self._looked = set[tuple[int, ...]]()

    @property
    def said(self) -> list[Said]:
        """The labels of the best text so far, and their blocks."""
        return self.guesses[0].said

    def hear(self, heard: Tensor) -> None:
        """The next block's (joint,)."""
        going, done = self.guesses, _Ended()
        for _ in range(MOST_LABELS):
            scores = self._scores(heard, going)
            done.add(going, scores[:, BLANK])
            going = self._longer(going, scores, done.bar(self.width))
            if not going:
                break
        else:
            done.add(going, self._scores(heard, going)[:, BLANK])
        self.guesses = _best(done.guesses.values(), self.width)
        self._forget()
        self.blocks += 1

    def finish(self) -> list[Prefix]:
        """The best texts of an utterance that has ended, best first: what unfinished phrases gained
        is taken back."""
        ended = [guess._replace(bonus=guess.bonus + self.phrases.finish(guess.phrase))
                 for guess in self.guesses]
        return _best(ended, self.width)

    def _scores(self, heard: Tensor, guesses: Sequence[Prefix]) -> np.ndarray:
        """Log-probabilities (guesses, labels) of the next label; the end token is never
        said."""
        said = torch.stack([self._read.said[guess.labels] for guess in guesses])
        scores: np.ndarray = self.model.joint(heard, said).log_softmax(-1).double().numpy()
        scores[:, self.model.config.spoken:] = -np.inf
        return scores

    def _longer(self, guesses: Sequence[Prefix], scores: np.ndarray, bar: float) -> list[Prefix]:
        """The best texts with one more label, of those whose total is above the ``bar``."""
        bonuses = np.stack([self.phrases.bonuses(guess.phrase) for guess in guesses])
        totals = np.array([guess.total for guess in guesses])[:, None] + scores + bonuses
        totals[:, BLANK] = -np.inf
        kept = _best([self._with(guesses[row], label, scores[row, label], bonuses[row, label])
                      for row, label in np.argwhere(totals > bar).tolist()], self.width)
        self._predict(kept)
        return kept

    def _with(self, guess: Prefix, label: int, score: float, bonus: float) -> Prefix:
        score = guess.score + float(score)
        return Prefix((*guess.labels, label), (*guess.blocks, self.blocks), (*guess.scores, score),
                     score, guess.bonus + float(bonus), self.phrases.step(guess.phrase, label))

    def _predict(self, guesses: Sequence[Prefix]) -> None:
        """Reads the last label of each text that was not read before."""
        self._looked.update(guess.labels for guess in guesses)
        new = [guess.labels for guess in guesses if guess.labels not in self._read.said]
        if not new:
            return
        states = [self._read.states[labels[:-1]] for labels in new]
        h, c = self.model.predictor.step(
            torch.tensor([labels[-1] for labels in new]),
            (torch.stack([h for h, _ in states]), torch.stack([c for _, c in states])))
        self._read.said.update(zip(new, self.model.said(h, self.listed), strict=True))
        self._read.states.update(zip(new, zip(h, c, strict=True), strict=True))

    def _forget(self) -> None:
        """Keeps the best texts, and what else this block looked at: the next one mostly looks at it
        again."""
        kept = {guess.labels for guess in self.guesses} | self._looked
        self._read = _Read({labels: self._read.said[labels] for labels in kept},
                           {labels: self._read.states[labels] for labels in kept})
        self._looked = set()


def _best(guesses: Iterable[Prefix], width: int) -> list[Prefix]:
    return sorted(guesses, key=lambda each: (-each.total, each.labels))[:width]

