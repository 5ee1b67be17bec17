"""n-gram models of words with backing off (Katz 1987), the form that every ARPA file has.

    ln p(w | h) = the n-gram's own where (h, w) is one, else the backoff of h + ln p(w | h'),

h' being h without its first word."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import pairwise

Gram = tuple[str, ...]
START, END, UNKNOWN = "<s>", "</s>", "<unk>"
MARKS = (START, END, UNKNOWN)
"""What stands for the beginning and the end of a sentence, and for all words that are not known."""
LN_10 = math.log(10)
NEVER = -100 * LN_10
"""ln p of an unknown word where the model has none, as in KenLM."""


@dataclass(frozen=True)
class Ngrams:
    """``probabilities`` and ``backoffs`` (0 where there is none) by n-gram, natural logarithms.
    A *state* is all that the model looks at of what was said: the longest end of it that is the
    beginning of an n-gram."""

    probabilities: Mapping[Gram, float]
    backoffs: Mapping[Gram, float]

    @cached_property
    def order(self) -> int:
        return max(map(len, self.probabilities))

    @cached_property
    def _contexts(self) -> frozenset[Gram]:
        return frozenset(gram[:-1] for gram in self.probabilities) | self.backoffs.keys()

    @property
    def start(self) -> Gram:
        """The state before the first word of a sentence."""
        return self._state((START,))

    def knows(self, word: str) -> bool:
        """Whether it is no unknown word."""
        return (word,) in self.probabilities

    def step(self, state: Gram, word: str) -> tuple[float, Gram]:
        """ln p of the ``word``, END for the end of the sentence, and the state behind it."""
        word = word if self.knows(word) else UNKNOWN
        context, backed_off = state, 0.0
        while context and (*context, word) not in self.probabilities:
            backed_off += self.backoffs.get(context, 0.0)
            context = context[1:]
        return (backed_off + self.probabilities.get((*context, word), NEVER),
                self._state((*state, word)))

    def sentence(self, words: Iterable[str]) -> float:
        """ln p of a whole sentence, its end included."""
        state, total = self.start, 0.0
        for word in (*words, END):
            log, state = self.step(state, word)
            total += log
        return total

    def _state(self, said: Gram) -> Gram:
        while said and said not in self._contexts:
            said = said[1:]
        return said


def ngrams_in(words: Sequence[str], n: int) -> Iterable[Gram]:
    """All n-grams of a sentence with its marks, in order."""
    marked = (START, *words, END)
    return pairwise(marked) if n == 2 else zip(*(marked[i:] for i in range(n)), strict=False)
