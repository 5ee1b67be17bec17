"""Adjusting p-values for having looked at several."""

from __future__ import annotations

from typing import Literal

import numpy as np

Adjustment = Literal["holm", "benjamini_hochberg"]


def adjust(p_values: np.ndarray, how: Adjustment = "holm") -> np.ndarray:
    """Adjusted p-values, in the order given; NaN ones stay NaN and are not counted.

    "holm" bounds the chance of any false finding (Holm 1979), "benjamini_hochberg" the
    expected share of false findings (Benjamini & Hochberg 1995)."""
    p = np.asarray(p_values, float)
    adjusted = np.full(p.shape, np.nan)
    known = np.flatnonzero(~np.isnan(p))
    order = known[np.argsort(p[known], kind="stable")]
    n = len(order)
    if how == "holm":
        steps = np.maximum.accumulate(p[order] * np.arange(n, 0, -1))
    else:
        steps = np.minimum.accumulate((p[order] * n / np.arange(1, n + 1))[::-1])[::-1]
    adjusted[order] = np.minimum(steps, 1.0)
    return adjusted
