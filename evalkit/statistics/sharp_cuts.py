"""Whether labels were made from what was measured: they cut it as if with a knife.

The labels are put in the order of their mean rate, and at the best cut between two of them we look
at the units next to it. What is known of people before they speak shifts rates, and luck blurs the
cut: units of both sides are mixed there, however strongly the labels differ. A function of the
outcome leaves none on the wrong side. Units are next to a cut in two ways:

- within WINDOW standard deviations of the rates on a side of it, for rates of many words;
- one error away from it, for short texts, whose rates are coarse. There honest labels can be as
  good as unmixed, where one recognizes nearly everything and the other half. But whatever the
  rates, if words go wrong by luck the counts of a label thin out smoothly: the units with k, k + 1
  and k + 2 errors are such that n(k) n(k + 2) >= n(k + 1)² (k + 1) / (k + 2), for every mixture of
  Poisson rates (the moments of a mixture are log-convex). So a label has units just beyond the cut,
  and how many at least is known from those on its own side; with far fewer it was cut there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
import pandas as pd
from scipy import special

WINDOW = 0.5
"""Units are next to a cut within so many standard deviations of the rates on a side of it."""
MOST_MIXED = 0.15
"""Share of units on the wrong side, among those next to a cut, below which luck cannot be the
cause: rates that are normal around each label's own mix 27 % or more wherever a twentieth of the
units is next to the cut."""
HARDLY_MIXED = 1 / 3
"""The same for units that are an error from the cut."""
FAR_FEWER = 1 / 3
"""Part of the units that luck puts just beyond a cut, below which labels were made by that cut."""
THINNING = 2.0
"""The most that (k + 2) / (k + 1) is."""


def cut_by(labels: np.ndarray, amount: np.ndarray, weight: np.ndarray, alpha: float) -> bool:
    """Whether ``labels`` (n,) cut ``amount / weight`` (n,) or, where that counts errors, the
    ``amount``; surely, to the level ``alpha`` over all cuts of all labels."""
    counts = bool(np.all(amount % 1 == 0) and np.all(weight % 1 == 0))
    step = 1 / weight if counts else np.zeros(len(weight))
    rate = amount / weight
    windows = [_in_window(rate, step, above, cut) for above, cut in _cuts(labels, rate)]
    return any(map(_unmixed, *_with_their_sum(windows, alpha))) or (counts and any(
        _cut_by_errors(labels, amount, weight, scale, alpha / 2)
        for scale in (weight, np.ones(len(amount)))))


def _cut_by_errors(labels: np.ndarray, errors: np.ndarray, weight: np.ndarray, scale: np.ndarray,
                   alpha: float) -> bool:
    """Whether the ``errors`` for each unit of ``scale`` (n,) were cut."""
    counts = [_by_errors(errors, np.floor(cut * scale + 1e-9), weight, above)
              for above, cut in _cuts(labels, errors / scale)]
    return any(_unmixed(np.stack([by_label[::-1, 0], by_label[:, 1]], axis=1), level, HARDLY_MIXED)
               and all(_torn_off(units, level) for units in by_label)
               for by_label, level in zip(*_with_their_sum(counts, alpha), strict=True))


def _with_their_sum(counts: Sequence[np.ndarray], alpha: float
                    ) -> tuple[list[np.ndarray], list[float]]:
    """``counts`` beside all cuts, and all together, and to what level each is tried."""
    tried = [*counts, np.sum(counts, axis=0)] if len(counts) else []
    return tried, [alpha / len(tried) for _ in tried]


def _cuts(labels: np.ndarray, value: np.ndarray) -> Iterator[tuple[np.ndarray, float]]:
    """Of every cut between labels in the order of their mean ``value``: which units (n,) have a
    label above it, and where it leaves fewest units on the wrong side."""
    names = pd.Series(value).groupby(labels).mean().sort_values(kind="stable").index
    place = names.get_indexer(pd.Index(labels))
    order = np.argsort(value, kind="stable")
    ascending = value[order]
    ends = np.flatnonzero(np.diff(ascending) > 0)
    for i in range(len(names) - 1 if len(ends) else 0):
        above = place[order] > i
        wrong: np.ndarray = np.cumsum(above) + np.cumsum(~above[::-1])[::-1] - ~above
        at = ends[int(wrong[ends].argmin())]
        yield place > i, float(ascending[at] + ascending[at + 1]) / 2


def _in_window(rate: np.ndarray, step: np.ndarray, above: np.ndarray, cut: float) -> np.ndarray:
    """Units within WINDOW of a cut: (below or above it, with a wrong or a right label). Those whose
    rate can only take a ``step`` (n,) wider than the window take no part: whether they have a rate
    in it says how many words they have."""
    spread = np.sqrt(np.mean([rate[above].var(), rate[~above].var()]))
    near = (np.abs(rate - cut) <= WINDOW * spread) & (step <= WINDOW * spread)
    sides = [(near & (rate < cut), ~above), (near & (rate >= cut), above)]
    return np.array([[(there & ~right).sum(), (there & right).sum()] for there, right in sides])


def _by_errors(errors: np.ndarray, last: np.ndarray, weight: np.ndarray, above: np.ndarray
               ) -> np.ndarray:
    """Units whose label is below a cut, and above it, (2, 3): those one error beyond the cut, next
    to it on their own side, and one error farther on that side. ``last`` (n,) is the most errors
    below the cut; texts take part that can have two more."""
    counts = np.zeros((2, 3))
    for label in (0, 1):
        beyond = (last - errors + 1) if label else (errors - last)
        ours = beyond[(weight >= last + 2) & (above == bool(label))]
        counts[label] = [(ours == distance).sum() for distance in (1, 0, -1)]
    return counts


def _unmixed(beside: np.ndarray, alpha: float, most: float = MOST_MIXED) -> bool:
    """Whether surely (Clopper & Pearson 1934) less than ``most`` are wrong on both sides."""
    return all(_most_wrong(wrong, right, alpha) < most for wrong, right in beside)


def _most_wrong(wrong: float, right: float, alpha: float) -> float:
    return float(special.betaincinv(wrong + 1, right, 1 - alpha)) if right else 1.0


def _torn_off(units: np.ndarray, alpha: float) -> bool:
    """Whether surely fewer than FAR_FEWER of those of a label's ``units`` are beyond a cut that
    there must be, given those next to it on its own side and farther there."""
    beyond, next_to, farther = map(float, units)
    expected = next_to**2 / (THINNING * _most(farther, alpha))
    return _most(beyond, alpha) < FAR_FEWER * expected


def _most(count: float, alpha: float) -> float:
    """The upper limit of what a Poisson count is of."""
    return float(special.gammaincinv(count + 1, 1 - alpha))
