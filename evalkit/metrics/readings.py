"""References that may be said in several ways, in sclite's notation, as trees and as networks.

    i've { um / uh / @ } got to { go / leave { now / soon } }     one of several, @ for nothing
    turn (please) on the light                                    words that may be missing

A *reading* is one of the texts that such a text stands for. Their number grows with the product of
the alternatives, so that they are kept as a network, whose size is that of the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import chain, product

from evalkit.core.errors import UtteranceError
from evalkit.core.networks import Arc, Network
from evalkit.metrics.tokens import UNPARTED

MOST_READINGS = 256
"""Of a text whose readings are normalised whole, each by itself, and of a word of a list."""
DEEPEST = 50
"""How many braces may be open at once."""
BAD = "BadAlternatives"
"""The kind of the failure of a text whose braces do not fit together."""
Unit = Callable[[str], Sequence[str]]
"""Makes tokens of a normalised text (evalkit.metrics.tokens)."""
_WORD = re.compile(r"([{(]*)(.*?)([})]*)([^\w{}()]*)", re.DOTALL)
_CLOSING = {"{": "}", "(": ")"}
_NOTATION = frozenset("{}()")
_UNPARTED = re.compile(f"[{UNPARTED}]")


@dataclass(frozen=True)
class Choice:
    """One of several texts; an empty one is nothing."""

    alternatives: tuple[Text, ...]


Text = tuple["str | Choice", ...]
"""Words, and choices between texts."""


@dataclass
class _Open:
    """What stands behind a brace or parenthesis that is not closed yet."""

    closing: str
    alternatives: list[list[str | Choice]] = field(default_factory=lambda: [[]])

    def add(self, word: str) -> None:
        """A word, or within braces the next alternative (/) or nothing (@)."""
        special = self.closing == "}" and word in ("/", "@")
        if special and word == "/":
            self.alternatives.append([])
        elif not special:
            self.alternatives[-1].append(word)

    def closed(self) -> list[str | Choice]:
        """What it is as a whole; of words in parentheses each may be missing."""
        texts = tuple(map(tuple, self.alternatives))
        if self.closing == "}" and len(texts) == 1:
            raise UtteranceError(BAD, "braces with one alternative; part several by a slash "
                                      "between spaces: { a / b }")
        if self.closing == "}":
            return [Choice(texts)]
        return [Choice(((item,), ())) for item in texts[0]]


def parsed(text: str) -> Text:
    """The words and choices of ``text``. Raises UtteranceError of kind BAD where a brace or a
    parenthesis has no partner, or too many are open at once."""
    stack = [_Open("")]
    for mark in marks(text):
        if mark in _CLOSING and len(stack) <= DEEPEST:
            stack.append(_Open(_CLOSING[mark]))
        elif mark == stack[-1].closing:
            done = stack.pop().closed()
            stack[-1].alternatives[-1] += done
        elif mark in _NOTATION:
            raise UtteranceError(BAD, f"a {mark!r} that cannot be understood; alternatives are "
                                      "such as { a / b }, words that may be missing (a)")
        else:
            stack[-1].add(mark)
    if len(stack) > 1:
        raise UtteranceError(BAD, f"a {stack[-1].closing!r} is missing")
    return tuple(stack[0].alternatives[0])


def marks(text: str) -> Iterator[str]:
    """Words, and the braces, parentheses and slashes between them; those within a word, as in
    word(s) and and/or, are of it."""
    for word in text.split():
        opening, core, closing, rest = _WORD.fullmatch(word).groups()  # type: ignore[union-attr]
        if not closing or any(mark in core for mark in "{("):
            core, closing, rest = core + closing + rest, "", ""
        yield from opening
        yield from core.split()  # none where it is empty
        yield from closing
        yield from rest.split()


def readings(text: Text) -> Iterator[str]:
    """The texts that ``text`` stands for, in the order in which they are written."""
    parts = ([item] if isinstance(item, str) else chain.from_iterable(map(readings,
                                                                          item.alternatives))
             for item in text)
    return (" ".join(" ".join(each).split()) for each in product(*parts))


def how_many(text: Text, most: int = MOST_READINGS) -> int:
    """The number of ``readings``, or ``most`` + 1 where there are more."""
    n = 1
    for item in text:
        if isinstance(item, Choice):
            n = min(n * sum(how_many(each, most) for each in item.alternatives), most + 1)
    return n


def network(text: Text, normalise: Callable[[str], str], unit: Unit, *, by_word: bool,
            spaced: bool) -> Network:
    """All readings, normalised, as tokens. ``by_word`` says that normalising a text is normalising
    its words; else its readings are normalised one by one. ``spaced`` says that the space between
    two words may be a token. Raises UtteranceError of kind TooManyReadings for more than
    MOST_READINGS of those."""
    if not by_word:
        if how_many(text) > MOST_READINGS:
            raise UtteranceError("TooManyReadings", f"its alternatives make more than "
                                 f"{MOST_READINGS} texts, and this normaliser wants whole texts; "
                                 "take basic or none, or fewer alternatives")
        whole = dict.fromkeys(map(normalise, readings(text)))
        text = (Choice(tuple((each,) for each in whole)),)
        normalise = str
    builder = _Builder(normalise, unit, spaced)
    builder.meet(list(builder.walk(text, {"": 0}).values()))
    return Network(tuple(map(tuple, builder.arcs)))


@dataclass
class _Builder:
    """Makes a network word by word. An end of it is kept by what the next token depends on: ""
    at the beginning of the text or where there is no space, else a letter of the kind before."""

    normalise: Callable[[str], str]
    unit: Unit
    spaced: bool
    arcs: list[list[Arc]] = field(default_factory=lambda: [[]])

    def walk(self, text: Text, ends: dict[str, int]) -> dict[str, int]:
        for item in text:
            if isinstance(item, Choice):
                ends = self._joined([self.walk(each, ends) for each in item.alternatives])
            else:
                for word in self.normalise(item).split():
                    ends = self._joined([self._said(word, *end) for end in ends.items()])
        return ends

    def meet(self, nodes: Sequence[int]) -> int:
        """The node that all ``nodes`` lead to."""
        if len(set(nodes)) == 1 and nodes[0] == len(self.arcs) - 1:
            return nodes[0]
        self.arcs.append([(node, None) for node in dict.fromkeys(nodes)])
        return len(self.arcs) - 1

    def _said(self, word: str, before: str, node: int) -> dict[str, int]:
        tokens = self.unit(f"{before} {word}")[1:] if before else self.unit(word)
        for token in tokens:
            self.arcs.append([(node, token)])
            node = len(self.arcs) - 1
        after = "字" if _UNPARTED.match(word[-1]) else "x"
        return {after if self.spaced else "": node}

    def _joined(self, branches: Sequence[dict[str, int]]) -> dict[str, int]:
        nodes: dict[str, list[int]] = {}
        for branch in branches:
            for before, node in branch.items():
                nodes.setdefault(before, []).append(node)
        return {before: each[0] if len(set(each)) == 1 else self.meet(each)
                for before, each in nodes.items()}
