"""The requests of `names` with names that nobody has, so many that none can be known by heart: each
invented letter by letter, as names in training are spelt. Every third is held out.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from random import Random

from evalkit.corpora.synthesis.grammars import names
from evalkit.corpora.synthesis.sentences import Grammar, Name

KNOWN_BY = 2
"""Letters that the next one follows from."""
LETTERS = (4, 11)
"""Of a name, at least and at most."""
INVENTED = {"contact": 1500, "named_device": 900, "town": 450, "street": 450, "restaurant": 450}
"""Names of each slot."""


def _words(like: Sequence[str], taken: set[str], rng: Random) -> Iterator[str]:
    """Words spelt as those of ``like``, none that is ``taken``; they are so then."""
    following = defaultdict(list)
    for word in like:
        spelt = "^" * KNOWN_BY + word + "$"
        for end in range(KNOWN_BY, len(spelt)):
            following[spelt[end - KNOWN_BY:end]].append(spelt[end])
    while True:
        word = "^" * KNOWN_BY
        while word[-1] != "$":
            word += rng.choice(following[word[-KNOWN_BY:]])
        word = word[KNOWN_BY:-1]
        if LETTERS[0] <= len(word) <= LETTERS[1] and word not in taken:
            taken.add(word)
            yield word


def _invented() -> Iterator[tuple[str, Name]]:
    """Names with the slot of each."""
    rng = Random(0)  # noqa: S311 -- no secret
    taken = {word for filling in names.SLOTS.values() for phrase in filling
             for word in phrase.strip("<>").split()}
    known = [each for each in names.NAMES if not each.held_out]
    for slot, count in INVENTED.items():
        kind = {"contact": "contact", "named_device": "device"}.get(slot, "place")
        like = sorted({word for each in known if f"<{each.name}>" in names.SLOTS[slot]
                       for word in each.name.split()})
        words = _words(like, taken, rng)
        for number in range(count):
            one = next(words) if slot in ("named_device", "town", "street") else (
                f"{next(words)} {next(words)}")
            yield slot, Name(one, kind, number % 3 == 2)


_OF_SLOTS = tuple(_invented())
SLOTS = {**names.SLOTS, **{slot: [f"<{name.name}>" for of, name in _OF_SLOTS if of == slot]
                           for slot in INVENTED}}
GRAMMAR = Grammar(SLOTS, names=tuple(name for _, name in _OF_SLOTS))
