"""Which of a rule's cohorts to test, in which order, and whether they are really worse.

The order is fixed on the speakers on whom the rule was found: the cohort that is most surely
worse than everybody else, then, with its members set aside, the next. On the other speakers
each is tested against whoever is left, and only where all before it were confirmed, so that
the second test of a finder costs the first nothing. Over several finders that is Holm's
procedure with a chain of hypotheses in the place of each one (Bretz, Maurer, Brannath & Posch
2009, Statistics in Medicine 28(4)): the chance of any false confirmation stays below the
level, whichever cohorts are truly worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from evalkit.cohorts.evidence import Evidence, Floors, enough, rates, t_statistic
from evalkit.cohorts.people import Outcomes
from evalkit.scores import ratio
from evalkit.statistics.bootstrap import Contrast, Interval, Method, Resampling, intervals
from evalkit.statistics.groups import NOTHING
from evalkit.statistics.permutation import (
    Sums,
    group_variance,
    observed,
    p_value,
    parts,
    relabelled,
)
from evalkit.statistics.sums import SpeakerSums

MANY = 5_000
"""Above so many speakers Student's t serves as well as drawing them again and again."""
LABELS = 200_000_000
"""Labels permuted in a test at most, and FEWEST permutations at least."""
FEWEST = 999


class Candidate(NamedTuple):
    """A cohort by its place in the rule, and how much larger its rate is than that of the
    units that are in no candidate before it."""

    cohort: int
    gap: float


class Test(NamedTuple):
    """The gap of a cohort on speakers who had no part in finding it, and the one-sided p-value
    of its being worse; None and NaN where there are fewer than the floors."""

    gap: Interval | None
    rest: float
    p_value: float


def rank(members: Sequence[np.ndarray], outcomes: Outcomes, floors: Floors, most: int
         ) -> list[Candidate]:
    """At most ``most`` cohorts that are worse than the others, most surely worse first."""
    left = np.ones(len(outcomes.harm), bool)
    found: list[Candidate] = []
    for _ in range(min(most, len(members))):
        evidence = Evidence(outcomes, left)
        inside, outside = np.array([evidence.sides(at) for at in members]).transpose(1, 2, 0)
        allowed = enough(inside, floors) & enough(outside, floors)
        t = np.where(allowed, np.nan_to_num(t_statistic(inside, outside), posinf=np.inf), 0.0)
        best = int(t.argmax())
        if not t[best] > 0:
            break
        found.append(Candidate(best, float((rates(inside) - rates(outside))[best])))
        left[members[best]] = False
    return found


def confirm(members: Sequence[np.ndarray], candidates: Sequence[Candidate], outcomes: Outcomes,
          floors: Floors, resampling: Resampling) -> Iterator[Test]:
    """Tests the candidates in their order; those below the floors are left where they are."""
    left = np.ones(len(outcomes.harm), bool)
    for candidate in candidates:
        at = members[candidate.cohort]
        sides = Evidence(outcomes, left).sides(at)
        if not all(enough(side, floors) for side in sides):
            yield Test(None, np.nan, np.nan)
            continue
        inside = at[left[at]]
        left[inside] = False
        sums = _sums(outcomes, [inside, np.flatnonzero(left)])
        method: Method | None = "t" if len(sums.speakers) > MANY else None
        gap, = intervals(sums, [Contrast((0, 0), (1, 0))], resampling, method)
        yield Test(gap, float(sums.rates[1, 0]), _p_worse(sums, resampling))


def adjust_chains(chains: Sequence[Sequence[float]]) -> list[list[float]]:
    """Adjusted p-values of chains of hypotheses, each tested only where all before it in its
    chain were rejected. Chains of one are Holm's procedure. NaN takes no part."""
    adjusted = [[np.nan] * len(chain) for chain in chains]
    known = [[i for i, p in enumerate(chain) if not np.isnan(p)] for chain in chains]
    largest = 0.0
    while any(known):
        live = [c for c, left in enumerate(known) if left]
        first = min(live, key=lambda c: chains[c][known[c][0]])
        i = known[first].pop(0)
        largest = max(largest, min(1.0, len(live) * chains[first][i]))
        adjusted[first][i] = largest
    return adjusted


def own_interval(outcomes: Outcomes, at: np.ndarray, sign: int, resampling: Resampling
                 ) -> Interval:
    """The rate of the units ``at`` in the metric's own direction, by Student's t."""
    sums = _sums(outcomes, [at])
    if not len(sums.speakers):
        return NOTHING
    own = replace(sums, amount=sign * sums.amount)
    return intervals(own, [Contrast((0, 0))], resampling, "t")[0]


def _sums(outcomes: Outcomes, sides: Sequence[np.ndarray]) -> SpeakerSums:
    """The measured units of every side, indices, as a cohort."""
    at = np.concatenate(sides)
    side = np.repeat(np.arange(len(sides)), [len(part) for part in sides])
    measured = outcomes.n[at] > 0
    at, side = at[measured], side[measured]
    own = outcomes.take(at)
    shape = (len(np.unique(own.speaker)), len(sides), 1)
    place = own.speaker * len(sides) + side
    amount, weight = (np.bincount(place, values, shape[0] * shape[1]).reshape(shape)
                      for values in (own.harm, own.weight))
    products = (own.harm**2, own.harm * own.weight, own.weight**2)
    spread = np.stack([np.bincount(side, product, len(sides)) for product in products])
    return SpeakerSums(np.arange(shape[0]), tuple(map(str, range(len(sides)))), ("all",), amount,
                       weight, spread[..., None])


def _p_worse(sums: SpeakerSums, resampling: Resampling) -> float:
    """Share of relabellings of speakers whose studentised difference is as large."""
    cells = parts(sums)
    draws = min(resampling.draws, max(FEWEST, LABELS // len(cells.label)))
    fewer = Resampling(draws, resampling.seed, resampling.level)
    null = np.concatenate([_studentised(found) for found in relabelled(cells, fewer)])
    return float(p_value(_studentised(observed(cells))[0], null))


def _studentised(found: Sums) -> np.ndarray:
    """Rate inside minus rate outside over its standard error, (permutations,)."""
    rates = ratio(found.amount, found.weight)
    error = np.sqrt(group_variance(*found).sum(axis=1))
    return ratio(rates[:, 0] - rates[:, 1], error)
