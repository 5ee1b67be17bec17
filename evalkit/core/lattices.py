"""Word lattices with times and scores: what a recognizer took into account, and how likely it found
it. A recognizer makes them, evalkit.store.slf writes them, evalkit.metrics.lattice_files reads
them."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import NamedTuple


class ScoredLink(NamedTuple):
    """A word (None: no word) between two nodes of a lattice. ``score`` is its acoustic
    log-likelihood or log-probability, ``language`` that of the recognizer's own language model
    where it is apart; natural logarithms."""

    start: int
    end: int
    word: str | None
    score: float
    language: float = 0.0


@dataclass(frozen=True)
class WordLattice:
    """``times`` of the nodes in seconds, None where unknown; ``links`` between them, from nodes of
    lower to nodes of higher number. Sentences begin at the first node and end at the last.

    Raises ValueError for links that are not so, and scores that are no finite numbers."""

    times: tuple[float | None, ...]
    links: tuple[ScoredLink, ...]

    def __post_init__(self) -> None:
        for link in self.links:
            if not 0 <= link.start < link.end < len(self.times):
                raise ValueError(f"a link from node {link.start} to node {link.end} of "
                                 f"{len(self.times)}; it must lead to a node of higher number")
            if not math.isfinite(link.score + link.language):
                raise ValueError(f"the link of {link.word!r} from node {link.start} to node "
                                 f"{link.end} has a score that is no finite number")
