"""How strongly speakers' sums speak for a difference between two sets of them.

This orders and prunes what the finders propose. What is true is tested elsewhere, on speakers
whose errors no finder has seen (evalkit.cohorts.confirm).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
from scipy import special

from evalkit.cohorts.speakers import Outcomes
from evalkit.statistics.groups import FLOORS as OF_GROUPS
from evalkit.store.scores import ratio

UTTERANCES, HARM, WEIGHT, SPEAKERS, SQUARE, PRODUCT, WEIGHT_SQUARE = range(7)


class Floors(NamedTuple):
    """A cohort with less is neither searched for nor tested. ``weight`` is in the metric's own
    weight: reference words for the word error rate."""

    speakers: int = 3
    utterances: int = 10
    weight: float = 10.0


FLOORS = Floors()
FRESH = OF_GROUPS.speakers
"""Fresh speakers that a confirmation asks for on either side: as many as a group needs to be
compared. The test keeps its level with three, but an interval of a handful of people says little,
and no page may confirm a cohort that it calls too small as a group."""


def moments(outcomes: Outcomes, at: np.ndarray | None = None) -> np.ndarray:
    """(7, speakers) of the units ``at``, or all: measured utterances, harm, weight, 1 where
    there is any weight, harm², harm x weight and weight². Their sums over speakers add up."""
    n, harm, weight = (totals(outcomes, values, at)
                       for values in (outcomes.n, outcomes.harm, outcomes.weight))
    return _moments(n, harm, weight)


def totals(outcomes: Outcomes, values: np.ndarray, at: np.ndarray | None = None) -> np.ndarray:
    """Sums of ``values`` (units,) of every speaker over the units ``at``."""
    n_speakers = int(outcomes.speaker.max(initial=-1)) + 1
    if at is None:
        return np.bincount(outcomes.speaker, values, n_speakers)
    return np.bincount(outcomes.speaker[at], values[at], n_speakers)


class Evidence:
    """Sets of units against the others, of those that are ``left`` (units,)."""

    def __init__(self, outcomes: Outcomes, left: np.ndarray) -> None:
        self.outcomes, self.left = outcomes, left
        self.of_speakers = np.array_equal(outcomes.speaker, np.arange(len(outcomes.speaker)))
        self.speakers = moments(outcomes, np.flatnonzero(left))
        self.total = self.speakers.sum(axis=1)

    def sides(self, at: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Summed moments of the units ``at`` that are left, and of the others. Costs no more
        than there are units in ``at``."""
        at = at[self.left[at]]
        if self.of_speakers:
            within = self.speakers[:, np.sort(at)].sum(axis=1)
            return within, self.total - within
        within = moments(self.outcomes.take(at))
        touched = self.speakers[:, np.unique(self.outcomes.speaker[at])]
        beside = _moments(*(touched - within)[:SPEAKERS])
        return within.sum(axis=1), self.total - (touched - beside).sum(axis=1)


def enough(sums: np.ndarray, floors: Floors) -> np.ndarray:
    """Whether summed moments (7, …), or the first four of them, reach the floors."""
    reached: np.ndarray = ((sums[UTTERANCES] >= floors.utterances) & (sums[WEIGHT] > 0)
                         & (sums[WEIGHT] >= floors.weight) & (sums[SPEAKERS] >= floors.speakers))
    return reached


def rates(sums: np.ndarray) -> np.ndarray:
    """Harm over weight of summed moments (7, …), NaN where there is no weight."""
    return ratio(sums[HARM], sums[WEIGHT])


def t_statistic(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """Rate of ``a`` minus rate of ``b`` over its standard error, from summed moments (7, …).

    The deviation of speakers from their set's rate is pooled over both sets, so that a handful
    of speakers who happen to agree do not look certain; it grows without bound where nobody
    deviates. NaN where a set has no weight or there are fewer than three speakers."""
    residual = np.maximum(_residual(a) + _residual(b), 0.0)
    n_speakers = a[SPEAKERS] + b[SPEAKERS]
    unit = ratio(residual * n_speakers,
                 (a[WEIGHT_SQUARE] + b[WEIGHT_SQUARE]) * np.maximum(n_speakers - 2, 0))
    leverage = sum(ratio(x[WEIGHT_SQUARE], x[WEIGHT] ** 2) for x in (a, b))
    with np.errstate(divide="ignore", invalid="ignore"):
        return (rates(a) - rates(b)) / np.sqrt(unit * leverage)


def two_sided_p(a: np.ndarray, b: np.ndarray) -> np.ndarray:
    """p-value of ``t_statistic`` for one comparison, 1 where it is undefined."""
    freedom = np.maximum(a[SPEAKERS] + b[SPEAKERS] - 2, 1)
    p = 2 * special.stdtr(freedom, -np.abs(t_statistic(a, b)))
    return np.where(np.isnan(p), 1.0, p)


def _moments(n: np.ndarray, harm: np.ndarray, weight: np.ndarray) -> np.ndarray:
    present = (weight != 0).astype(float)
    return np.stack([n, harm, weight, present, harm * harm, harm * weight, weight * weight])


def _residual(sums: np.ndarray) -> np.ndarray:
    """Sum over speakers of (harm - rate x weight)²."""
    rate = rates(sums)
    residual: np.ndarray = sums[SQUARE] - 2 * rate * sums[PRODUCT] + rate**2 * sums[WEIGHT_SQUARE]
    return residual
