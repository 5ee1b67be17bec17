"""Has a group the rate of all others? By relabelling speakers and by redrawing them.

Relabelling is exact, however few the speakers, where groups are alike in all but their rate. Where
a small group is also far more variable it is not, and redrawing speakers within their groups (the
bootstrap-t, Hall 1992, The Bootstrap and Edgeworth Expansion, 3.5) is nearer to the truth. The
p-value is the largest that the two give: of those that benchmarks/spread_simulation.py compares
it is the one that keeps to its level in groups of unequal size and spread (docs/statistics.md).

Rates that cannot be negative are compared on the scale log(rate + STARTED x everybody's rate), on
which few speakers with skewed rates are nearer to normal; others as they are.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from evalkit.statistics.bootstrap import (
    DEFAULT,
    Resampling,
    drawn_counts,
    one_thread,
)
from evalkit.statistics.permutation import (
    ROUNDING,
    Sums,
    group_variance,
    observed,
    p_value,
    parts,
    relabelled,
    studentised,
)
from evalkit.statistics.strata import folded, speaker_strata
from evalkit.statistics.sums import SpeakerSums
from evalkit.store.scores import ratio

STARTED = 0.1
"""Of everybody's rate, added to rates so that one of 0 has a logarithm (Tukey's started log)."""


class Apart(NamedTuple):
    """By how much groups differ from the rest on the scale, the variance of that, and in whom
    somebody deviates on either side: (draws, groups) each."""

    gap: np.ndarray
    variance: np.ndarray
    varies: np.ndarray


def equal_rates(sums: SpeakerSums, system: int = 0, resampling: Resampling = DEFAULT
                ) -> np.ndarray:
    """p-value of every cohort of ``sums`` against the others together, two-sided, (cohorts,); of
    two cohorts both are the same question."""
    sums = folded(sums)
    cells, offset = parts(sums, system), _offset(sums, system)
    seen = apart(observed(cells), offset)
    null = np.concatenate([_size(apart(each, offset)) for each in relabelled(cells, resampling)])
    p = np.fmax(p_value(_size(seen)[0], null),
                by_redrawing(seen, apart(redrawn(sums, system, resampling), offset)))
    return p[[0, 0]] if len(p) == 2 else p


def apart(sums: Sums, offset: float | None) -> Apart:
    """Every group against the rest, on the scale log(rate + ``offset``), or on that of rates."""
    rest = Sums(*(x.sum(axis=-1, keepdims=True) - x for x in sums))
    rates, others = ratio(sums.amount, sums.weight), ratio(rest.amount, rest.weight)
    others = np.where(np.abs(rates - others) <= ROUNDING * np.abs(rates), rates, others)
    own, their = group_variance(*sums), group_variance(*rest)
    varies = (own > 0) & (their > 0)
    if offset is None:
        return Apart(rates - others, own + their, varies)
    variance = own / (rates + offset)**2 + their / (others + offset)**2
    return Apart(np.log(rates + offset) - np.log(others + offset), variance, varies)


def by_redrawing(seen: Apart, drawn: Apart) -> np.ndarray:
    """The larger p of the symmetric and the equal-tailed bootstrap-t, (groups,); NaN where nobody
    deviates, in the group or in the rest, in every draw. ``drawn`` vary around ``seen``."""
    t = studentised(seen.gap, np.zeros_like(seen.gap), seen.variance)[0]
    null = np.where(drawn.varies, studentised(drawn.gap, seen.gap, drawn.variance), np.nan)
    n = (~np.isnan(null)).sum(axis=0)
    beyond, above, below = ((np.abs(null) >= np.abs(t)).sum(axis=0), (null >= t).sum(axis=0),
                            (null <= t).sum(axis=0))
    both = np.maximum(1 + beyond, 2 * (1 + np.minimum(above, below)))
    return np.where(n > 0, np.minimum(both / (1 + n), 1.0), np.nan)


def redrawn(sums: SpeakerSums, system: int, resampling: Resampling) -> Sums:
    """Sums of the cohorts in every draw of speakers within their strata, n - 1 of n as the
    intervals have them, with the squares of a rescaled speaker; (draws, cohorts)."""
    x = _columns(sums, system)
    total = np.zeros((resampling.draws, *x.shape[1:]))
    strata = speaker_strata(sums)
    sizes = tuple(map(len, strata))
    with one_thread():
        for h, members in enumerate(strata):
            active = np.flatnonzero(sums.members[members].any(axis=0))
            if not len(active):
                continue
            scale = len(members) / max(len(members) - 1, 1)
            part = x[np.ix_(members, active)] * scale ** np.array([1, 1, 2, 2, 2, 0])
            start = 0
            for block in drawn_counts(sizes, h, resampling):
                rows = block @ part.reshape(len(members), -1)
                total[start:start + len(block), active] += rows.reshape(len(block), len(active), -1)
                start += len(block)
    amount, weight, *squares, size = np.moveaxis(total, -1, 0)
    return Sums(amount, weight, np.stack(squares), size)


def _columns(sums: SpeakerSums, system: int) -> np.ndarray:
    """Amount, weight, their three products and 1 of every speaker in every cohort."""
    a, w = sums.amount[..., system], sums.weight[..., system]
    return np.stack([a, w, a * a, a * w, w * w, sums.members.astype(float)], axis=-1)


def _offset(sums: SpeakerSums, system: int) -> float | None:
    """What is added to rates before their logarithm; None where they stay as they are."""
    a, w = sums.amount[..., system], sums.weight[..., system]
    positive = bool((a >= 0).all() and (w >= 0).all() and a.any())
    return STARTED * float(a.sum() / w.sum()) if positive else None


def _size(found: Apart) -> np.ndarray:
    return np.abs(studentised(found.gap, np.zeros_like(found.gap), found.variance))
