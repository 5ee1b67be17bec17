"""The worst slices: conjunctions such as "gender = female, age = 60+, noise = kitchen".

The search is SliceLine's (Sagadeeva & Boehm, SIGMOD 2021) with its score, and as exact: the k
best of all conjunctions, however many there are. Three things differ. Rows have weights, so that
a slice's error is its rate and its size is its weight, and short utterances do not dominate.
Slices are not joined and tested by sparse products; one pass over the rows tabulates every slice
of a set of columns, prefix by prefix. And one bound, on the amount in excess of the mean,
stands for those on size, error and largest error: it needs neither positive amounts nor
positive weights (`_Score.bound`).
"""

from __future__ import annotations

from bisect import insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from evalkit.cohorts.search.rows import Column, Rows, coded, distinct_rows, speaker_codes
from evalkit.core.errors import ConfigError
from evalkit.core.names import offer

DENSE = 1 << 22
"""Slices of one set of columns that are tabulated with a place for each that could be; where
there could be more, only those that have rows get one."""


@dataclass(frozen=True)
class Slice:
    """The utterances that satisfy all ``predicates``, pairs of a column and its value, a missing
    value being "unknown". ``speakers`` is None where none were given."""

    predicates: tuple[tuple[str, str], ...]
    amount: float
    weight: float
    rows: int
    speakers: int | None
    score: float

    @property
    def rate(self) -> float:
        """``amount / weight``; the weight of a slice is never 0."""
        return self.amount / self.weight

    def __str__(self) -> str:
        return ", ".join(f"{column} = {value}" for column, value in self.predicates)

    def matches(self, columns: Mapping[str, Column]) -> np.ndarray:
        """Which rows of these or other ``columns`` are in the slice: bool of shape (n,).

        Raises ConfigError for a column that there is not."""
        masks = []
        for name, value in self.predicates:
            if name not in columns:
                raise ConfigError(f"no column {name!r} to find the slice {self} by; "
                                  f"{offer(name, columns)}")
            code, values = coded(columns[name])
            masks.append(np.array([v == value for v in values])[code])
        inside: np.ndarray = np.logical_and.reduce(masks)
        return inside


def find_slices(columns: Mapping[str, Column], amount: np.ndarray, weight: np.ndarray, *,
                k: int = 10, max_predicates: int = 3, alpha: float = 0.95,
                min_weight: float = 0.0, min_rows: int = 50,
                speakers: Column | None = None, min_speakers: int = 5) -> list[Slice]:
    """The ``k`` slices of the highest score, highest first; fewer where fewer score above 0.

    With the rate ē = Σamount / Σweight, its scale s = Σ|amount| / Σweight (which is ē unless
    amounts are negative) and W = Σweight, the score of a slice S is

        alpha (ē_S - ē) / s - (1 - alpha) (W / W_S - 1),

    equation 1 of SliceLine with weight for size. Higher amounts are worse: negate those of a
    metric of which more is better. Slices may overlap. One that selects the same rows without
    one of its predicates is left out for the shorter one. Equal scores are ordered by number
    of predicates, then by the order of the columns, then by value.

    ``columns`` have n values each, few of them distinct (see `bins`); ``amount`` and ``weight``
    have the shape (n,), measured rows only; a row of weight 0 counts in the amount. ``alpha``
    in (0, 1] trades rate for size. Slices under a floor, ``min_speakers`` (which are distinct;
    a row without one counts as its own) only where ``speakers`` are given, are not slices.
    Raises ConfigError for an option out of range, ValueError for amounts or weights that are
    not finite, negative weights, and lengths that differ."""
    _check({"k": k, "max_predicates": max_predicates, "min_rows": min_rows}, alpha)
    amount, weight = np.asarray(amount, float), np.asarray(weight, float)
    spoken = () if speakers is None else (speakers,)
    _check_rows(amount, weight, *columns.values(), *spoken)
    if not columns or not weight.any() or not amount.any():
        return []
    score = _Score(alpha, amount, weight, min_weight)
    codes = [coded(column) for column in columns.values()]
    rows = distinct_rows(codes, speaker_codes(speakers, len(amount)), amount, weight, score.rate)
    search = _Search(rows, [len(values) for _, values in codes], score, k, max_predicates,
                     min_rows, min_speakers if spoken else 0)
    return [_slice(best, list(columns), codes, bool(spoken)) for best in search.run()]


class _Prefix(NamedTuple):
    """Slices of one set of ``columns``, their values' codes (slices, columns), and the rows that
    are in them, each in the slice ``group``."""

    columns: tuple[int, ...]
    values: np.ndarray
    rows: Rows
    group: np.ndarray


class _Table(NamedTuple):
    """The slices that one more column makes of a prefix's and that pass the floors on rows and
    weight: their values' codes (slices, columns), their sums and the ``bound`` on what more
    predicates make of them; and the ``place`` among them of every row, -1 where in none."""

    columns: tuple[int, ...]
    values: np.ndarray
    place: np.ndarray
    utterances: np.ndarray
    weight: np.ndarray
    amount: np.ndarray
    bound: np.ndarray


class _Ranked(NamedTuple):
    """A slice as it is ranked, its columns and their values by number."""

    minus_score: float
    length: int
    columns: tuple[int, ...]
    values: tuple[int, ...]
    amount: float
    weight: float
    rows: int
    speakers: int


class _Score:
    """The score of slices, and a bound on that of all that more predicates make of them."""

    def __init__(self, alpha: float, amount: np.ndarray, weight: np.ndarray, floor: float) -> None:
        self.alpha = alpha
        self.total = weight.sum()
        self.rate = amount.sum() / self.total
        self.scale = np.abs(amount).sum() / self.total
        self.floor = max(floor, weight[weight > 0].min())

    def of(self, amount: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """The score of slices of at least the ``floor`` in weight."""
        worse = (amount / weight - self.rate) / self.scale
        smaller = self.total / weight - 1
        score: np.ndarray = self.alpha * worse - (1 - self.alpha) * smaller
        return score

    def bound(self, excess: np.ndarray, weight: np.ndarray) -> np.ndarray:
        """No slice within these scores higher. One of weight w has an amount above the mean
        rate's of at most ``excess``, so its score is at most
        (alpha excess / s - (1 - alpha) W) / w + 1 - alpha, which is monotone in w: the largest
        is at the slice's own weight or at the floor. Raised by more than sums are rounded by."""
        gain = self.alpha * excess * (1 + 1e-9) / self.scale
        slope = gain - (1 - self.alpha) * self.total
        bound: np.ndarray = slope / np.where(slope > 0, self.floor, weight) + 1 - self.alpha
        return bound + 1e-12


@dataclass
class _Search:
    """A depth-first walk over sets of columns that keeps the ``k`` best slices. ``sizes`` are
    the columns' numbers of values."""

    rows: Rows
    sizes: list[int]
    score: _Score
    k: int
    max_predicates: int
    min_rows: int
    min_speakers: int
    best: list[_Ranked] = field(default_factory=list)

    @property
    def threshold(self) -> float:
        """What a slice must score to be among the best so far."""
        return -self.best[-1].minus_score if len(self.best) == self.k else 0.0

    def run(self) -> list[_Ranked]:
        """The best slices, best first."""
        n = len(self.rows.weight)
        everything = _Prefix((), np.zeros((1, 0), int), self.rows, np.zeros(n, int))
        self.grow(everything, range(len(self.sizes)))
        return self.best

    def grow(self, prefix: _Prefix, columns: Sequence[int]) -> None:
        """Ranks the slices that one more of ``columns`` makes of the prefix's, then goes on from
        those that may lead to better ones, with the later columns of which that holds as well."""
        tables = [self.extend(prefix, column) for column in columns]
        if len(prefix.columns) + 1 == self.max_predicates:
            return
        for i, table in enumerate(tables):
            rest = [t.columns[-1] for t in tables[i + 1 :] if (t.bound >= self.threshold).any()]
            hopeful = table.bound >= self.threshold
            if rest and hopeful.any():
                self.grow(_narrow(prefix.rows, table, hopeful), rest)

    def extend(self, prefix: _Prefix, column: int) -> _Table:
        """The table of the prefix's slices by ``column``, its slices ranked. Speakers are counted
        only where the score is high enough, since that takes longer than all sums together."""
        table = self.tabulate(prefix, column)
        score = self.score.of(table.amount, table.weight)
        high = (score > 0) & (score >= self.threshold)
        speakers = _distinct_speakers(table.place, high, prefix.rows.speaker)
        enough = speakers >= self.min_speakers
        for i in sorted(np.flatnonzero(high & enough), key=lambda i: -score[i]):
            self.offer(_Ranked(-float(score[i]), len(table.columns), table.columns,
                              tuple(table.values[i].tolist()), float(table.amount[i]),
                              float(table.weight[i]), int(table.utterances[i]), int(speakers[i])))
        table.bound[high & ~enough] = -np.inf
        return table

    def tabulate(self, prefix: _Prefix, column: int) -> _Table:
        """Sums over the rows of every slice that ``column`` makes of the prefix's."""
        rows, size = prefix.rows, self.sizes[column]
        place, n = prefix.group * size + rows.codes[column], len(prefix.values) * size
        keys = None
        if n > DENSE:
            keys, place = np.unique(place, return_inverse=True)
            n = len(keys)
        count, weight, amount, excess = (np.bincount(place, of, n) for of in rows[2:])
        live = np.flatnonzero((count >= self.min_rows) & (weight >= self.score.floor))
        number = np.full(n, -1, np.int32)
        number[live] = np.arange(len(live))
        group, value = np.divmod(live if keys is None else keys[live], size)
        return _Table((*prefix.columns, column), np.column_stack([prefix.values[group], value]),
                      number[place], count[live], weight[live], amount[live],
                      self.score.bound(excess[live], weight[live]))

    def offer(self, candidate: _Ranked) -> None:
        """Keeps a slice that is among the best so far."""
        full = len(self.best) == self.k
        if (full and candidate > self.best[-1]) or not self.minimal(candidate):
            return
        insort(self.best, candidate)
        del self.best[self.k :]

    def minimal(self, candidate: _Ranked) -> bool:
        """Whether every predicate excludes rows that the others together do not."""
        outside = [self.rows.codes[column] != value
                   for column, value in zip(candidate.columns, candidate.values, strict=True)]
        excluding = np.sum(outside, axis=0, dtype=np.int8)
        return all((mask & (excluding == 1)).any() for mask in outside)


def _slice(best: _Ranked, names: list[str], codes: list[tuple[np.ndarray, list[str]]],
           spoken: bool) -> Slice:
    """A ranked slice, in the words of the columns."""
    predicates = tuple((names[column], codes[column][1][value])
                       for column, value in zip(best.columns, best.values, strict=True))
    return Slice(predicates, best.amount, best.weight, best.rows,
                 best.speakers if spoken else None, -best.minus_score)


def _narrow(rows: Rows, table: _Table, hopeful: np.ndarray) -> _Prefix:
    """Some of a table's slices as a prefix, with their rows only."""
    number = np.append(np.where(hopeful, np.cumsum(hopeful) - 1, -1), -1)
    group = number[table.place]
    keep = np.flatnonzero(group >= 0)
    return _Prefix(table.columns, table.values[hopeful], rows.take(keep), group[keep])


def _distinct_speakers(place: np.ndarray, wanted: np.ndarray, speaker: np.ndarray) -> np.ndarray:
    """Distinct speakers of the ``wanted`` places, 0 of the others. ``wanted`` has the shape
    (places,); ``place``, -1 for none, and ``speaker`` have one entry a row."""
    rows = np.append(wanted, False)[place]
    n = int(speaker.max()) + 1
    pairs = np.unique(place[rows].astype(np.int64) * n + speaker[rows])
    return np.bincount(pairs // n, minlength=len(wanted))


def _check(options: Mapping[str, float], alpha: float) -> None:
    for name, value in options.items():
        if value < 1:
            raise ConfigError(f"slices: {name} is at least 1, not {value}")
    if not 0 < alpha <= 1:
        raise ConfigError(f"slices: alpha is above 0 and at most 1, not {alpha}")


def _check_rows(amount: np.ndarray, weight: np.ndarray, *columns: Column) -> None:
    if not (np.isfinite(amount).all() and np.isfinite(weight).all() and (weight >= 0).all()):
        raise ValueError("amounts are finite, weights finite and not negative")
    if {len(weight), *(len(column) for column in columns)} != {len(amount)}:
        raise ValueError("amounts, weights, speakers and all columns are of one length")
