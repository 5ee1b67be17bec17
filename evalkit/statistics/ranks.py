"""Which of several systems is the best, the second, …: ranks with intervals.

A system's rank is one more than the number of systems that are better. All pairs are compared on
the same utterances, and whatever is said of them is said at one level for all: which of a
speaker's two results is whose is exchanged in all pairs, of all groups, at once
(evalkit.statistics.paired_permutation, step-down). Of K systems one that b are surely better than,
and w surely worse, has a rank from 1 + b to K - w; all these intervals together hold the true
ranks with the probability of the level (Mogstad, Romano, Shaikh & Wilhelm 2024, "Inference for
Ranks with Applications to Mobility across Neighbourhoods and Academic Achievement across
Countries", Review of Economic Studies 91(1), section 3).

Systems of which no two are told apart are bracketed; "not told apart" is no equality, so that a
system may be in several brackets (the compact letter display of Piepho 2004, Journal of
Computational and Graphical Statistics 13(2), by inserting and absorbing).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

import numpy as np

from evalkit.core.types import Interval
from evalkit.statistics.bootstrap import DEFAULT, Contrast, Resampling, intervals
from evalkit.statistics.paired_permutation import flip_signs, step_down
from evalkit.statistics.sums import SpeakerSums, paired_difference
from evalkit.store.scores import ratio


@dataclass(frozen=True)
class Ranked:
    """A system, its ``value``, and the ``first`` and ``last`` rank that it may have; 1 is best."""

    system: str
    value: Interval
    first: int
    last: int


@dataclass(frozen=True)
class Ranking:
    """The systems of one ``group`` by value, the best first. ``better`` (systems, systems) says of
    two in that order whether the first is surely better; ``brackets`` are the largest sets of
    systems, as places in the order, of which no two are told apart."""

    group: str
    systems: list[Ranked]
    better: np.ndarray
    brackets: list[tuple[int, ...]]

    @property
    def may_be_best(self) -> list[str]:
        """The systems whose rank may be 1; one where it is surely the best."""
        return [ranked.system for ranked in self.systems if ranked.first == 1]

    def alike(self, i: int) -> list[str]:
        """The systems that the one at place ``i`` is not told apart from."""
        told = self.better[i] | self.better[:, i]
        return [other.system for j, other in enumerate(self.systems) if j != i and not told[j]]


def rankings(sums: SpeakerSums, worse: int, resampling: Resampling = DEFAULT) -> list[Ranking]:
    """A ranking of the systems in every cohort of ``sums``, which all systems have values of;
    their intervals hold together, over all cohorts. ``worse`` is 1 where more is worse, else
    -1."""
    better, count = surely_better(sums, worse, resampling), len(sums.systems)
    wanted = [Contrast((c, s)) for c in range(len(sums.cohorts)) for s in range(count)]
    values = intervals(sums, wanted, resampling)
    return [_ranking(name, sums.systems, values[c * count:(c + 1) * count], better[c], worse)
            for c, name in enumerate(sums.cohorts)]


def surely_better(sums: SpeakerSums, worse: int, resampling: Resampling = DEFAULT) -> np.ndarray:
    """Of every two systems in every cohort, (cohorts, systems, systems), whether the first is
    better than the second, at one level for all."""
    count = len(sums.systems)
    first, second = map(list, zip(*combinations(range(count), 2), strict=True))
    amount, weight = paired_difference(*(np.stack([x[..., first], x[..., second]], axis=-1)
                                         for x in (sums.amount, sums.weight)))
    parts = ratio(amount, np.broadcast_to(weight.sum(axis=0), amount.shape))
    heard = np.where(sums.members[..., None], parts, np.nan).reshape(len(parts), -1)
    p = step_down(flip_signs(heard, resampling)).reshape(parts.shape[1:])
    sure, change = p <= 1 - resampling.level, worse * parts.sum(axis=0)
    better = np.zeros((len(sums.cohorts), count, count), bool)
    better[:, first, second] = sure & (change > 0)
    better[:, second, first] = sure & (change < 0)
    return better


def _ranking(group: str, systems: tuple[str, ...], values: list[Interval], better: np.ndarray,
             worse: int) -> Ranking:
    order = sorted(range(len(systems)), key=lambda i: worse * values[i].value)
    better = better[np.ix_(order, order)]
    first, last = 1 + better.sum(axis=0), len(order) - better.sum(axis=1)
    return Ranking(group, [Ranked(systems[i], values[i], int(first[place]), int(last[place]))
                           for place, i in enumerate(order)], better, list(brackets(better)))


def brackets(better: np.ndarray) -> Iterator[tuple[int, ...]]:
    """The largest sets of two or more of which none is surely ``better`` (systems, systems) than
    another, in order."""
    sets = {frozenset(range(len(better)))}
    for pair in map(frozenset, np.argwhere(better).tolist()):
        parted = {each - {one} for each in sets if pair <= each for one in pair}
        sets = {each for each in sets if not pair <= each} | parted
        sets = {each for each in sets if not any(each < other for other in sets)}
    yield from sorted(tuple(sorted(each)) for each in sets if len(each) > 1)
