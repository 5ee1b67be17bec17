"""How many times as large a group's rate of error is as that of the groups on the whole: the
demographic differentials of ISO/IEC 19795-10, as ratios.

Groups whose trials share no speaker are independent, so that the variance of a ratio's logarithm is
the sum of theirs (each the squared standard error over the rate, of resampled speakers), and its
interval is Student's t with Satterthwaite's degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy import special

from evalkit.statistics.detection import DetectionInterval
from evalkit.statistics.power import multiplier


@dataclass(frozen=True)
class Ratio:
    """A group's rate over that of others; 1 is fair. ``detectable`` is the smallest ratio above 1
    that these speakers would have shown with 80 % power, at the level over the number of groups.
    NaN with a ``warning`` where undefined."""

    value: float
    low: float
    high: float
    detectable: float
    warning: str | None = None


def to_geometric_mean(rates: Sequence[DetectionInterval], level: float = 0.95) -> list[Ratio]:
    """Each of the ``rates`` of independent groups over their geometric mean."""
    k = len(rates)
    return [_ratio(rates, np.where(np.arange(k) == g, 1.0, 0.0) - 1 / k, level) for g in range(k)]


def to_best(rates: Sequence[DetectionInterval], level: float = 0.95) -> list[Ratio]:
    """Each of the ``rates`` of independent groups over the smallest, whose own ratio is 1."""
    k = len(rates)
    best = int(np.argmin([rate.value for rate in rates]))
    return [_ratio(rates, np.eye(k)[g] - np.eye(k)[best], level) for g in range(k)]


def _ratio(rates: Sequence[DetectionInterval], weights: np.ndarray, level: float) -> Ratio:
    """exp(sum of ``weights`` times the logarithms of the rates)."""
    why = _undefined(rates)
    if why:
        return Ratio(math.nan, math.nan, math.nan, math.nan, why)
    values, errors = (np.array([getattr(rate, name) for rate in rates]) for name in ("value", "se"))
    log = float(weights @ np.log(values))
    parts = (weights * errors / values) ** 2
    se = math.sqrt(parts.sum())
    if not se > 0:
        return Ratio(math.exp(log), math.nan, math.nan, math.nan, None if not weights.any() else
                     "the standard error of a group is not known: no interval")
    freedom = np.array([max(rate.n_speakers - 1, 1) for rate in rates])
    df = float(parts.sum() ** 2 / (parts**2 / freedom).sum())
    reach = float(special.stdtrit(df, (1 + level) / 2)) * se
    least = multiplier((1 - level) / len(rates), df) * se
    return Ratio(math.exp(log), math.exp(log - reach), math.exp(log + reach), math.exp(least))


def _undefined(rates: Sequence[DetectionInterval]) -> str | None:
    if len(rates) < 2:
        return "fewer than two groups can be compared"
    if any(not rate.value > 0 for rate in rates):
        return "a group has no error, or no trial: no ratio"
    return None
