"""Which groups differ, one against the rest or two by two.

The p-value is from permuting labels over speakers, exact however few they are where the two
sides are alike; the statistic is studentised, so that for many speakers it also holds where
they differ in spread or size but not in rate (Chung & Romano 2013, Annals of Statistics
41(2)). The interval says how large the difference is, by resampling speakers.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from evalkit.statistics.bootstrap import DEFAULT, Contrast, Interval, Resampling, intervals
from evalkit.statistics.multiple import Adjustment, adjust
from evalkit.statistics.permutation import (
    Parts,
    Sums,
    group_variance,
    observed,
    p_value,
    parts,
    relabelled,
    studentised,
)
from evalkit.statistics.power import detectable, more_speakers
from evalkit.statistics.sums import SpeakerSums, only, with_rest
from evalkit.store.scores import ratio

REST = "the rest"


@dataclass(frozen=True)
class GroupContrast:
    """Rate of ``group`` minus rate of ``other``, two-sided p-value, and that adjusted for the
    number of contrasts made together.

    ``detectable`` is the smallest true difference that these speakers would have shown with 80 %
    power (evalkit.statistics.power), in a test at the level over the number of contrasts;
    ``more_speakers`` how many more of the group, and of the others in proportion, would settle
    this one if it is as large as it seems: 0 where it is settled, None where no number within reach
    would."""

    group: str
    other: str
    difference: Interval
    p_value: float
    p_adjusted: float
    detectable: float = math.nan
    more_speakers: int | None = None


def against_rest(sums: SpeakerSums, system: int = 0, resampling: Resampling = DEFAULT, *,
                 adjustment: Adjustment = "holm") -> list[GroupContrast]:
    """Every cohort against the others together. Cohorts share no utterances. None
    where there are fewer than two."""
    c = len(sums.cohorts)
    if c < 2:
        return []
    wanted = [Contrast((i, system), (c + i, system)) for i in range(c)]
    differences = intervals(with_rest(sums), wanted, resampling)
    p = _permuted(parts(sums, system), resampling)
    found = _contrasts([(name, REST) for name in sums.cohorts], differences, p, adjustment)
    return _with_power(found, sums, resampling)


def pairwise(sums: SpeakerSums, system: int = 0, resampling: Resampling = DEFAULT, *,
             adjustment: Adjustment = "holm") -> list[GroupContrast]:
    """Every cohort against every other."""
    pairs = list(combinations(range(len(sums.cohorts)), 2))
    wanted = [Contrast((i, system), (j, system)) for i, j in pairs]
    differences = intervals(sums, wanted, resampling)
    p = np.array([_permuted(parts(only(sums, pair), system), resampling)[0] for pair in pairs])
    names = [(sums.cohorts[i], sums.cohorts[j]) for i, j in pairs]
    return _with_power(_contrasts(names, differences, p, adjustment), sums, resampling)


def _contrasts(names: list[tuple[str, str]], differences: list[Interval], p: np.ndarray,
               adjustment: Adjustment) -> list[GroupContrast]:
    adjusted = adjust(p, adjustment)
    return [GroupContrast(*name, difference, float(p[i]), float(adjusted[i]))
            for i, (name, difference) in enumerate(zip(names, differences, strict=True))]


def _with_power(contrasts: list[GroupContrast], sums: SpeakerSums, resampling: Resampling
                ) -> list[GroupContrast]:
    alpha, level = (1 - resampling.level) / max(len(contrasts), 1), 1 - resampling.level
    size = dict(zip(sums.cohorts, sums.members.sum(axis=0), strict=True))
    return [replace(each, detectable=detectable(each.difference, alpha),
                    more_speakers=0 if each.p_adjusted < level else more_speakers(
                        each.difference, each.difference.value, alpha, of=int(size[each.group])))
            for each in contrasts]


def _permuted(cells: Parts, resampling: Resampling) -> np.ndarray:
    """p-value of every group against the rest."""
    null = np.concatenate([_studentised(sums) for sums in relabelled(cells, resampling)])
    return p_value(_studentised(observed(cells))[0], null)


def _studentised(sums: Sums) -> np.ndarray:
    """|rate - rate of the rest| over its standard error, (permutations, groups)."""
    rest = Sums(*(x.sum(axis=-1, keepdims=True) - x for x in sums))
    rates, others = ratio(sums.amount, sums.weight), ratio(rest.amount, rest.weight)
    return np.abs(studentised(rates, others, group_variance(*sums) + group_variance(*rest)))
