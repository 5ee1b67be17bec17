"""Interpolated modified Kneser-Ney smoothing (Chen & Goodman 1999), as KenLM's lmplz has it
(Heafield et al. 2013): the lowest order is interpolated with all words being equally likely, which
is the probability of an unknown word."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import pairwise
from typing import NamedTuple

from evalkit.models.language.ngrams import (
    LN_10,
    START,
    UNKNOWN,
    Gram,
    Ngrams,
    ngrams_in,
)

Counts = Mapping[Gram, int]
FALLBACK = (0.5, 1.0, 1.5)
"""Discounts of counts 1, 2 and from 3 on where a text is too small or too even to estimate them."""


class Trained(NamedTuple):
    """A model, and the orders whose discounts are FALLBACK."""

    model: Ngrams
    undiscounted: tuple[int, ...]


def train(sentences: Iterable[Sequence[str]], order: int = 3) -> Trained:
    """A model of ``order`` from 1, from one sentence at least; without n-grams of lengths that no
    sentence has."""
    counts = adjusted_counts(sentences, order)
    probabilities, backoffs = _unigrams(counts[0])
    found = [_discounts(each) for each in counts]
    for n, level in enumerate(counts[1:], 2):
        for gram, own, rest in _interpolated(level, found[n - 1] or FALLBACK):
            probabilities[gram] = own + rest * probabilities[gram[1:]]
            backoffs[gram[:-1]] = rest
    return Trained(
        Ngrams({gram: _log(p) for gram, p in probabilities.items()},
               {gram: _log(p) for gram, p in backoffs.items()}),
        tuple(n for n, each in enumerate(found, 1) if each is None))


def adjusted_counts(sentences: Iterable[Sequence[str]], order: int) -> list[Counter[Gram]]:
    """By n: how often an n-gram of the highest order occurs; of the others how many different words
    stand before it, but how often it occurs where it begins a sentence, before which none can."""
    counts: list[Counter[Gram]] = [Counter() for _ in range(order)]
    for words in sentences:
        for n, level in enumerate(counts, 1):
            level.update(ngrams_in(words, n))
    for lower, higher in pairwise(counts):
        before = Counter(gram[1:] for gram in higher)
        lower.update({gram: before[gram] - lower[gram] for gram in before})
    counts[0].pop((START,), None)
    return [level for level in counts if level]


def _unigrams(counts: Counter[Gram]) -> tuple[dict[Gram, float], dict[Gram, float]]:
    """Probabilities, and no backoff yet. START has one that nobody asks for."""
    equal = 1 / (len(counts) + 1)
    grams = list(_interpolated(counts, _discounts(counts) or FALLBACK))
    return ({gram: own + rest * equal for gram, own, rest in grams}
            | {(UNKNOWN,): grams[0][2] * equal, (START,): 10.0 ** -99}), {}


def _interpolated(counts: Counter[Gram], discounts: Sequence[float]
                  ) -> list[tuple[Gram, float, float]]:
    """Of each n-gram what is its own, discounted, and the share that its context gives to the next
    lower order."""
    total: dict[Gram, int] = defaultdict(int)
    freed: dict[Gram, float] = defaultdict(float)
    for gram, n in counts.items():
        total[gram[:-1]] += n
        freed[gram[:-1]] += discounts[min(n, 3) - 1]
    return [(gram, (n - discounts[min(n, 3) - 1]) / total[gram[:-1]],
             freed[gram[:-1]] / total[gram[:-1]]) for gram, n in counts.items()]


def _discounts(counts: Counts) -> tuple[float, ...] | None:
    """Of counts 1, 2 and from 3 on, equation 17 of Chen & Goodman 1999; None where the counts of
    counts give none from 0 to the count."""
    n = [0, *(0,) * 4]
    for count in counts.values():
        if count <= 4:
            n[count] += 1
    if not all(n[1:4]):
        return None
    share = n[1] / (n[1] + 2 * n[2])
    found = tuple(k - (k + 1) * share * n[k + 1] / n[k] for k in (1, 2, 3))
    return found if all(0 <= each <= k for k, each in enumerate(found, 1)) else None


def _log(p: float) -> float:
    return math.log(p) if p > 0 else -99 * LN_10
