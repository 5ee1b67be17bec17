"""Which of a rule's cohorts to test, in which order, and whether they are really worse.

The order is fixed on the speakers on whom the rule was found: the cohort that is most surely
worse than everybody else, then, with its members set aside, the next. On the other speakers
each is tested against whoever is left. The finders share the level equally; within one, the
first cohort has four fifths of its share and the others the rest, and a cohort that is confirmed
hands what it had to the next, the last one to the other finders: a graphical procedure (Bretz,
Maurer, Brannath & Posch 2009, Statistics in Medicine 28(4)). The chance of any false
confirmation stays below the level, whichever cohorts are truly worse.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import NamedTuple

import numpy as np

from evalkit.cohorts.evidence import SPEAKERS, Evidence, Floors, enough, rates, t_statistic
from evalkit.cohorts.speakers import Outcomes
from evalkit.statistics.bootstrap import Contrast, Interval, Method, Resampling, intervals
from evalkit.statistics.groups import NOTHING
from evalkit.statistics.permutation import (
    Sums,
    group_variance,
    observed,
    p_value,
    parts,
    relabelled,
    studentised,
)
from evalkit.statistics.strata import folded
from evalkit.statistics.sums import SpeakerSums
from evalkit.statistics.very_many import how_drawn
from evalkit.store.scores import ratio

FIRST = 0.8
"""Part of a finder's share of the level that its first cohort has; the others share the rest."""
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
    of its being worse; None and NaN where there are fewer than the floors, ``few`` where it is
    fewer speakers."""

    gap: Interval | None
    rest: float
    p_value: float
    few: bool = False


def rank(members: Sequence[np.ndarray], outcomes: Outcomes, floors: Floors, most: int
         ) -> list[Candidate]:
    """At most ``most`` cohorts that are worse than the others, most surely worse first."""
    left = np.ones(len(outcomes.harm), bool)
    candidates: list[Candidate] = []
    for _ in range(min(most, len(members))):
        evidence = Evidence(outcomes, left)
        inside, outside = np.array([evidence.sides(at) for at in members]).transpose(1, 2, 0)
        allowed = enough(inside, floors) & enough(outside, floors)
        t = np.where(allowed, np.nan_to_num(t_statistic(inside, outside), posinf=np.inf), 0.0)
        best = int(t.argmax())
        if not t[best] > 0:
            break
        candidates.append(Candidate(best, float((rates(inside) - rates(outside))[best])))
        left[members[best]] = False
    return candidates


def confirm(members: Sequence[np.ndarray], candidates: Sequence[Candidate], outcomes: Outcomes,
          floors: Floors, resampling: Resampling) -> Iterator[Test]:
    """Tests the candidates in their order; those below the ``floors``, inside or outside, are left
    where they are. How many speakers a cohort has does not depend on their errors, so that the
    chance of a false confirmation stays what it is."""
    left = np.ones(len(outcomes.harm), bool)
    for candidate in candidates:
        at = members[candidate.cohort]
        sides = Evidence(outcomes, left).sides(at)
        if not all(enough(side, floors) for side in sides):
            few = min(side[SPEAKERS] for side in sides) < floors.speakers
            yield Test(None, np.nan, np.nan, bool(few))
            continue
        inside = at[left[at]]
        left[inside] = False
        sums = _sums(outcomes, [inside, np.flatnonzero(left)])
        method: Method | None = "t" if len(sums.speakers) > MANY else None
        gap, = intervals(sums, [Contrast((0, 0), (1, 0))], resampling, method)
        yield Test(gap, float(sums.rates[1, 0]), _p_worse(sums, resampling))


def adjust_chains(chains: Sequence[Sequence[float]]) -> list[list[float]]:
    """Adjusted p-values of chains of hypotheses by the module's procedure (Bretz et al. 2009,
    algorithm 2). Chains of one are Holm's. NaN takes no part."""
    p = np.array([p for chain in chains for p in chain], float)
    weight, handed = _graph([(~np.isnan(chain)).tolist() for chain in map(np.asarray, chains)])
    adjusted, left, largest = np.full(len(p), np.nan), ~np.isnan(p), 0.0
    while left.any():
        scaled = np.divide(p, weight, out=np.full(len(p), np.inf), where=left & (weight > 0))
        i = int(np.where(left, np.minimum(scaled, np.finfo(float).max), np.inf).argmin())
        largest = max(largest, min(1.0, float(scaled[i])))
        adjusted[i], left[i] = largest, False
        weight, handed = _without(i, weight, handed)
    values = iter(adjusted.tolist())
    return [[next(values) for _ in chain] for chain in chains]


def _graph(tested: Sequence[Sequence[bool]]) -> tuple[np.ndarray, np.ndarray]:
    """Of hypotheses chain by chain, what share of the level each starts with (n,), and what
    part of it each hands to every other where it is rejected (n, n)."""
    n = sum(map(len, tested))
    numbers = iter(range(n))
    chains = [[i for i, known in [(next(numbers), known) for known in chain] if known]
              for chain in tested]
    chains = [chain for chain in chains if chain]
    weight, handed = np.zeros(n), np.zeros((n, n))
    for chain in chains:
        weight[chain] = (1 - FIRST) / max(len(chain) - 1, 1)
        weight[chain[0]] = FIRST if len(chain) > 1 else 1.0
        handed[chain[:-1], chain[1:]] = 1.0
        others = [other[0] for other in chains if other is not chain]
        handed[chain[-1], others] = 1 / max(len(others), 1)
    return weight / max(len(chains), 1), handed


def _without(i: int, weight: np.ndarray, handed: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """The graph after hypothesis ``i`` was rejected and has handed on what it had."""
    weight = weight + weight[i] * handed[i]
    through = handed[:, [i]] * handed[[i], :]
    handed = ratio(handed + through, 1 - np.diag(through)[:, None])
    weight[i] = 0
    handed[i], handed[:, i] = 0, 0
    np.fill_diagonal(handed, 0)
    return weight, np.nan_to_num(handed)


def how_tested(outcomes: Outcomes, resampling: Resampling) -> str | None:
    """What to know of tests on so many units (evalkit.statistics.very_many)."""
    return how_drawn(_sums(outcomes, np.array_split(np.arange(len(outcomes.n)), 2)), resampling)


def own_interval(outcomes: Outcomes, at: np.ndarray, sign: int, resampling: Resampling
                 ) -> Interval:
    """The rate of the units ``at`` in the metric's own direction, by Student's t."""
    sums = _sums(outcomes, [at])
    if not len(sums.speakers):
        return NOTHING
    in_own_direction = replace(sums, amount=sign * sums.amount)
    return intervals(in_own_direction, [Contrast((0, 0))], resampling, "t")[0]


def _sums(outcomes: Outcomes, sides: Sequence[np.ndarray]) -> SpeakerSums:
    """The measured units of every side, indices, as a cohort."""
    at = np.concatenate(sides)
    side = np.repeat(np.arange(len(sides)), [len(part) for part in sides])
    measured = outcomes.n[at] > 0
    at, side = at[measured], side[measured]
    units = outcomes.take(at)
    shape = (len(np.unique(units.speaker)), len(sides), 1)
    place = units.speaker * len(sides) + side
    amount, weight = (np.bincount(place, values, shape[0] * shape[1]).reshape(shape)
                      for values in (units.harm, units.weight))
    products = (units.harm**2, units.harm * units.weight, units.weight**2)
    spread = np.stack([np.bincount(side, product, len(sides)) for product in products])
    return SpeakerSums(np.arange(shape[0]), tuple(map(str, range(len(sides)))), ("all",), amount,
                       weight, spread[..., None])


def _p_worse(sums: SpeakerSums, resampling: Resampling) -> float:
    """Share of relabellings of speakers whose studentised difference is as large."""
    cells = parts(folded(sums))
    draws = min(resampling.draws, max(FEWEST, LABELS // len(cells.label)))
    fewer = Resampling(draws, resampling.seed, resampling.level)
    null = np.concatenate([_studentised(permuted) for permuted in relabelled(cells, fewer)])
    return float(p_value(_studentised(observed(cells))[0], null))


def _studentised(sums: Sums) -> np.ndarray:
    """Rate inside minus rate outside over its standard error, (permutations,)."""
    inside, outside = ratio(sums.amount, sums.weight).T
    return studentised(inside, outside, group_variance(*sums).sum(axis=1))
