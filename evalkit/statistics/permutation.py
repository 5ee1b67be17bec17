"""Is there any gap? Group labels permuted over speakers.

Where groups do not differ, the labels of speakers are exchangeable, so the share of
permutations of the labels with a gap at least as large as the observed one is an exact p-value.
A percentile interval of max minus min is not: the largest of several equal groups always
looks worse than the smallest.

A speaker whose utterances fall into several groups has its labels permuted among its own
utterances' sums; all other speakers' labels are permuted among them.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from evalkit.statistics.bootstrap import DEFAULT, Resampling
from evalkit.statistics.strata import folded
from evalkit.statistics.sums import SpeakerSums
from evalkit.store.scores import ratio

if TYPE_CHECKING:
    from scipy import sparse

CELLS = 1 << 20
"""Relabelled sums held at once."""
LABELS = 25_000_000
"""Labels permuted in a test at most, but FEWEST permutations at least."""
FEWEST = 1_999
MANY, FEW_BLOCKS = 3_000, 8
"""Of more parts, so few blocks are relabelled one after the other."""
COMPILED = 20_000_000
"""From so many labels in a test on compiled code pays for its being loaded."""
ROUNDING = 1e-12
"""Parts of a number that are not told apart."""
LARGEST = 1e300
"""Stands for infinity: it may be compared with itself."""


@dataclass(frozen=True)
class Parts:
    """What labels are permuted over: one entry for every speaker and cohort that have data.
    ``label`` numbers the cohort; labels move within a ``block`` only."""

    amount: np.ndarray
    weight: np.ndarray
    label: np.ndarray
    block: np.ndarray
    n_labels: int


@dataclass(frozen=True)
class GapTest:
    """A statistic of the groups' rates, what chance alone gives on average, and the share of
    relabellings that reach it. NaN where fewer than two groups have a rate."""

    statistic: str
    value: float
    expected: float
    p_value: float


class Sums(NamedTuple):
    """Of every permutation and group, (permutations, groups): sums of ``amount`` and
    ``weight``, number of parts; and ``squares`` (3, permutations, groups), the sums over parts
    of amount², amount x weight and weight²."""

    amount: np.ndarray
    weight: np.ndarray
    squares: np.ndarray
    size: np.ndarray


def parts(sums: SpeakerSums, system: int = 0) -> Parts:
    """The speakers' sums under one system, apart by cohort."""
    speaker, label = np.nonzero(sums.members)
    several = np.bincount(speaker, minlength=len(sums.speakers)) > 1
    alike = 0 if sums.size is None else 1 - sums.size[speaker]
    return Parts(sums.amount[speaker, label, system], sums.weight[speaker, label, system], label,
                 np.where(several[speaker], speaker + 1, alike), len(sums.cohorts))


def relabellings(n_parts: int, draws: int) -> int:
    """How many permutations are made where so many ``draws`` are asked for: of very many parts as
    many as LABELS allow, FEWEST at least."""
    return min(draws, max(FEWEST, LABELS // max(n_parts, 1)))


def relabelled(cells: Parts, resampling: Resampling) -> Iterator[Sums]:
    """Sums of the groups after permuting labels, some permutations at a time."""
    draws = relabellings(len(cells.label), resampling.draws)
    key = _Bytes(cells.amount.tobytes(), cells.weight.tobytes(), cells.label.tobytes(),
                 cells.block.tobytes(), cells.n_labels)
    yield from _relabelled(key, replace(resampling, draws=draws))


class _Bytes(NamedTuple):
    """Parts as a key."""

    amount: bytes
    weight: bytes
    label: bytes
    block: bytes
    n_labels: int


@lru_cache(maxsize=2)
def _relabelled(of: _Bytes, resampling: Resampling) -> tuple[Sums, ...]:
    """The sums, which the test of any gap and those of every group share."""
    cells = Parts(np.frombuffer(of.amount), np.frombuffer(of.weight),
                  np.frombuffer(of.label, np.int64), np.frombuffer(of.block, np.int64), of.n_labels)
    n = resampling.draws * len(cells.label)
    if n <= CELLS:
        columns = _columns(cells)
        return tuple(_sums(belongs @ columns, of.n_labels) for belongs in
                     _known_places(of.label, of.block, of.n_labels, resampling))
    return tuple(_group_sums(cells, labels, compiled=n >= COMPILED)
                 for labels in _drawn_labels(of.label, of.block, resampling))


def _drawn_labels(labels: bytes, blocks: bytes, resampling: Resampling) -> Iterator[np.ndarray]:
    """Labels permuted within their blocks (some permutations, parts), int64 as both are."""
    label, block = (np.frombuffer(each, np.int64) for each in (labels, blocks))
    rng = np.random.default_rng(resampling.seed)
    step = max(1, CELLS // max(len(label), 1))
    shuffle = _by_sorting if len(label) <= MANY else _block_by_block
    for start in range(0, resampling.draws, step):
        yield shuffle(label, block, min(step, resampling.draws - start), rng)


def _by_sorting(label: np.ndarray, block: np.ndarray, rows: int, rng: np.random.Generator
                ) -> np.ndarray:
    order = np.argsort(rng.random((rows, len(label))) + block, axis=1)
    permuted = np.empty_like(order)
    permuted[:, np.argsort(block, kind="stable")] = label[order]
    return permuted


def _block_by_block(label: np.ndarray, block: np.ndarray, rows: int, rng: np.random.Generator
                    ) -> np.ndarray:
    """The same in less time, of few blocks."""
    known = np.unique(block)
    if len(known) > FEW_BLOCKS:
        return _by_sorting(label, block, rows, rng)
    permuted = np.empty((rows, len(label)), np.int64)
    for each in known:
        inside = np.flatnonzero(block == each)
        permuted[:, inside] = rng.permuted(np.broadcast_to(label[inside], (rows, len(inside))),
                                           axis=1)
    return permuted


@lru_cache(maxsize=8)
def _known_places(labels: bytes, blocks: bytes, groups: int, resampling: Resampling
                  ) -> tuple[sparse.csc_array, ...]:
    """``_places`` of the same, which every metric and every test of the same speakers and groups
    draws."""
    return tuple(_places(drawn, groups) for drawn in _drawn_labels(labels, blocks, resampling))


def observed(cells: Parts) -> Sums:
    """What ``relabelled`` gives, with the labels as they are."""
    return _group_sums(cells, cells.label[None, :])


def gap_statistics(rates: np.ndarray, overall: float, *, higher_is_better: bool = False
                   ) -> dict[str, np.ndarray]:
    """What differs between the groups' ``rates`` (..., groups), larger meaning less fair:

    "gap" largest minus smallest; "relative_gap" that over the best rate; "ratio" largest over
    smallest; "variance" over groups (ddof 0); "worst_excess" by how much the worst rate is
    worse than ``overall``, the rate of all groups together. A quotient by a rate that is not
    positive is NaN."""
    high, low = np.nanmax(rates, axis=-1), np.nanmin(rates, axis=-1)
    best = high if higher_is_better else low
    return {
        "gap": high - low,
        "relative_gap": ratio(high - low, np.maximum(best, 0.0)),
        "ratio": ratio(high, np.maximum(low, 0.0)),
        "variance": np.where(high == low, 0.0, np.nanvar(rates, axis=-1)),
        "worst_excess": overall - low if higher_is_better else high - overall,
    }


def any_gap(sums: SpeakerSums, system: int = 0, resampling: Resampling = DEFAULT, *,
            higher_is_better: bool = False) -> dict[str, GapTest]:
    """Tests of no gap between the cohorts of ``sums``: those of ``gap_statistics``, and
    "welch", the sum of squared deviations from the precision-weighted mean, each over its own
    squared standard error (Welch 1951), which small noisy groups cannot dominate and which
    also holds, for large groups, where they differ in all but their rate (Chung & Romano 2013,
    Annals of Statistics 41(2))."""
    cells = parts(folded(sums), system)
    seen = _statistics(observed(cells), higher_is_better)
    blocks = [_statistics(sums_of_draw, higher_is_better)
              for sums_of_draw in relabelled(cells, resampling)]
    return {name: _test(name, float(value[0]), np.concatenate([block[name] for block in blocks]))
            for name, value in seen.items()}


def p_value(value: float | np.ndarray, null: np.ndarray) -> np.ndarray:
    """Share of ``null`` (permutations, ...) that reaches ``value``, the observed one counted
    with it (Phipson & Smyth 2010); NaN where the value is undefined."""
    # A relabelling that gives the same groups must reach the value in spite of rounding.
    reached = null >= np.asarray(value) - 1e-12 * np.abs(value)
    share = (1 + reached.sum(axis=0)) / (1 + len(null))
    return np.where(np.isnan(value), np.nan, share)


def group_variance(amount: np.ndarray, weight: np.ndarray, squares: np.ndarray,
                   size: np.ndarray) -> np.ndarray:
    """Squared standard error over speakers of ``amount / weight``, linearised, from Sums; 0 where
    they do not deviate by more than rounding."""
    residual = _residual(ratio(amount, weight), squares)
    return ratio(residual * size, weight**2 * (size - 1))


def studentised(rate: np.ndarray, other: np.ndarray, variance: np.ndarray) -> np.ndarray:
    """``rate - other`` over its standard error; LARGEST, with its sign, where they differ though
    nobody deviates from either, and 0 where nobody differs."""
    gap = rate - other
    gap = np.where(np.abs(gap) <= ROUNDING * np.abs(rate), 0.0, gap)
    return np.where(variance == 0, np.sign(gap) * LARGEST, ratio(gap, np.sqrt(variance)))


def _residual(rate: np.ndarray, squares: np.ndarray) -> np.ndarray:
    """Sum over parts of (amount - rate x weight)²."""
    residual = squares[0] - 2 * rate * squares[1] + rate**2 * squares[2]
    return np.where(residual <= ROUNDING * (squares[0] + rate**2 * squares[2]), 0.0, residual)


def _statistics(group_sums: Sums, higher_is_better: bool) -> dict[str, np.ndarray]:
    amount, weight, _, _ = group_sums
    overall = float(ratio(amount[0].sum(), weight[0].sum()))
    rates = ratio(amount, weight)
    rates = np.where(np.abs(rates - overall) <= ROUNDING * abs(overall), overall, rates)
    few = (~np.isnan(rates)).sum(axis=1) < 2
    rates[few] = 0.0
    values = gap_statistics(rates, overall, higher_is_better=higher_is_better)
    values["welch"] = _welch(rates, group_sums)
    return {name: np.where(few, np.nan, value) for name, value in values.items()}


def _welch(rates: np.ndarray, group_sums: Sums) -> np.ndarray:
    """A group in which nobody deviates has the deviation of all groups together; LARGEST where that
    is nothing either and the groups differ."""
    _, weight, squares, _ = group_sums
    unit = ratio(_residual(rates, squares).sum(axis=1), squares[2].sum(axis=1))[:, None]
    variances = group_variance(*group_sums)
    variances = np.where(variances == 0, unit * ratio(squares[2], weight**2), variances)
    precision = np.nan_to_num(ratio(np.ones(variances.shape), variances))
    mean = ratio((precision * np.nan_to_num(rates)).sum(axis=1), precision.sum(axis=1))
    found = np.nansum(precision * (rates - mean[:, None]) ** 2, axis=1)
    spread = np.nanmax(rates, axis=1) - np.nanmin(rates, axis=1)
    return np.where((unit[:, 0] == 0) & (spread > 0), LARGEST, found)


def _group_sums(cells: Parts, labels: np.ndarray, *, compiled: bool = False) -> Sums:
    """The same numbers, bit for bit, where ``compiled``."""
    columns = _columns(cells)
    if not compiled:
        return _sums(_places(labels, cells.n_labels) @ columns, cells.n_labels)
    from evalkit.statistics.group_sums import added_up  # most of a second

    amount, weight, *squares, size = added_up(labels, columns[:, :-1].copy(), cells.n_labels)
    return Sums(amount, weight, np.stack(squares), size)


def _columns(cells: Parts) -> np.ndarray:
    """Amount, weight, their products and 1 of every part, (parts, 6)."""
    a, w = cells.amount, cells.weight
    return np.stack([a, w, a * a, a * w, w * w, np.ones(len(a))], axis=1)


def _places(labels: np.ndarray, groups: int) -> sparse.csc_array:
    """Who is where in every relabelling, (relabellings x groups, parts): a product with it adds up
    as ``added_up`` does, since SciPy multiplies column by column, in the order of the parts."""
    from scipy import sparse

    rows, parts = labels.shape
    place = (labels + groups * np.arange(rows)[:, None]).T.astype(np.int32).ravel()
    starts = rows * np.arange(parts + 1, dtype=np.int32)
    return sparse.csc_array((np.ones(labels.size), place, starts), (rows * groups, parts))


def _sums(product: np.ndarray, groups: int) -> Sums:
    """Of (relabellings x groups, 6)."""
    amount, weight, *squares, size = np.ascontiguousarray(product.T).reshape(6, -1, groups)
    return Sums(amount, weight, np.stack(squares), size)


def _test(name: str, value: float, null: np.ndarray) -> GapTest:
    known = null[~np.isnan(null)]
    expected = float(known.mean()) if len(known) else np.nan
    return GapTest(name, value, expected, float(p_value(value, null)))
