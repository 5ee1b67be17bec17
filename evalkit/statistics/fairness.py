"""How unequal a table of groups is, beside what chance alone would give."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import (
    DEFAULT,
    Contrast,
    Interval,
    Resampling,
    intervals,
    on_scale,
)
from evalkit.statistics.contrasts import GroupContrast, against_rest, any_difference
from evalkit.statistics.permutation import GapTest, any_gap, group_variance, observed, parts
from evalkit.statistics.power import detectable, more_speakers
from evalkit.statistics.sums import SpeakerSums, pooled, speaker_averaged
from evalkit.store.scores import ratio


@dataclass(frozen=True)
class Fairness:
    """``p_value`` answers whether there is any gap at all: it is the smallest of every group
    against the others, adjusted by Holm (evalkit.statistics.contrasts). ``tests`` are the
    statistics of permutation.gap_statistics and "welch", each with its value, what relabelled
    speakers give on average and the share of relabellings that reach it, which is no p-value of
    equal rates where groups differ in spread: ``unequal_spread`` is the largest variance of a
    group's speakers, relative to its squared rate, over the smallest. ``pooled`` is the rate of all
    groups together, ``speaker_averaged`` the mean of the speakers' own rates: far apart, few
    talkative speakers make the pooled one.

    ``detectable`` is the smallest true difference between two groups such as the worst and the best
    that would have been shown with 80 % power (evalkit.statistics.power), at the level over the
    number of pairs, as whichever two might have been the ends; ``more_speakers`` how many more,
    in the same mix, would settle whether there is a gap at all: 0 where ``p_value`` is significant,
    None where no number within reach would."""

    worst_group: str
    best_group: str
    pooled: Interval
    speaker_averaged: Interval
    p_value: float
    unequal_spread: float
    tests: dict[str, GapTest]
    detectable: float
    more_speakers: int | None


def fairness(sums: SpeakerSums, system: int = 0, resampling: Resampling = DEFAULT, *,
             higher_is_better: bool = False, bounds: tuple[float, float] | None = None,
             contrasts: Sequence[GroupContrast] | None = None) -> Fairness | None:
    """The summary of the cohorts of ``sums``, which share no utterance; None where fewer than
    two have a rate. ``bounds`` are the ends of the metric's scale, ``contrasts`` what
    ``against_rest`` gives of the same, where it is known."""
    rates = sums.rates[:, system]
    if (~np.isnan(rates)).sum() < 2:
        return None
    low, high = sums.cohorts[int(np.nanargmin(rates))], sums.cohorts[int(np.nanargmax(rates))]
    worst, best = (low, high) if higher_is_better else (high, low)
    tests = any_gap(sums, system, resampling, higher_is_better=higher_is_better)
    whole = pooled(sums)
    wanted = [Contrast((0, system))]
    rate, mean = (on_scale(intervals(of, wanted, resampling)[0], bounds)
                  for of in (whole, speaker_averaged(whole)))
    p = any_difference(against_rest(sums, system, resampling) if contrasts is None else contrasts)
    return Fairness(worst, best, rate, mean, p, unequal_spread(sums, system), tests, *_power(
        sums, (worst, best), p, resampling, system))


class Row(Protocol):
    """Of a group that may have been compared with the others."""

    @property
    def gap(self) -> GroupContrast | None:
        """With the others together."""
        ...


def fairness_of(rows: Sequence[Row], sums: SpeakerSums, fact: Fact, resampling: Resampling
                ) -> Fairness | None:
    """``fairness`` of groups whose ``rows`` are known, by a metric that means ``fact``."""
    return fairness(sums, resampling=resampling, higher_is_better=bool(fact.higher_is_better),
                    bounds=fact.bounds, contrasts=[row.gap for row in rows if row.gap is not None])


def unequal_spread(sums: SpeakerSums, system: int = 0) -> float:
    """The largest variance of a cohort's speakers around its rate, as a share of the squared rate,
    over the smallest that is not 0; NaN where fewer than two have any."""
    seen = observed(parts(sums, system))
    own = ratio(group_variance(*seen) * seen.size, (seen.amount / seen.weight)**2)
    known = own[own > 0]
    return float(known.max() / known.min()) if len(known) > 1 else math.nan


def _power(sums: SpeakerSums, ends: tuple[str, str], p: float, resampling: Resampling,
           system: int) -> tuple[float, int | None]:
    level, k = 1 - resampling.level, len(sums.cohorts)
    alpha = level / (k * (k - 1) / 2)
    worst, best = ((sums.cohorts.index(name), system) for name in ends)
    apart, = intervals(sums, [Contrast(worst, best)], resampling, "t")
    more = 0 if p < level else more_speakers(apart, apart.value, alpha, of=len(sums.speakers))
    return detectable(apart, alpha), more
