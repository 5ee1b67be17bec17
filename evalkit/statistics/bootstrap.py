"""Intervals from resampling speakers.

Speakers that belong to the same cohorts form a stratum, so that no draw misses a cohort with
two speakers of its own. From a stratum of n speakers a draw takes n - 1 with replacement and
weighs them by n / (n - 1) (Rao & Wu 1988), which makes the variance of the draws unbiased.
Every contrast is evaluated on the same draws; a draw is a matrix product of counts with
per-speaker sums (Liu & Peng 2020, blockwise bootstrap, arXiv 1912.09508).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from functools import cache, lru_cache
from typing import NamedTuple

import numpy as np
from scipy import special
from threadpoolctl import ThreadpoolController

from evalkit.core.types import Interval, Method
from evalkit.statistics.strata import folded, speaker_strata
from evalkit.statistics.sums import SpeakerSums
from evalkit.store.scores import ratio

FEW_SPEAKERS = 30
COUNTERS = 1 << 18
"""Counters held at once while drawing: fits the cache."""
KEPT = 1 << 27
"""Counters, of a byte each, that are kept of one set of strata."""


@dataclass(frozen=True)
class Resampling:
    """How often speakers are drawn or relabelled, from which seed, and the share of intervals
    that shall hold the truth. The same settings give the same numbers."""

    draws: int = 10_000
    seed: int = 0
    level: float = 0.95

    @property
    def tails(self) -> np.ndarray:
        """Probabilities below the two bounds of an interval."""
        return np.array([(1 - self.level) / 2, (1 + self.level) / 2])


DEFAULT = Resampling()


class Contrast(NamedTuple):
    """The rate of a cohort under a system, minus another such rate where ``minus`` is given.
    Both are (cohort, system) indices into SpeakerSums."""

    rate: tuple[int, int]
    minus: tuple[int, int] | None = None


def intervals(sums: SpeakerSums, contrasts: Sequence[Contrast],
              resampling: Resampling = DEFAULT, method: Method | None = None) -> list[Interval]:
    """One interval a contrast, all from the same draws.

    ``method`` None takes "t" (jackknife, Student's t) where the degrees of freedom are those
    of fewer than FEW_SPEAKERS speakers and "studentised" (bootstrap-t, Efron & Tibshirani
    1993, 12.5; symmetric, Hall 1988, Annals of Statistics 16(3)) elsewhere, both on the log
    scale for a rate whose amounts are never negative. In docs/statistics.md they are measured
    beside "percentile" and "bca"."""
    strata = speaker_strata(sums)
    x = _cells(sums, contrasts)
    value = _difference(x.sum(axis=0))
    influence, se, df = jackknife(x, strata)
    n_speakers = (x != 0).any(axis=2).sum(axis=0)
    chosen = [method or ("studentised" if d + 1 >= FEW_SPEAKERS else "t") for d in df]
    drawn = [i for i, how in enumerate(chosen) if how != "t"]
    with one_thread():
        moments = dict(zip(drawn, _drawn(sums, [contrasts[i] for i in drawn], resampling),
                           strict=True))
    counting = bool((sums.amount >= 0).all())
    results = []
    for i, how in enumerate(chosen):
        estimate = _Estimate(float(value[i]), float(se[i]), float(df[i]), influence[:, i],
                             counting and contrasts[i].minus is None)
        low, high = _bounds(how, estimate, resampling, moments.get(i))
        results.append(Interval(estimate.value, low, high, estimate.se, estimate.df,
                              int(n_speakers[i]), how, _warning(estimate, int(n_speakers[i]))))
    return results


def on_scale(interval: Interval, bounds: tuple[float, float] | None) -> Interval:
    """``interval`` of a rate whose scale has these ``bounds`` (Fact.bounds), cut there: no truth
    lies beyond, so that it holds the truth as often as before."""
    if bounds is None:
        return interval
    low, high = np.clip([interval.low, interval.high], *bounds)
    return replace(interval, low=float(np.minimum(low, interval.value)),
                   high=float(np.maximum(high, interval.value)))


def jackknife(x: np.ndarray, strata: Sequence[np.ndarray]
              ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Influence of every speaker on every contrast (speakers, contrasts), standard errors and
    Satterthwaite degrees of freedom (contrasts,). ``x`` is as ``_cells`` gives it.

    Deleting a speaker raises the weight of the others in the stratum (Wolter 2007, 4.5)."""
    total = x.sum(axis=0)
    influence = np.zeros(x.shape[:2])
    variance = np.zeros((len(strata), x.shape[1]))
    for h, members in enumerate(strata):
        n = len(members)
        if n == 1:
            continue
        part = x[members]
        without = total + (part.sum(axis=0) - n * part) / (n - 1)
        deleted = _difference(without)
        influence[members] = deleted.mean(axis=0) - deleted
        variance[h] = (n - 1) / n * (influence[members] ** 2).sum(axis=0)
    freedom = np.array([[max(len(members) - 1, 1)] for members in strata])
    whole = variance.sum(axis=0)
    return influence, np.sqrt(whole), ratio(whole**2, (variance**2 / freedom).sum(axis=0))


def counts(n: int, draws: int, seed: np.random.SeedSequence) -> Iterator[np.ndarray]:
    """How often each of ``n`` speakers is drawn, n - 1 at a time with replacement, in blocks of
    shape (some draws, n). One speaker alone is always there."""
    if n == 1:
        yield np.ones((draws, 1))
        return
    rng = np.random.default_rng(seed)
    step = max(1, COUNTERS // n)
    for start in range(0, draws, step):
        rows = min(step, draws - start)
        drawn = rng.integers(n, size=(rows, n - 1), dtype=np.int64)
        drawn += np.arange(0, rows * n, n)[:, None]
        yield np.bincount(drawn.ravel(), minlength=rows * n).reshape(rows, n).astype(float)


def drawn_counts(sizes: tuple[int, ...], stratum: int, resampling: Resampling
                 ) -> Iterator[np.ndarray]:
    """``counts`` of one of the strata that have ``sizes`` speakers. They are kept where they are
    few, since every contrast of the same speakers draws them again."""
    if resampling.draws * sum(sizes) > KEPT:
        return _stratum_counts(sizes[stratum], stratum, resampling)
    return (block.astype(float) for block in _known_counts(sizes, resampling)[stratum])


@lru_cache(maxsize=1)
def _known_counts(sizes: tuple[int, ...], resampling: Resampling
                  ) -> tuple[tuple[np.ndarray, ...], ...]:
    return tuple(tuple(block.astype(np.min_scalar_type(int(block.max())))
                       for block in _stratum_counts(n, h, resampling))
                 for h, n in enumerate(sizes))


def _stratum_counts(n: int, h: int, resampling: Resampling) -> Iterator[np.ndarray]:
    return counts(n, resampling.draws, np.random.SeedSequence(resampling.seed, spawn_key=(h,)))


def one_thread() -> AbstractContextManager[object]:
    """In the block products of matrices have the same bits on any number of cores, and no core
    waits for another."""
    context: AbstractContextManager[object] = _threads().limit(limits=1, user_api="blas")
    return context


@cache
def _threads() -> ThreadpoolController:
    return ThreadpoolController()


class _Estimate(NamedTuple):
    value: float
    se: float
    df: float
    influence: np.ndarray
    is_positive: bool
    """Whether it cannot be negative."""


class _Moments(NamedTuple):
    """A contrast in every draw, and its own standard error there; both of shape (draws,)."""

    value: np.ndarray
    se: np.ndarray


def _cells(sums: SpeakerSums, contrasts: Sequence[Contrast]) -> np.ndarray:
    """(speakers, contrasts, 4): amount and weight of ``rate``, amount and weight of ``minus``,
    which without one are 0 and the weight of ``rate``: a rate of 0."""
    x = np.zeros((len(sums.speakers), len(contrasts), 4))
    for i, (rate, minus) in enumerate(contrasts):
        x[:, i, 0], x[:, i, 1] = sums.amount[:, *rate], sums.weight[:, *rate]
        x[:, i, 3] = x[:, i, 1]
        if minus is not None:
            x[:, i, 2], x[:, i, 3] = sums.amount[:, *minus], sums.weight[:, *minus]
    return x


def _difference(x: np.ndarray) -> np.ndarray:
    """The contrasts of sums (..., 4)."""
    return ratio(x[..., 0], x[..., 1]) - ratio(x[..., 2], x[..., 3])


PAIRS = np.triu_indices(4)


def _drawn(sums: SpeakerSums, contrasts: Sequence[Contrast], resampling: Resampling
           ) -> list[_Moments]:
    """The draws of ``contrasts``; of very many speakers those of blocks of them."""
    blocks = folded(sums) if contrasts else sums
    return _resample(_cells(blocks, contrasts), speaker_strata(blocks), resampling)


def _resample(x: np.ndarray, strata: Sequence[np.ndarray], resampling: Resampling
              ) -> list[_Moments]:
    sums = np.zeros((x.shape[1], resampling.draws, 4 + len(PAIRS[0])))
    sizes = tuple(map(len, strata))
    for h, members in enumerate(strata):
        n = len(members)
        active = np.flatnonzero(x[members].any(axis=(0, 2)))
        if not len(active):
            continue
        part = x[np.ix_(members, active)]
        products = part[..., PAIRS[0]] * part[..., PAIRS[1]] * (n / max(n - 2, 1))
        columns = np.concatenate([part, products], axis=2).reshape(n, -1) * (n / max(n - 1, 1))
        start = 0
        for block in drawn_counts(sizes, h, resampling):
            drawn = (block @ columns).reshape(len(block), len(active), -1)
            sums[active, start:start + len(block)] += drawn.swapaxes(0, 1)
            start += len(block)
    return [_Moments(_difference(y[:, :4]), _linearised_se(y[:, :4], y[:, 4:])) for y in sums]


def _linearised_se(first: np.ndarray, second: np.ndarray) -> np.ndarray:
    """Standard error of a contrast from the sums of its four columns and of their products:
    the quadratic form of the gradient (1/W, -r/W, -1/W', r'/W')."""
    gradient = np.empty_like(first)
    for a, w, sign in ((0, 1, 1.0), (2, 3, -1.0)):
        gradient[..., a] = ratio(np.full(first.shape[:-1], sign), first[..., w])
        gradient[..., w] = -gradient[..., a] * ratio(first[..., a], first[..., w])
    twice = np.where(PAIRS[0] == PAIRS[1], 1.0, 2.0)
    square = (twice * gradient[..., PAIRS[0]] * gradient[..., PAIRS[1]] * second).sum(axis=-1)
    return np.sqrt(np.maximum(square, 0.0))


def _bounds(method: Method, estimate: _Estimate, resampling: Resampling,
            moments: _Moments | None) -> tuple[float, float]:
    if not estimate.se > 0:
        return np.nan, np.nan
    if moments is None or method == "studentised":
        return _symmetric(estimate, resampling, moments)
    tails = resampling.tails
    if method == "bca":
        tails = _bca(tails, moments.value, estimate)
    low, high = np.nanquantile(moments.value, tails)
    return float(low), float(high)


def _symmetric(estimate: _Estimate, resampling: Resampling, moments: _Moments | None
               ) -> tuple[float, float]:
    """The value plus and minus a quantile of |pivot|, the draws' or else Student's."""
    draws = moments or _Moments(np.array([estimate.value]), np.array([estimate.se]))
    value, se = estimate.value, estimate.se
    logarithmic = estimate.is_positive and value > 0 and bool((draws.value > 0).all())
    if logarithmic:
        draws = _Moments(np.log(draws.value), draws.se / draws.value)
        value, se = np.log(value), se / value
    pivots = ratio(np.abs(draws.value - value), draws.se)
    if moments is not None and np.isnan(pivots).all():
        return np.nan, np.nan  # every draw has speakers that are all alike
    reach = se * (special.stdtrit(estimate.df, resampling.tails[1]) if moments is None else
                  np.nanquantile(pivots, resampling.level))
    low, high = value - reach, value + reach
    if logarithmic:
        low, high = np.exp(low), np.exp(high)
    elif estimate.is_positive:
        low = max(low, 0.0)
    return float(low), float(high)


def _bca(tails: np.ndarray, drawn: np.ndarray, estimate: _Estimate) -> np.ndarray:
    """Bias-corrected and accelerated tails (Efron 1987, equations 2.3 and 6.6)."""
    below = np.mean(drawn < estimate.value) + np.mean(drawn == estimate.value) / 2
    bias = special.ndtri(np.clip(below, 0.5 / len(drawn), 1 - 0.5 / len(drawn)))
    cubes, squares = (estimate.influence**3).sum(), (estimate.influence**2).sum()
    acceleration = cubes / (6 * squares**1.5)
    z = bias + special.ndtri(tails)
    adjusted: np.ndarray = special.ndtr(bias + z / (1 - acceleration * z))
    return adjusted


def _warning(estimate: _Estimate, n_speakers: int) -> str | None:
    if n_speakers < 2:
        return f"{n_speakers} speaker(s): no interval"
    if not estimate.se > 0:
        return "the speakers do not differ: no interval"
    if estimate.df + 1 < FEW_SPEAKERS:
        return (f"resting on the variation between {estimate.df + 1:.0f} speakers: fewer than "
                f"{FEW_SPEAKERS}, the interval is approximate")
    return None
