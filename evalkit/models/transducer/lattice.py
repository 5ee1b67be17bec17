"""A word lattice of the texts that a beam search ended with.

A node is where a word ends: the last two words, the block in which the last one was said, and its
place among the words of that block. Texts that meet in a node share what lies behind, so that the
lattice holds more texts than were found; but none that is better than the best one.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import NamedTuple

from evalkit.core.lattices import ScoredLink, WordLattice
from evalkit.models.transducer.beam import Prefix
from evalkit.models.transducer.config import TransducerConfig
from evalkit.models.transducer.encoder import BLOCK
from evalkit.models.transducer.features import RATE
from evalkit.models.transducer.stream import words_in

HISTORY = 2
"""Words by which nodes of one block are told apart."""
DECIMALS = 2
"""Of scores, as they are written: rounding them later could change what is best."""


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


_Links = Mapping[_WordLink, float]


@dataclass(frozen=True)
class _Text:
    """The nodes of the ends of ``words``, without the last; ``scores`` behind each word."""

    words: tuple[str, ...]
    places: tuple[tuple[int, int], ...]
    scores: tuple[float, ...]

    def links(self, *, apart: bool) -> Iterator[tuple[_WordLink, float]]:
        """Its way through the lattice; the last link leads to the end, and has the rest of the
        score."""
        nodes = [_START, *(
            _WordEnd(*place, self.words[0 if apart else max(0, n - HISTORY):n], apart)
            for n, place in enumerate(self.places[:-1], 1))]
        for start, end, word, (before, behind) in zip(
                nodes, [*nodes[1:], None], self.words or (None,), pairwise((0.0, *self.scores)),
                strict=True):
            yield _WordLink(start, end, word), behind - before


@dataclass
class _Growing:
    """Links on their way to a lattice."""

    links: dict[_WordLink, float] = field(default_factory=dict)

    def add(self, text: _Text, best: float) -> None:
        """Adds a text: apart from all others, where its nodes would make a way better than the
        ``best``."""
        together = self._with(text, apart=False)
        self.links = (together if _best(together) <= best + 0.5 * 10 ** -DECIMALS
                      else self._with(text, apart=True))

    def _with(self, text: _Text, *, apart: bool) -> dict[_WordLink, float]:
        links = dict(self.links)
        for step, score in text.links(apart=apart):
            links[step] = max(score, links.get(step, score))
        return links


def _best(links: _Links) -> float:
    """The score of the best way to the end."""
    ways: dict[_WordEnd | None, float] = {_START: 0.0}
    for step, score in _ordered(links):
        ways[step.end] = max(ways[step.start] + score, ways.get(step.end, float("-inf")))
    return ways[None]


def _ordered(links: _Links) -> list[tuple[_WordLink, float]]:
    """Links by the nodes that they begin in, those to the end last."""
    return sorted(links.items(), key=lambda item: (
        item[0].start, item[0].end is None, item[0].end or _START, item[0].word or ""))


def lattice(config: TransducerConfig, guesses: Sequence[Prefix]) -> WordLattice:
    """The lattice of ``guesses``, best first, one or more, of a transducer of this ``config``. The
    scores of links are natural logarithms, and those of each guess sum to its total; the best
    path is the best guess. Where several guesses are of one text, the first stands for all."""
    texts: dict[tuple[str, ...], _Text] = {}
    for guess in guesses:
        text = _text(config, guess)
        texts.setdefault(text.words, text)
    growing = _Growing()
    best = max(text.scores[-1] for text in texts.values())
    for text in texts.values():
        growing.add(text, best)
    last = max((text.places[-1][0] for text in texts.values() if text.places), default=-1)
    return _numbered(growing.links, last)


def _text(config: TransducerConfig, guess: Prefix) -> _Text:
    spelled = words_in(config, guess.labels)
    blocks = [guess.blocks[each.last] for each in spelled]
    scores = [guess.scores[each.last] for each in spelled[:-1]]
    return _Text(tuple(each.text for each in spelled),
                 tuple((block, n - blocks.index(block)) for n, block in enumerate(blocks)),
                 tuple(round(score, DECIMALS) for score in (*scores, guess.total)))


def _numbered(links: _Links, last: int) -> WordLattice:
    """``last`` is the block in which the last word ends."""
    nodes = sorted({step.start for step in links})
    numbers: dict[_WordEnd | None, int] = {node: n for n, node in enumerate(nodes)}
    numbers[None] = len(nodes)
    times = [(node.block + 1) * BLOCK / RATE for node in nodes]
    return WordLattice((*times, (last + 1) * BLOCK / RATE), tuple(
        ScoredLink(numbers[step.start], numbers[step.end], step.word, round(score, DECIMALS))
        for step, score in _ordered(links)))
