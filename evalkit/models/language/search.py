"""The best path through a word lattice under a language model, exactly, by dynamic programming: the
lattice is composed with the states of the model, and of each node of the composition the best way
to it is kept."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.lattices import ScoredLink, WordLattice
from evalkit.models.language.ngrams import END, Gram, Ngrams

MOST_STEPS = 5_000_000
"""Links of a composition."""
_MOST_CELLS = 20_000_000
"""Nodes of a composition times weights that are looked at together."""


class Weights(NamedTuple):
    """Of a path the score is ``acoustic`` times the sum of its acoustic scores, plus ``own`` times
    that of the recognizer's own language model, plus ``language`` times ln p of the model that it
    is rescored by, plus ``insertion`` for each word."""

    language: float = 0.0
    insertion: float = 0.0
    own: float = 1.0
    acoustic: float = 1.0

    @property
    def column(self) -> tuple[float, float, float, float]:
        """As the sums of a path are ordered: acoustic, own, language, words."""
        return self.acoustic, self.own, self.language, self.insertion


class _Step(NamedTuple):
    """A link of the composition: from which of its nodes, with which word, and what it adds."""

    start: int
    word: str | None
    sums: tuple[float, float, float, float]


class _Frontier:
    """The nodes of a composition by node of the lattice and state of the model."""

    def __init__(self, lattice: WordLattice, model: Ngrams) -> None:
        self.model = model
        self.into: list[list[_Step]] = [[]]
        self._at: list[dict[Gram, int]] = [{} for _ in lattice.times]
        self._at[0][model.start] = 0
        self._steps = 0

    def follow(self, link: ScoredLink) -> None:
        """All ways that the ``link`` continues. Raises UtteranceError of kind TooLarge."""
        for state, node in self._at[link.start].items():
            log, then = (0.0, state) if link.word is None else self.model.step(state, link.word)
            self._add(link.end, then, _Step(node, link.word, (
                link.score, link.language, log, float(link.word is not None))))

    def end(self) -> None:
        """One node behind all at the last of the lattice."""
        self.into.append([])
        for state, node in self._at[-1].items():
            log, _ = self.model.step(state, END)
            self.into[-1].append(_Step(node, None, (0.0, 0.0, log, 0.0)))

    def _add(self, end: int, state: Gram, step: _Step) -> None:
        self._steps += 1
        if self._steps > MOST_STEPS:
            raise UtteranceError("TooLarge", f"its lattice has more than {MOST_STEPS:,} ways on "
                                 "with the language model; prune it, or take a lower order")
        node = self._at[end].setdefault(state, len(self.into))
        if node == len(self.into):
            self.into.append([])
        self.into[node].append(step)


@dataclass(frozen=True)
class Composed:
    """A lattice with all that a language model says of it, for any weights."""

    into: tuple[tuple[_Step, ...], ...]

    def best(self, weights: np.ndarray) -> list[tuple[str, ...]]:
        """The words of the best path for each column of ``weights`` (4, n); of several as good the
        one that the lattice has first."""
        at_once = max(1, _MOST_CELLS // len(self.into))
        return [words for first in range(0, weights.shape[1], at_once)
                for words in self._best(weights[:, first:first + at_once])]

    def _best(self, weights: np.ndarray) -> list[tuple[str, ...]]:
        columns = np.arange(weights.shape[1])
        scores = np.full((len(self.into), len(columns)), -np.inf)
        back = np.zeros((len(self.into), len(columns)), np.intp)
        scores[0] = 0.0
        for node, steps in enumerate(self.into[1:], 1):
            found = (scores[[step.start for step in steps]]
                     + np.array([step.sums for step in steps]) @ weights)
            back[node] = found.argmax(axis=0)
            scores[node] = found[back[node], columns]
        return [self._traced(back[:, column].tolist()) for column in columns]

    def _traced(self, back: list[int]) -> tuple[str, ...]:
        words, node = [], len(self.into) - 1
        while node:
            step = self.into[node][back[node]]
            node = step.start
            words.append(step.word)
        return tuple(word for word in reversed(words) if word is not None)


def compose(lattice: WordLattice, model: Ngrams) -> Composed:
    """Raises UtteranceError of kind TooLarge."""
    frontier = _Frontier(lattice, model)
    for link in sorted(lattice.links, key=lambda each: each.end):
        frontier.follow(link)
    frontier.end()
    return Composed(tuple(map(tuple, frontier.into)))
