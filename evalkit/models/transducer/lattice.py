"""A word lattice of the texts that a beam search ended with.

A node is where a word ends: the last two words, the block in which the last one was said, and its
place among the words of that block. Texts that meet in a node share what lies behind, so that the
lattice holds more texts than were found; but none that is better than the best one.

A link has the score of its word in two parts, as HTK's format has them: what the language model
inside the transducer says of it (evalkit.models.transducer.internal), and the rest.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

import numpy as np

from evalkit.core.lattices import ScoredLink, WordLattice
from evalkit.models.transducer.beam import Prefix
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.encoder import BLOCK
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.internal import internal
from evalkit.models.transducer.network import Transducer
from evalkit.models.transducer.stream import words_in
from evalkit.store.slf import slf

HISTORY = 2
"""Words by which nodes of one block are told apart."""
DECIMALS = 2
"""Of scores, as they are written: rounding them later could change what is best."""
LANGUAGE_DECIMALS = 1
"""Of the language model's part of them; it takes nothing from the precision of the sum."""
MOST_BYTES = 2000
"""Of a lattice that is written in HTK's format."""


class _WordEnd(NamedTuple):
    """``block`` and ``place`` order nodes; of a text that stands ``apart`` all words that were said
    before are of the ``history``."""

    block: int
    place: int
    history: tuple[str, ...]
    apart: bool = False


_START = _WordEnd(-1, 0, ())


class _WordLink(NamedTuple):
    """From one node to the next, by a word."""

    start: _WordEnd
    end: _WordEnd | None
    word: str | None


class _Score(NamedTuple):
    """All of it, and the part that is the language model's."""

    total: float
    language: float


_Links = Mapping[_WordLink, _Score]


@dataclass(frozen=True)
class _Text:
    """The places of the ends of ``words``, and the scores behind each word."""

    words: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    scores: tuple[_Score, ...]

    def links(self, *, apart: bool) -> Iterator[tuple[_WordLink, _Score]]:
        """Its way through the lattice; the last link leads to the end, and has the rest of the
        score."""
        nodes = [_START, *(
            _WordEnd(*place, self.words[0 if apart else max(0, n - HISTORY):n], apart)
            for n, place in enumerate(self.places[:-1], 1))]
        for start, end, word, (before, behind) in zip(
                nodes, [*nodes[1:], None], self.words or (None,),
                pairwise((_Score(0.0, 0.0), *self.scores)), strict=True):
            yield _WordLink(start, end, word), _Score(behind.total - before.total,
                                                      behind.language - before.language)


@dataclass
class _Growing:
    """Links on their way to a lattice of at most so many bytes, in which no way is better than the
    ``best``; its end is that of the block ``last``."""

    best: float
    last: int
    most_bytes: int
    links: _Links = field(default_factory=dict)

    def add(self, text: _Text) -> None:
        """Adds a text: apart from all others, where its nodes would make a way better than the
        best; and not at all where there is no room left, except for the first."""
        links = self._with(text, apart=False)
        if _best(links) > self.best + 0.5 * 10 ** -DECIMALS:
            links = self._with(text, apart=True)
        if not self.links or len(slf(_numbered(links, self.last)).encode()) <= self.most_bytes:
            self.links = links

    def _with(self, text: _Text, *, apart: bool) -> _Links:
        links = dict(self.links)
        for step, score in text.links(apart=apart):
            links[step] = max(score, links.get(step, score))
        return links


def _best(links: _Links) -> float:
    """The score of the best way to the end."""
    ways: dict[_WordEnd | None, float] = {_START: 0.0}
    for step, score in _ordered(links):
        ways[step.end] = max(ways[step.start] + score.total, ways.get(step.end, float("-inf")))
    return ways[None]


def _ordered(links: _Links) -> list[tuple[_WordLink, _Score]]:
    """Links by the nodes that they begin in, those to the end last."""
    return sorted(links.items(), key=lambda item: (
        item[0].start, item[0].end is None, item[0].end or _START, item[0].word or ""))


def lattice(model: Transducer, guesses: Sequence[Prefix], most_bytes: int = MOST_BYTES
            ) -> WordLattice:
    """The lattice of what a beam search through ``model`` ended with, best first, one guess or
    more. The scores of links are natural logarithms, and those of each guess sum to its total;
    the best path is the best guess. Where several guesses are of one text, the first stands for
    all. Guesses for which there is no room in ``most_bytes`` of HTK's format are left out, the
    worst first; the best one is there however long it is."""
    texts: dict[tuple[str, ...], _Text] = {}
    for guess, language in zip(guesses, internal(model, [each.labels for each in guesses]),
                               strict=True):
        text = _text(model.config, guess, language)
        texts.setdefault(text.words, text)
    last = max((text.places[-1][0] for text in texts.values() if text.places), default=-1)
    growing = _Growing(max(text.scores[-1].total for text in texts.values()), last, most_bytes)
    for text in texts.values():
        growing.add(text)
    return _numbered(growing.links, last)


def _text(config: TransducerConfig, guess: Prefix, language: np.ndarray) -> _Text:
    """``language`` as evalkit.models.transducer.internal has it."""
    spelled = words_in(config, guess.labels)
    ends = [each.last for each in spelled]
    blocks = [guess.blocks[end] for end in ends]
    totals = [*(guess.scores[end] for end in ends[:-1]), guess.total]
    own = [float(language[end]) for end in ends] or [0.0]
    return _Text(tuple(each.text for each in spelled),
                 tuple((block, n - blocks.index(block)) for n, block in enumerate(blocks)),
                 tuple(_Score(round(total, DECIMALS), round(each, LANGUAGE_DECIMALS))
                       for total, each in zip(totals, own, strict=True)))


def _numbered(links: _Links, last: int) -> WordLattice:
    """``last`` is the block in which the last word ends."""
    nodes = sorted({step.start for step in links})
    numbers: dict[_WordEnd | None, int] = {node: n for n, node in enumerate(nodes)}
    numbers[None] = len(nodes)
    times = [(node.block + 1) * BLOCK / RATE for node in nodes]
    return WordLattice((*times, (last + 1) * BLOCK / RATE), tuple(
        ScoredLink(numbers[step.start], numbers[step.end], step.word,
                   round(score.total - score.language, DECIMALS),
                   round(score.language, LANGUAGE_DECIMALS))
        for step, score in _ordered(links)))
