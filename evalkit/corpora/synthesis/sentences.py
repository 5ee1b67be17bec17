"""Sentences drawn from a grammar.

A phrase may hold ``{slot}``s, each filled by one phrase of that name, beginning with ``{request}``;
numbers are spelled as words, and there is no punctuation. Names stand in angle brackets,
``call <maria keller>``, until a sentence is said.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from evalkit.core.errors import ConfigError

Slots = Mapping[str, Sequence[str]]
MOST_WORDS = 10
FEWEST_WORDS = 3
MOST_DRAWS = 1000
"""Sentences that are all known already, after which the grammar is said to have run out."""
_SLOT = re.compile(r"\{(\w+)\}")
_NAME = re.compile("<([^>]+)>")


class Name(NamedTuple):
    """What a contact, a device or a place is called, and whether no training text holds it."""

    name: str
    kind: str
    held_out: bool


@dataclass(frozen=True)
class Grammar:
    """``language`` is what rows of a corpus say (ISO 639-1), None for English; ``names`` are all
    that stand in angle brackets."""

    slots: Slots
    language: str | None = None
    names: tuple[Name, ...] = ()

    def with_names(self, *, held_out: bool) -> Slots:
        """The slots with those names alone that are held out, or those alone that are not."""
        others = {f"<{each.name}>" for each in self.names if each.held_out is not held_out}
        return {slot: [phrase for phrase in filling if phrase not in others]
                for slot, filling in self.slots.items()}

    def labels(self, sentence: str) -> dict[str, Any]:
        """What a row says of its sentence beside the text: language and names, where it has
        them."""
        said = {} if self.language is None else {"language": self.language}
        if not (names := _NAME.findall(sentence)):
            return said
        known = {each.name: each for each in self.names}
        return {**said, "names": names, "names_kind": known[names[0]].kind,
                "names_held_out": known[names[0]].held_out}


def phrases(text: str) -> list[str]:
    """The phrases of ``text``, between bars."""
    return [" ".join(phrase.split()) for phrase in text.split("|")]


def plain(sentence: str) -> str:
    """The sentence as it is said, its names without brackets."""
    return _NAME.sub(r"\1", sentence)


def distinct_sentences(slots: Slots, rng: np.random.Generator, count: int,
                       besides: Collection[str] = (), most_draws: int = MOST_DRAWS) -> list[str]:
    """``count`` different sentences of FEWEST_WORDS to MOST_WORDS words, none of them in
    ``besides``. Raises ConfigError where the grammar seems to hold too few: where ``most_draws``
    one after another give none that is new."""
    sentences: dict[str, None] = {}
    taken = frozenset(besides)
    for _ in range(count):
        sentence = next((s for s in _draws(slots, rng, most_draws)
                         if s not in sentences and s not in taken), None)
        if sentence is None:
            raise ConfigError(f"the grammar ran out after {len(sentences)} different sentences of "
                              f"the {count} asked for; ask for fewer utterances")
        sentences[sentence] = None
    return list(sentences)


def _draws(slots: Slots, rng: np.random.Generator, most: int) -> Iterator[str]:
    for _ in range(most):
        sentence = _fill("{request}", slots, rng)
        if FEWEST_WORDS <= len(sentence.split()) <= MOST_WORDS:
            yield sentence


def _fill(phrase: str, slots: Slots, rng: np.random.Generator) -> str:
    """``phrase`` with each slot filled by a phrase drawn uniformly."""
    def draw(slot: re.Match[str]) -> str:
        choices = slots[slot[1]]
        return _fill(choices[int(rng.integers(len(choices)))], slots, rng)
    return _SLOT.sub(draw, phrase)
