"""Base and candidate side by side: sums of every speaker, of any group.

Everything is paired on the blocks in which both versions measured the same number of the same
utterances, so that neither gains by an utterance on which the other failed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property
from typing import Any, NamedTuple, TypeVar

import numpy as np

from evalkit.compare.baseline import Candidate
from evalkit.core.ledger import LeftOut
from evalkit.statistics.groups import FLOORS
from evalkit.statistics.labels import UNKNOWN
from evalkit.statistics.sums import paired_difference
from evalkit.store.documents.baseline import Baseline, Cell, Key, TrialCell
from evalkit.store.scores import ratio

Side = TypeVar("Side", Cell, TrialCell)


class Paired(NamedTuple):
    """Sums of the speakers (rows) of one group under base and candidate (columns); ``n`` paired
    utterances or trials, and how many failed in either version."""

    amount: np.ndarray
    weight: np.ndarray
    n: int
    n_failed: tuple[int, int]

    @property
    def rates(self) -> np.ndarray:
        """Of base and candidate, NaN where undefined."""
        return ratio(self.amount.sum(axis=0), self.weight.sum(axis=0))

    @property
    def pooled(self) -> float:
        """Of both versions together."""
        return float(ratio(self.amount.sum(), self.weight.sum()))

    @property
    def has_part(self) -> np.ndarray:
        """Which speakers have data."""
        return ((self.amount != 0) | (self.weight != 0)).any(axis=1)

    def difference(self) -> tuple[np.ndarray, np.ndarray]:
        """Amounts and weights of every speaker whose ratio of sums is candidate minus base."""
        return paired_difference(self.amount, self.weight)

    def with_group(self, other: Paired) -> Paired:
        """The sums of two groups together."""
        base, candidate = zip(self.n_failed, other.n_failed, strict=True)
        return Paired(self.amount + other.amount, self.weight + other.weight, self.n + other.n,
                      (sum(base), sum(candidate)))


class Pairing:
    """What base and candidate both have. Groups are those of the base. ``runs`` are the pairings of
    every run of the base with the mean of the candidate's, and of every run of the candidate with
    the mean of the base's, where there are several; they rank groups as their mean does."""

    def __init__(self, base: Baseline, candidate: Candidate,
                 runs: tuple[Sequence[Pairing], Sequence[Pairing]] = ((), ())) -> None:
        self.base, self.runs = base, runs
        self._mean: Pairing | None = None
        for run in (*runs[0], *runs[1]):
            run._mean = self
        self._cells = _matched(base.scores, candidate.scores, lambda cell: cell.key)
        self._trials = _matched(base.trials, candidate.trials,
                                lambda cell: (*cell.key, cell.column, cell.group))
        names = {block.name for block in base.blocks}
        names |= {name for cell in base.trials for name in cell.speakers}
        self.speakers = {name: i for i, name in enumerate(sorted(names))}

    @property
    def keys(self) -> list[Key]:
        """The scores of both, in a fixed order."""
        return sorted({*self._cells, *(key[:3] for key in self._trials)})

    @property
    def left_out(self) -> Iterator[LeftOut]:
        """What was measured in the base and is not paired, by score."""
        for key, (base, candidate) in self._cells.items():
            n = np.array([base.n, candidate.n])
            lost = int(n[0][n[0] != n[1]].sum()) + len(base.failed)
            if lost and self.base.facts.metrics[key[2]].part_of is None:
                yield LeftOut("utterance", f"comparison: {', '.join(key)}", "no value of it, or of "
                              "others of its speaker, in one of the two versions", lost)
        for cell, (before, after) in self._trials.items():
            if before.n and (before.trials, before.speakers) != (after.trials, after.speakers):
                yield LeftOut("trial", f"comparison: {', '.join(filter(None, cell))}", "not the "
                              "same trials have a score in both versions", before.n)

    def sign(self, metric: str) -> int:
        """1 where more of a metric is worse, -1 where it is better."""
        return -1 if self.base.facts.metrics[metric].higher_is_better else 1

    def paired(self, key: Key, column: str = "", group: str = "") -> Paired:
        """One score of everybody, or of a group of a column."""
        if key in self._cells:
            return self._from_blocks(*self._cells[key], column, group)
        cell = (*key, column or None, group or None)
        return self._from_trials(*self._trials[cell]) if cell in self._trials else self._nothing()

    def ranked(self, key: Key, column: str) -> list[str]:
        """The groups of a column that can be judged, best first. The order is that of the mean
        of both versions, which says nothing of which is which: so the choice of a group cannot
        make a change, and the other way round it is the same."""
        if self._mean is not None:
            return self._mean.ranked(key, column)
        sign = self.sign(key[2])
        rates = {}
        for group in self.base.groups(column):
            paired = self.paired(key, column, group)
            enough = paired.has_part.sum() >= FLOORS.speakers and paired.n >= FLOORS.utterances
            if group != UNKNOWN and enough and not np.isnan(paired.pooled):
                rates[group] = sign * paired.pooled
        return sorted(rates, key=lambda group: (rates[group], group))

    @cached_property
    def _owner(self) -> np.ndarray:
        return np.array([self.speakers[block.name] for block in self.base.blocks], int)

    @cached_property
    def _block_of(self) -> dict[str, int]:
        return self.base.block_of

    def _inside(self, column: str, group: str) -> np.ndarray:
        """(blocks,) whether each is in the group; all are where no column is named."""
        blocks = self.base.blocks
        if not column:
            return np.ones(len(blocks), bool)
        index = self.base.index_of(column)
        return np.array([group in block.labels[index] for block in blocks], bool)

    def _from_blocks(self, base: Cell, candidate: Cell, column: str, group: str) -> Paired:
        n = np.array([base.n, candidate.n])
        inside = self._inside(column, group)
        kept = inside & (n[0] == n[1])

        def by_speaker(first: Sequence[float], second: Sequence[float]) -> np.ndarray:
            return np.stack([np.bincount(self._owner[kept], np.asarray(side)[kept],
                                         len(self.speakers)) for side in (first, second)], axis=1)

        return Paired(by_speaker(base.amount, candidate.amount),
                      by_speaker(base.weight, candidate.weight), int(n[0][kept].sum()),
                      (self._n_failed(base, inside), self._n_failed(candidate, inside)))

    def _n_failed(self, cell: Cell, inside: np.ndarray) -> int:
        blocks = (self._block_of.get(utterance) for utterance in cell.failed)
        return sum(bool(inside[block]) for block in blocks if block is not None)

    def _from_trials(self, base: TrialCell, candidate: TrialCell) -> Paired:
        paired = self._nothing()
        if (base.trials, base.speakers) != (candidate.trials, candidate.speakers):
            return paired
        rows = [self.speakers[name] for name in base.speakers]
        paired.amount[rows] = np.stack([base.values, candidate.values], axis=1)
        paired.weight[rows] = 1.0
        return paired._replace(n=base.n, n_failed=(base.n_failed, candidate.n_failed))

    def _nothing(self) -> Paired:
        shape = (len(self.speakers), 2)
        return Paired(np.zeros(shape), np.zeros(shape), 0, (0, 0))


def _matched(base: Iterable[Side], candidate: Iterable[Side], key: Callable[[Side], Any]
             ) -> dict[Any, tuple[Side, Side]]:
    others = {key(cell): cell for cell in candidate}
    return {key(cell): (cell, others[key(cell)]) for cell in base if key(cell) in others}
