"""An alignment in few bytes: the reference once for all pipelines, and of each hypothesis what
differs from it.

A difference is a flat list of places and words: ``3, "of"`` is "of" instead of the word at 3 of the
reference (the first is 0), ``3, 0`` that this word is missing, ``-4, "of"`` that "of" stands before
it: the place is ``-1 - 3``. 0 is no difference at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import takewhile
from typing import Any

from evalkit.core.alignment import Pair
from evalkit.core.text import printable

MOST_WORDS = 200
"""Words of a reference that a page shows, and twice as many of it and its hypothesis together."""
Difference = int | list[int | str]


def shortened(pairs: Sequence[Pair]) -> Sequence[Pair]:
    """The beginning of an alignment; all of it where it is not long."""
    if len(pairs) <= MOST_WORDS:
        return pairs
    ends = _places(pairs)
    return [pair for pair, _ in takewhile(lambda each: each[1] < MOST_WORDS, zip(
        pairs[:2 * MOST_WORDS], ends, strict=False))]


def reference(pairs: Sequence[Pair]) -> list[str]:
    """The words that were said."""
    return [printable(ref) for _, ref, _ in pairs if ref is not None]


def text(words: Sequence[str]) -> str | list[str]:
    """The words parted by spaces; the words where that would not give them back."""
    joined = " ".join(words)
    return joined if joined.split(" ") == list(words) or not words else list(words)


def difference(pairs: Sequence[Pair]) -> Difference:
    """What differs from the reference."""
    found: list[int | str] = []
    for (operation, _, hyp), place in zip(pairs, _places(pairs), strict=True):
        if operation != "=":
            found += [place if operation != "I" else -1 - place,
                      0 if hyp is None else printable(hyp)]
    return found or 0


def rebuilt(words: Sequence[str], differs: Difference) -> list[str]:
    """The words of the hypothesis: what a page makes of them."""
    made: list[str] = []
    changes = list(_changes(differs))
    for place in range(len(words) + 1):
        made += [str(word) for at, word in changes if at == -1 - place]
        swapped = [word for at, word in changes if at == place]
        if place < len(words):
            made += [str(word) for word in swapped or [words[place]] if word != 0]
    return made


def _changes(differs: Difference) -> Iterator[tuple[int, Any]]:
    parts = [] if isinstance(differs, int) else differs
    return zip(map(int, parts[::2]), parts[1::2], strict=True)


def _places(pairs: Sequence[Pair]) -> Iterator[int]:
    """For every pair how many words of the reference stand before it."""
    place = 0
    for _, ref, _ in pairs:
        yield place
        place += ref is not None
