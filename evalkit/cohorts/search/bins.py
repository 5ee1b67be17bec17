"""Numbers cut into bins that can name groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from evalkit.core.errors import ConfigError


def bins(values: Sequence[float | None] | np.ndarray | pd.Series, n: int = 4) -> pd.Categorical:
    """Numbers cut at their quantiles into at most ``n`` bins of about equal counts, labelled
    "under 1.5", "1.5 to under 3.2", "3.2 and over"; what is missing or infinite is missing.

    Cuts are rounded to the digits that tell them apart, and are where the labels say. A slice
    of bins applies to rows that were cut together with those it was found on: cut first, split
    afterwards. Raises ConfigError for fewer than two bins."""
    if n < 2:
        raise ConfigError(f"numbers are cut into 2 bins or more, not {n}")
    numbers = pd.Series(values).astype("Float64").to_numpy(float, na_value=np.nan)
    finite = numbers[np.isfinite(numbers)]
    if not len(finite):
        return pd.Categorical([None] * len(numbers))
    quantiles = np.quantile(finite, np.arange(1, n) / n, method="higher")
    steps = np.unique([finite.min(), *quantiles])
    digits = max(0, 1 - math.floor(math.log10(np.diff(steps).min(initial=1e9))))
    cuts = np.unique([round(step, digits) for step in steps[1:].tolist()])
    text = [np.format_float_positional(cut, trim="-") for cut in cuts]
    labels = ["any"] if not text else [
        f"under {text[0]}", *(f"{a} to under {b}" for a, b in pairwise(text)),
        f"{text[-1]} and over"]
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    return pd.cut(numbers, [-np.inf, *cuts, np.inf], right=False, labels=labels)
