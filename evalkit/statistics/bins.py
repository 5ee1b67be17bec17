"""Numbers cut into bins that can name groups."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.statistics.labels import number_of, number_text

MOST_NUMBERS = 10
"""A column with more distinct numbers is cut at its quartiles."""
CODES = frozenset({-1, -9, -99, -999, -9999, -99999, -666666666, 999, 9999, 99999, 999999})
"""Numbers that tables write for "not known", "refused" and the like."""


def binned(labels: pd.Series) -> pd.Series:
    """Labels (evalkit.statistics.labels) whose numbers are cut at their quartiles where there are
    more than MOST_NUMBERS different ones. Texts keep their labels, and so do CODES that lie
    farther from all other numbers than these from one another."""
    place, texts = pd.factorize(labels.to_numpy(object))
    numbers = {text: value for text in texts if (value := number_of(text)) is not None}
    outliers = codes(set(numbers.values()))
    cut = {text: value for text, value in numbers.items() if value not in outliers}
    if len(set(cut.values())) <= MOST_NUMBERS:
        return labels
    values = np.array([cut.get(text, np.nan) for text in texts])
    bin_of = np.asarray(_cut(values, values[place], 4), object)
    return pd.Series(np.where(np.isnan(values), texts, bin_of)[place], labels.index, dtype=object)


def codes(values: set[float]) -> set[float]:
    """Which of the distinct ``values`` are CODES: those of another sign than all other values, or
    farther away from these than they are from one another."""
    others = values - CODES
    if not others:
        return set()
    low, high = min(others), max(others)

    def is_code(value: float) -> bool:
        away = max(low - value, value - high)
        return away > high - low or (value < 0 <= low)
    return {value for value in values & CODES if is_code(value)}


def bins(values: Sequence[float | None] | np.ndarray | pd.Series, n: int = 4) -> pd.Categorical:
    """Numbers cut at their quantiles into at most ``n`` bins of about equal counts, labelled
    "under 1.5", "1.5 to under 3.2", "3.2 and over"; what is missing or infinite is missing.

    Cuts are rounded to the digits that tell them apart, and are where the labels say. A slice
    of bins applies to rows that were cut together with those it was found on: cut first, split
    afterwards. Raises ConfigError for fewer than two bins."""
    if n < 2:
        raise ConfigError(f"numbers are cut into 2 bins or more, not {n}")
    numbers = pd.Series(values).astype("Float64").to_numpy(float, na_value=np.nan)
    return _cut(numbers, numbers, n)


def _cut(numbers: np.ndarray, among: np.ndarray, n: int) -> pd.Categorical:
    """``bins`` of ``numbers``, cut at the quantiles of those ``among`` which they are."""
    finite = among[np.isfinite(among)]
    if not len(finite):
        return pd.Categorical([None] * len(numbers))
    quantiles = np.quantile(finite, np.arange(1, n) / n, method="higher")
    steps = np.unique([finite.min(), *quantiles])
    cuts = _rounded(steps)
    text = [number_text(cut) for cut in cuts.tolist()]
    labels = ["any"] if not text else [
        f"under {text[0]}", *(f"{a} to under {b}" for a, b in pairwise(text)),
        f"{text[-1]} and over"]
    numbers = np.where(np.isfinite(numbers), numbers, np.nan)
    return pd.cut(numbers, [-np.inf, *cuts, np.inf], right=False, labels=labels)


def _rounded(steps: np.ndarray) -> np.ndarray:
    """The ascending ``steps`` but the first, to the digits that tell all of them apart."""
    with np.errstate(over="ignore"):
        nearest = min(float(np.diff(steps).min(initial=1e9)), 1e9)
    digits = max(0, 1 - math.floor(math.log10(nearest)))
    return np.unique([round(step, digits) for step in steps[1:].tolist()])
