"""Best-first binary partition of speakers by the values of a few axes.

The geographic tree cuts latitude and longitude anywhere, the geo-demographic split cuts
population shares at stated thresholds; both grow here. A speaker is one point, so whole
speakers move together. Candidate cuts lie between neighbouring distinct values, or between
MOST_BINS quantiles of an axis that has more distinct values than that; a node keeps a
histogram of sums over each axis, and the larger child's is its parent's less the smaller's,
so that a split costs a pass over the smaller side only.
"""

from __future__ import annotations

import heapq
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal, NamedTuple

import numpy as np
from scipy.special import logit, ndtri

from evalkit.cohorts.evidence import (
    FLOORS,
    SPEAKERS,
    WEIGHT,
    Floors,
    enough,
    moments,
    rates,
    t_statistic,
    two_sided_p,
)
from evalkit.cohorts.speakers import Outcomes
from evalkit.store.scores import ratio

MOST_BINS = 4096

Score = Literal["weighted", "abs_diff", "z"]


class Axis(NamedTuple):
    """The bin of every speaker, ``codes`` (n,), and the smallest and largest value of every
    bin, (bins,)."""

    codes: np.ndarray
    low: np.ndarray
    high: np.ndarray


def value_axis(values: np.ndarray) -> Axis:
    """Bins of one distinct value each, or of about equally many speakers each where there are
    more than MOST_BINS distinct values. ``values`` (n,) has no NaN."""
    ordered = np.sort(values)
    first = np.flatnonzero(np.append(True, ordered[1:] != ordered[:-1]))
    if len(first) > MOST_BINS:
        first = first[np.unique(np.searchsorted(
            first, np.linspace(0, len(values), MOST_BINS, endpoint=False)))]
    low, high = ordered[first], ordered[np.append(first[1:], len(ordered)) - 1]
    return Axis(np.searchsorted(low, values, side="right") - 1, low, high)


def threshold_axis(values: np.ndarray, thresholds: Sequence[float]) -> Axis:
    """Bins between ``thresholds``; a value on one lies below it."""
    cuts = np.sort(np.asarray(thresholds, float))
    return Axis(np.searchsorted(cuts, values), np.append(-np.inf, cuts), np.append(cuts, np.inf))


@dataclass(frozen=True)
class Growth:
    """When to cut and when to stop. ``score`` is what a cut maximises:

    "weighted" ``w_L w_R / (w_L + w_R) (W_L - W_R)²``, the reduction of variance with the
    metric's weights; "abs_diff" ``|W_L - W_R|`` (Trinh et al. 2022), which favours slivers;
    "z" that difference over its standard error. Cuts are made best first until there are
    ``max_cohorts``; then every last cut whose p-value, as the largest of all the cuts that it
    was chosen from, exceeds ``alpha`` is taken back (1 keeps all)."""

    score: Score = "weighted"
    max_cohorts: int = 126
    max_depth: int = 64
    floors: Floors = FLOORS
    alpha: float = 0.05


@dataclass(frozen=True)
class Partition:
    """A binary tree: node i sends a point to ``below[i]`` where its value on ``axis[i]`` is at
    most ``cut[i]``, else to ``above[i]``; a leaf has axis -1 and the number ``leaf[i]``."""

    axis: np.ndarray
    cut: np.ndarray
    below: np.ndarray
    above: np.ndarray
    leaf: np.ndarray

    def assign(self, points: np.ndarray) -> np.ndarray:
        """The leaf of every point (n, axes); -1 where a value is NaN."""
        node = np.zeros(len(points), np.intp)
        inner = np.flatnonzero(self.axis[node] >= 0)
        while len(inner):
            at = node[inner]
            low = points[inner, self.axis[at]] <= self.cut[at]
            node[inner] = np.where(low, self.below[at], self.above[at])
            inner = inner[self.axis[node[inner]] >= 0]
        return np.where(np.isnan(points).any(axis=1), -1, self.leaf[node])

    def boxes(self, n_axes: int) -> np.ndarray:
        """Bounds of every leaf, (leaves, axes, 2): above the first, at most the second."""
        bounds = np.empty((len(self.axis), n_axes, 2))
        bounds[0] = -np.inf, np.inf
        for i in np.flatnonzero(self.axis >= 0):
            bounds[self.below[i]] = bounds[self.above[i]] = bounds[i]
            bounds[self.below[i], self.axis[i], 1] = self.cut[i]
            bounds[self.above[i], self.axis[i], 0] = self.cut[i]
        leaves = np.flatnonzero(self.leaf >= 0)
        of_leaves: np.ndarray = bounds[leaves[np.argsort(self.leaf[leaves])]]
        return of_leaves


class _Cut(NamedTuple):
    gain: float
    axis: int
    bin: int
    candidates: int  # cuts that it was chosen from
    reach: tuple[float, ...]  # how far these go along every axis: see _p_largest


class _Node(NamedTuple):
    rows: np.ndarray
    histogram: np.ndarray  # (axes, columns, bins)
    moments: np.ndarray  # summed, (7,)
    depth: int


def grower(axes: Sequence[Axis], growth: Growth) -> Callable[[Outcomes], Partition]:
    """What grows a partition over the ``axes`` from the outcomes of the same speakers."""
    codes = np.stack([axis.codes for axis in axes])
    return lambda outcomes: _Grower(axes, codes, outcomes, growth).grow()


class _Grower:
    """One partition in the making: ``children`` of the nodes that are cut, and how."""

    def __init__(self, axes: Sequence[Axis], codes: np.ndarray, outcomes: Outcomes,
                 growth: Growth) -> None:
        self.axes, self.codes, self.growth = axes, codes, growth
        self.bins = max(len(axis.low) for axis in axes)
        self.columns = moments(outcomes)
        self.histogrammed = 7 if growth.score == "z" else 4  # the squares are for z alone
        everybody = np.arange(self.columns.shape[1])
        self.nodes = [_Node(everybody, *self._sums(everybody), 0)]
        self.cuts: dict[int, _Cut] = {}
        self.children: dict[int, tuple[int, int]] = {}

    def grow(self) -> Partition:
        queue: list[tuple[float, int]] = []
        self._consider(0, queue)
        while queue and len(self.children) + 1 < self.growth.max_cohorts:
            _, i = heapq.heappop(queue)
            self.children[i] = (len(self.nodes), len(self.nodes) + 1)
            self.nodes += self._divide(self.nodes[i], self.cuts[i])
            for child in self.children[i]:
                self._consider(child, queue)
        self._prune()
        return self._partition()

    def _consider(self, i: int, queue: list[tuple[float, int]]) -> None:
        cut = self._best_cut(self.nodes[i])
        if cut is not None:
            self.cuts[i] = cut
            heapq.heappush(queue, (-cut.gain, i))

    def _divide(self, node: _Node, cut: _Cut) -> list[_Node]:
        low = self.codes[cut.axis, node.rows] <= cut.bin
        parts = [node.rows[low], node.rows[~low]]
        smaller = int(len(parts[0]) > len(parts[1]))
        histogram, total = self._sums(parts[smaller])
        children = [_Node(parts[smaller], histogram, total, node.depth + 1),
                    _Node(parts[1 - smaller], node.histogram - histogram, node.moments - total,
                          node.depth + 1)]
        return children[::-1] if smaller else children

    def _sums(self, rows: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        columns = [column[rows] for column in self.columns]
        histogram = np.stack([[np.bincount(codes, column, self.bins)
                               for column in columns[:self.histogrammed]]
                              for codes in (axis[rows] for axis in self.codes)])
        return histogram, np.array([column.sum() for column in columns])

    def _best_cut(self, node: _Node) -> _Cut | None:
        if node.depth >= self.growth.max_depth:
            return None
        left = np.cumsum(node.histogram, axis=2)[:, :, :-1].swapaxes(0, 1)
        right = node.histogram.sum(axis=2).T[:, :, None] - left  # (columns, axes, bins - 1)
        allowed = enough(left, self.growth.floors) & enough(right, self.growth.floors)
        if not allowed.any():
            return None
        gain = np.where(allowed, _gain(left, right, self.growth.score), -np.inf)
        axis, at = np.unravel_index(int(gain.argmax()), gain.shape)
        # A bin without speakers of this node repeats the cut before it.
        candidates = allowed & (node.histogram[:, SPEAKERS, :-1] > 0)
        return _Cut(float(gain[axis, at]), int(axis), int(at), max(int(candidates.sum()), 1),
                    _reach(left[SPEAKERS] / node.moments[SPEAKERS], allowed))

    def _prune(self) -> None:
        for i in sorted(self.children, reverse=True):
            last = not any(child in self.children for child in self.children[i])
            if last and self._p_value(i) > self.growth.alpha:
                del self.children[i]

    def _p_value(self, i: int) -> float:
        sides = (self.nodes[child].moments for child in self.children[i])
        return _p_largest(float(two_sided_p(*sides)), self.cuts[i])

    def _partition(self) -> Partition:
        """The kept nodes in breadth-first order."""
        order = [0]
        for i in order:
            order.extend(self.children.get(i, ()))
        kept = [i in self.children for i in order]
        place = {node: at for at, node in enumerate(order)}
        thresholds = [self._threshold(i) if cut else (-1, np.nan)
                      for i, cut in zip(order, kept, strict=True)]
        below, above = np.array([[place[c] for c in self.children.get(i, ())] or [-1, -1]
                                 for i in order]).T
        leaf = np.where(kept, -1, np.cumsum(np.logical_not(kept)) - 1)
        return Partition(np.array([axis for axis, _ in thresholds]),
                         np.array([cut for _, cut in thresholds]), below, above, leaf)

    def _threshold(self, i: int) -> tuple[int, float]:
        """Axis and value, halfway between the node's own neighbours of the cut."""
        cut = self.cuts[i]
        axis = self.axes[cut.axis]
        filled = np.flatnonzero(self.nodes[i].histogram[cut.axis, SPEAKERS] > 0)
        below, above = filled[filled <= cut.bin][-1], filled[filled > cut.bin][0]
        return cut.axis, float((axis.high[below] + axis.low[above]) / 2)


def _gain(left: np.ndarray, right: np.ndarray, score: Score) -> np.ndarray:
    if score == "z":
        return np.nan_to_num(np.abs(t_statistic(left, right)), posinf=1e300)
    difference = np.nan_to_num(rates(left) - rates(right))
    if score == "abs_diff":
        return np.abs(difference)
    w_left, w_right = left[WEIGHT], right[WEIGHT]
    return w_left * w_right * ratio(difference * difference, w_left + w_right)


def _reach(share: np.ndarray, allowed: np.ndarray) -> tuple[float, ...]:
    """How far the ``allowed`` cuts (axes, cuts), which leave a ``share`` of the speakers below
    them, go from the first to the last in log-odds, for every axis that has any."""
    odds = [logit(shares[cuts][[0, -1]])
            for shares, cuts in zip(share, allowed, strict=True) if cuts.any()]
    return tuple(float(last - first) for first, last in odds)


def _p_largest(p: float, cut: _Cut) -> float:
    """The p-value of the largest statistic among a cut's candidates, from that of the
    statistic alone. Neighbouring cuts part nearly the same speakers, so Bonferroni's bound is
    far too large; that of Miller & Siegmund (1982, Biometrics 38) counts how far the cuts
    reach. The smaller of the two."""
    z = float(-ndtri(p / 2))
    if z <= 1:
        return 1.0
    density = math.exp(-z**2 / 2) / math.sqrt(2 * math.pi)
    largest = sum(4 * density / z + density * (z - 1 / z) * reach for reach in cut.reach)
    return min(1.0, p * cut.candidates, largest)
