"""How unequal a table of groups is, beside what chance alone would give."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from evalkit.statistics.bootstrap import (
    DEFAULT,
    Contrast,
    Interval,
    Resampling,
    intervals,
    on_scale,
)
from evalkit.statistics.permutation import GapTest, any_gap
from evalkit.statistics.power import detectable, more_speakers
from evalkit.statistics.sums import SpeakerSums, pooled, speaker_averaged


@dataclass(frozen=True)
class Fairness:
    """``tests`` are the statistics of permutation.gap_statistics and "welch", each with its
    value, what relabelled speakers give on average and a p-value; "welch" answers whether there
    is any gap at all. ``pooled`` is the rate of all groups together, ``speaker_averaged`` the
    mean of the speakers' own rates: far apart, few talkative speakers make the pooled one.

    ``detectable`` is the smallest true difference between two groups such as the worst and the best
    that would have been shown with 80 % power (evalkit.statistics.power), at the level over the
    number of pairs, as whichever two might have been the ends; ``more_speakers`` how many more,
    in the same mix, would settle whether there is a gap at all: 0 where "gap" is significant, None
    where no number within reach would."""

    worst_group: str
    best_group: str
    pooled: Interval
    speaker_averaged: Interval
    tests: dict[str, GapTest]
    detectable: float
    more_speakers: int | None


def fairness(sums: SpeakerSums, system: int = 0, resampling: Resampling = DEFAULT, *,
             higher_is_better: bool = False, bounds: tuple[float, float] | None = None
             ) -> Fairness | None:
    """The summary of the cohorts of ``sums``, which share no utterance; None where fewer than
    two have a rate. ``bounds`` are the ends of the metric's scale."""
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
    return Fairness(worst, best, rate, mean, tests, *_power(sums, (worst, best), tests["gap"],
                                                            resampling, system))


def _power(sums: SpeakerSums, ends: tuple[str, str], gap: GapTest, resampling: Resampling,
           system: int) -> tuple[float, int | None]:
    level, k = 1 - resampling.level, len(sums.cohorts)
    alpha = level / (k * (k - 1) / 2)
    worst, best = ((sums.cohorts.index(name), system) for name in ends)
    apart, = intervals(sums, [Contrast(worst, best)], resampling, "t")
    more = 0 if gap.p_value < level else more_speakers(apart, apart.value, alpha,
                                                       of=len(sums.speakers))
    return detectable(apart, alpha), more
