"""By how much a group's own equal error rate differs from that of the other groups together.

Trials are those within groups on either side, since impostors of another group are the easier ones.
The two sides share no speaker and are independent: the variance of the difference is the sum of
theirs, and it is judged by Student's t with Satterthwaite's degrees of freedom."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np
from scipy import special

from evalkit.core.types import Interval
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.contrasts import REST, GroupContrast, contrasts_of, with_power
from evalkit.statistics.detection import (
    FEWER_DRAWS,
    DetectionInterval,
    Trials,
    detection_intervals,
)
from evalkit.statistics.detection_groups import group_labels


def gaps_to_rest(trials: Trials, groups: Mapping[str, str], own: Mapping[str, DetectionInterval],
                 resampling: Resampling = FEWER_DRAWS) -> dict[str, GroupContrast]:
    """The contrast of every group, whose ``own`` equal error rates are given, with all others of
    them together, adjusted by Holm; ``groups`` maps speakers to groups. None of fewer than two."""
    if len(own) < 2:
        return {}
    label = group_labels(trials, groups)
    enrolled = label[trials.enrol]
    within = (enrolled == label[trials.test]) & np.isin(enrolled, list(own))
    differences = [_difference(rate, detection_intervals(
        trials.take(np.flatnonzero(within & (enrolled != name))), resampling=resampling)["eer"],
        resampling) for name, rate in own.items()]
    p = np.array([_p_value(difference) for difference in differences])
    found = contrasts_of([(name, REST) for name in own], differences, p, "holm")
    sizes = {name: rate.n_speakers for name, rate in own.items()}
    return {each.group: each for each in with_power(found, sizes, resampling.level)}


def _difference(a: DetectionInterval, b: DetectionInterval, resampling: Resampling) -> Interval:
    """``a`` minus ``b``, of no speaker in common."""
    value, n = a.value - b.value, a.n_speakers + b.n_speakers
    se = math.hypot(a.se, b.se)
    if not se > 0:
        return Interval(value, math.nan, math.nan, math.nan, math.nan, n, "t",
                        "the spread of a side is not known: no interval")
    df = se**4 / sum(each.se**4 / max(each.n_speakers - 1, 1) for each in (a, b))
    reach = float(special.stdtrit(df, resampling.tails[1])) * se
    return Interval(value, value - reach, value + reach, se, df, n, "t")


def _p_value(difference: Interval) -> float:
    """Two-sided, 1 where the spread is not known."""
    if not difference.se > 0:
        return 1.0
    return float(2 * special.stdtr(difference.df, -abs(difference.value) / difference.se))
