"""Did anything change between two versions of a system? A paired permutation test over speakers.

Under the hypothesis of no change, which of a speaker's two results is whose is chance. A change
is a sum of contributions, one a speaker, and exchanging a speaker's two versions turns the sign
of its contribution: the share of random sign flips that reach the observed change is its p-value,
exact however few the speakers. The same flips are made in all hypotheses at once, so that what
correlates (groups and their whole, metrics of the same words) is not paid for twice: adjusted
p-values are Westfall and Young's step-down ones (1993, 2.6; strong control of any false finding).
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from scipy import special

from evalkit.statistics.bootstrap import DEFAULT, Resampling, one_thread
from evalkit.store.scores import ratio

SIGNS = 1 << 22
"""Signs held at once."""
SIGN = np.repeat([-1.0, 1.0], 128)
"""Of every byte: its highest bit is drawn."""
TIES = 1 + 1e-9
"""Rounding must not tell a flip from another that gives the same sums."""


class SignFlips(NamedTuple):
    """How extreme every hypothesis's change is, as the two-sided tail of Student's t, which
    makes changes in few and in many speakers comparable: ``observed`` (hypotheses,) and in
    random flips ``null`` (draws, hypotheses). Of a one-sided test those that are not above 0 have
    a tail of 1."""

    observed: np.ndarray
    null: np.ndarray


def flip_signs(contributions: np.ndarray, resampling: Resampling = DEFAULT, *,
               one_sided: bool = False, noise: np.ndarray | None = None) -> SignFlips:
    """Random exchanges of the two versions within speakers. ``contributions`` (speakers,
    hypotheses) sum to the changes; a speaker that has no part in a hypothesis is NaN there.
    ``one_sided`` is a change extreme only above 0. ``noise`` (2, hypotheses) says by how much
    standard errors are longer than speakers tell, and on how many degrees of freedom: a change is
    then as extreme as that leaves it."""
    has_part = ~np.isnan(contributions)
    parts = np.where(has_part, contributions, 0.0)
    # Under the null the mean is 0: the scale does not depend on the signs.
    unit = np.nan_to_num(ratio(parts, np.sqrt((parts**2).sum(axis=0))
                               * np.ones_like(parts)))
    n = has_part.sum(axis=0)
    with one_thread():
        null = [_tails(signs @ unit, n, one_sided) for signs in _signs(len(parts), resampling)]
    return SignFlips(_tails(unit.sum(axis=0), n, one_sided, noise), np.concatenate(null))


def p_values(flips: SignFlips) -> np.ndarray:
    """Of every hypothesis alone, (hypotheses,); the observed signs are counted with the others."""
    return _share(flips.null, flips.observed)


def step_down(flips: SignFlips) -> np.ndarray:
    """Adjusted for all hypotheses together, (hypotheses,): the share of flips in which any of
    those that are not more extreme than this one becomes as extreme as it is."""
    order = np.argsort(flips.observed, kind="stable")
    least = np.minimum.accumulate(flips.null[:, order[::-1]], axis=1)[:, ::-1]
    adjusted = np.empty(len(order))
    adjusted[order] = np.maximum.accumulate(_share(least, flips.observed[order]))
    return adjusted


def alone(flips: SignFlips, level: float) -> float:
    """The p-value that a hypothesis needs by itself for its adjusted one to be at most ``level``,
    however the others turn out: the quantile of the smallest p-value of a flip. It is ``level``
    where there is one hypothesis or all say the same, and at least ``level`` over their number."""
    return float(np.quantile(flips.null.min(axis=1), level))


def fewest_speakers(level: float) -> int:
    """With fewer, no flip is rare enough to be significant: 2 of their 2^n flips always reach
    the observed change."""
    return 1 + math.ceil(-math.log2(level))


def _signs(n: int, resampling: Resampling) -> Iterator[np.ndarray]:
    """What ``2 * rng.integers(0, 2, (rows, n), np.int8) - 1`` gives, in a tenth of its time."""
    rng = np.random.default_rng(resampling.seed)
    step = max(1, SIGNS // max(n, 1))
    for start in range(0, resampling.draws, step):
        rows = min(step, resampling.draws - start)
        yield SIGN[np.frombuffer(rng.bytes(rows * n), np.uint8)].reshape(rows, n)


def _tails(z: np.ndarray, n: np.ndarray, one_sided: bool, noise: np.ndarray | None = None
           ) -> np.ndarray:
    """Of sums of ``n`` terms whose squares sum to 1: the t statistic is a function of the sum.
    One term alone says nothing."""
    longer, df = (1.0, np.inf) if noise is None else noise
    # SignFlips that leave all signs alike reach 1 but for rounding, which t would magnify.
    share = np.minimum(np.round(z * z / np.maximum(n, 1), 12), 1.0)
    with np.errstate(divide="ignore"):
        t = np.sqrt(np.maximum(n - 1, 1) / (1 / np.maximum(share, 1e-300) - 1))
    tail: np.ndarray = 2 * special.stdtr(np.minimum(np.maximum(n - 1, 1), df), -t / longer)
    return np.where((share > 0) & (n > 1) & ~(one_sided & (z < 0)), tail, 1.0)


def _share(null: np.ndarray, observed: np.ndarray) -> np.ndarray:
    return (1 + (null <= observed * TIES).sum(axis=0)) / (1 + len(null))
