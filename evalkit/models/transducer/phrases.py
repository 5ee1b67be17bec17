"""Phrases that are listened for, by shallow fusion (Zhao et al. 2019, Interspeech): each label that
goes on with a phrase of the list raises a text's score, and what a phrase that is left before its
end had gained is taken back."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field

import numpy as np

from evalkit.models.transducer.config import TransducerConfig

_ELSEWHERE, _WORD_BEGINS = 0, 1
"""States in which no phrase has begun: inside a word, and where one may begin."""


@dataclass
class _Node:
    """A beginning of phrases. ``pending`` is how many of its labels gained what may yet be taken
    back, and ``ends`` says that a phrase ends here, if the word does."""

    pending: int = 0
    ends: bool = False
    next: dict[int, int] = field(default_factory=dict)


class Trie:
    """The ``phrases``, each of whose labels is worth ``boost`` nats. A phrase begins and ends with
    a word. Raises UtteranceError of kind BadText for one that the alphabet cannot spell."""

    def __init__(self, phrases: Iterable[str], config: TransducerConfig, boost: float) -> None:
        self.config, self.boost = config, boost
        self.space = config.encode(" ")[0]
        self.nodes = [_Node(), _Node()]
        self._bonuses: dict[int, np.ndarray] = {}
        for phrase in phrases:
            self._add(config.encode(" ".join(phrase.split())))

    def bonuses(self, state: int) -> np.ndarray:
        """Nats by which each label (labels,) is raised."""
        if state not in self._bonuses:
            self._bonuses[state] = self._raised(self.nodes[state])
        return self._bonuses[state]

    def step(self, state: int, label: int) -> int:
        """The state behind a label."""
        further = self.nodes[state].next.get(label)
        if further is not None:
            return further
        return _WORD_BEGINS if label == self.space else _ELSEWHERE

    def finish(self, state: int) -> float:
        """Nats that the end of the text adds: none, or what an unfinished phrase had gained, less
        than nothing."""
        node = self.nodes[state]
        return 0.0 if node.ends else -self.boost * node.pending

    def _add(self, labels: list[int]) -> None:
        state = _WORD_BEGINS
        for label in labels:
            node = self.nodes[state]
            if label not in node.next:
                node.next[label] = len(self.nodes)
                self.nodes.append(_Node())
            state = node.next[label]
        self.nodes[state].ends = bool(labels)
        self._count(_WORD_BEGINS)

    def _count(self, state: int) -> None:
        """Counts what is pending behind ``state``, anew: a phrase may end within another."""
        to_do = [state]
        while to_do:
            node = self.nodes[to_do.pop()]
            for label, further in node.next.items():
                kept = node.ends and label == self.space
                self.nodes[further].pending = 1 + (0 if kept else node.pending)
                to_do.append(further)

    def _raised(self, node: _Node) -> np.ndarray:
        raised = np.full(self.config.labels, -self.boost * node.pending)
        if node.ends:
            raised[self.space] = 0.0
        for label in node.next:
            raised[label] = self.boost
        raised[0] = 0.0
        return raised
