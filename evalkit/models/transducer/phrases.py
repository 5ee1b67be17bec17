"""Phrases that are listened for, by shallow fusion (Zhao et al. 2019, Interspeech): each label that
goes on with a phrase of the list raises a text's score, and what a phrase that is left before its
end had gained is taken back.

In the end a text has gained by the phrases that it holds as whole words, of those that overlap the
leftmost, of those that begin together the longest; and by nothing else. The trie finds them as it
is walked, by the links of Aho and Corasick (1975, Communications of the ACM 18): where the phrase
that began first is left, the search goes on with what has begun behind its first word.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.core.errors import ConfigError, UtteranceError, one_line
from evalkit.models.transducer.config import TransducerConfig

_ELSEWHERE, _WORD_BEGINS = 0, 1
"""States in which no phrase has begun: inside a word, and where one may begin."""


@dataclass
class _Beginning:
    """A beginning of phrases, of so many labels (``depth``), all of which have gained. ``ends``
    says that a phrase ends here, if the word does. Where it is left, what counts is ``kept``, the
    labels of phrases that ended on the way, and the search is in the state ``instead``."""

    depth: int = 0
    ends: bool = False
    kept: int = 0
    instead: int = _ELSEWHERE
    next: dict[int, int] = field(default_factory=dict)


class Trie:
    """The ``phrases``, each of whose labels is worth ``boost`` nats. A phrase begins and ends with
    a word. Raises UtteranceError of kind BadText for one that the alphabet cannot spell."""

    def __init__(self, phrases: Iterable[str], config: TransducerConfig, boost: float) -> None:
        self.phrases, self.config, self.boost = list(phrases), config, boost
        self.space = config.encode(" ")[0]
        self.boundaries = [self.space] + ([] if config.end is None else [config.end])
        self.nodes = [_Beginning(), _Beginning()]
        self._bonuses: dict[int, np.ndarray] = {}
        for phrase in self.phrases:
            self._add(config.encode(" ".join(phrase.split())))
        self._link()

    def bonuses(self, state: int) -> np.ndarray:
        """Nats by which each label (labels,) is raised."""
        if state not in self._bonuses:
            gains = [self._move(state, label)[1] for label in range(1, self.config.labels)]
            self._bonuses[state] = self.boost * np.array([0, *gains])
        return self._bonuses[state]

    def step(self, state: int, label: int) -> int:
        """The state behind a label."""
        return self._move(state, label)[0]

    def finish(self, state: int) -> float:
        """Nats that the end of the text adds: none, or what an unfinished phrase had gained, less
        than nothing."""
        lost, node = 0, self.nodes[state]
        while not node.ends and state != _ELSEWHERE:
            lost += node.depth - node.kept
            state = node.instead
            node = self.nodes[state]
        return -self.boost * lost

    def _move(self, state: int, label: int) -> tuple[int, int]:
        """The state behind a label, and how many labels more count there."""
        gained, node = 0, self.nodes[state]
        while label not in node.next:
            if state == _ELSEWHERE or (node.ends and label in self.boundaries):
                return (_WORD_BEGINS if label == self.space else _ELSEWHERE), gained
            gained += node.kept - node.depth
            state = node.instead
            node = self.nodes[state]
        return node.next[label], gained + 1

    def _add(self, labels: list[int]) -> None:
        state = _WORD_BEGINS
        for label in labels:
            node = self.nodes[state]
            if label not in node.next:
                node.next[label] = len(self.nodes)
                self.nodes.append(_Beginning(node.depth + 1))
            state = node.next[label]
        self.nodes[state].ends = bool(labels)

    def _link(self) -> None:
        """Says of each node what follows where it is left, of shorter ones first."""
        to_do = list(self.nodes[_WORD_BEGINS].next.values())
        for state in to_do:
            node = self.nodes[state]
            for label, further in node.next.items():
                to_do.append(further)
                self._link_one(node, label, self.nodes[further])

    def _link_one(self, node: _Beginning, label: int, further: _Beginning) -> None:
        """Of the node ``further`` behind ``node``."""
        if node.ends and label == self.space:
            further.kept, further.instead = node.depth, _WORD_BEGINS
        else:
            further.instead, gained = self._move(node.instead, label)
            further.kept = node.kept + gained


def read_phrases(path: Path, config: TransducerConfig) -> list[str]:
    """The phrases of a file: one a line, or as `evalkit corpus synth` writes names.json, a list in
    JSON of objects with a ``name``. Lines without a word are none. Raises ConfigError naming the
    file, and the line or entry that the alphabet of ``config`` cannot spell."""
    try:
        text = path.read_text(encoding="utf-8-sig")
        entries = _named(json.loads(text)) if path.suffix == ".json" else text.split("\n")
    except (OSError, ValueError, RecursionError) as error:
        raise ConfigError(f"{path}: cannot read the phrases: {one_line(error)}; write one a line, "
                          'or a JSON list of objects with a "name"') from error
    phrases = [_phrase(path, number, entry, config) for number, entry in enumerate(entries, 1)]
    return [phrase for phrase in dict.fromkeys(phrases) if phrase]


def _named(listed: Any) -> list[str]:
    """The names of names.json."""
    names = [each["name"] if isinstance(each, dict) and "name" in each else None
             for each in listed] if isinstance(listed, list) else [None]
    if not all(isinstance(name, str) for name in names):
        raise ValueError("it is no list of objects with a name")
    return [str(name) for name in names]


def _phrase(path: Path, number: int, entry: str, config: TransducerConfig) -> str:
    phrase = " ".join(entry.lower().split())
    try:
        config.encode(phrase)
    except UtteranceError as error:
        raise ConfigError(f"{path}:{number}: {error.reason}; mend or delete it") from error
    return phrase
