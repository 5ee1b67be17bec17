"""Which groups differ, one against the rest or two by two.

The p-value is that of evalkit.statistics.equal_rates, which holds where groups differ in size and
in spread too. The interval says how large the difference is, by resampling speakers.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations

import numpy as np

from evalkit.statistics.bootstrap import DEFAULT, Contrast, Interval, Resampling, intervals
from evalkit.statistics.equal_rates import equal_rates
from evalkit.statistics.multiple import Adjustment, adjust
from evalkit.statistics.power import detectable, more_speakers
from evalkit.statistics.sums import SpeakerSums, only, with_rest

REST = "the rest"


@dataclass(frozen=True)
class GroupContrast:
    """Rate of ``group`` minus rate of ``other``, two-sided p-value, and that adjusted for the
    number of contrasts made together, of which the two of two groups are one.

    ``detectable`` is the smallest true difference that these speakers would have shown with 80 %
    power (evalkit.statistics.power), in a test at the level over that number;
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
    found = contrasts_of([(name, REST) for name in sums.cohorts], differences,
                         equal_rates(sums, system, resampling), adjustment)
    return with_power(found, _sizes(sums), resampling.level)


def pairwise(sums: SpeakerSums, system: int = 0, resampling: Resampling = DEFAULT, *,
             adjustment: Adjustment = "holm") -> list[GroupContrast]:
    """Every cohort against every other."""
    pairs = list(combinations(range(len(sums.cohorts)), 2))
    wanted = [Contrast((i, system), (j, system)) for i, j in pairs]
    differences = intervals(sums, wanted, resampling)
    p = np.array([equal_rates(only(sums, pair), system, resampling)[0] for pair in pairs])
    names = [(sums.cohorts[i], sums.cohorts[j]) for i, j in pairs]
    return with_power(contrasts_of(names, differences, p, adjustment), _sizes(sums),
                      resampling.level)


def questions(contrasts: Sequence[GroupContrast]) -> int:
    """How many ``contrasts`` ask something of their own: each of two groups against the other is
    one and the same."""
    return 1 if len(contrasts) == 2 and contrasts[0].other == REST else len(contrasts)


def any_difference(contrasts: Sequence[GroupContrast]) -> float:
    """p-value of no difference at all: the smallest of the contrasts', adjusted by Holm; NaN where
    none is known."""
    p = np.array([each.p_value for each in contrasts[:questions(contrasts)]])
    return float(np.nanmin(adjust(p))) if not np.isnan(p).all() else math.nan


def contrasts_of(names: Sequence[tuple[str, str]], differences: Sequence[Interval], p: np.ndarray,
                 adjustment: Adjustment) -> list[GroupContrast]:
    """Those of the ``names``, with their p-values (n,) adjusted for how many there are."""
    found = [GroupContrast(*name, difference, float(p[i]), float(p[i]))
             for i, (name, difference) in enumerate(zip(names, differences, strict=True))]
    if questions(found) < 2:
        return found
    return [replace(each, p_adjusted=float(adjusted))
            for each, adjusted in zip(found, adjust(p, adjustment), strict=True)]


def with_power(contrasts: Sequence[GroupContrast], sizes: Mapping[str, int], level: float
               ) -> list[GroupContrast]:
    """With what could have been shown and would settle them, tested together at 1 - ``level``;
    ``sizes`` are the speakers of every group."""
    alpha = (1 - level) / max(questions(contrasts), 1)
    return [replace(each, detectable=detectable(each.difference, alpha),
                    more_speakers=0 if each.p_adjusted < 1 - level else more_speakers(
                        each.difference, each.difference.value, alpha, of=sizes[each.group]))
            for each in contrasts]


def _sizes(sums: SpeakerSums) -> dict[str, int]:
    return {name: int(n) for name, n in zip(sums.cohorts, sums.members.sum(axis=0), strict=True)}
