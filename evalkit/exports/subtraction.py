"""What the groups of several columns give away together of people whom none of them shows.

Everybody, every group that is shown and their numbers are known to whoever reads the tables, and
so is every sum and difference of them: the United Kingdom less England is the few from Scotland,
and where groups overlap, several of them may make up a few people whom none lies around. Let a
combination of labels, one of each column, be a *cell*. A cell is safe where the tables would be
the same if it had ``floor`` people: as many then are in every set of cells around it that sums and
differences of tables make up, since the tables say how many are in such a set. How many a cell
could have is a linear programme over the cells that there are (the upper protection of cell
suppression: Fischetti & Salazar 2001, Management Science 47(7)); where they are fewer, its dual
says by which sums and differences that is known. Weights that are no whole numbers count too, so
that a little more is found than sets.

Who has several labels of a column, one an utterance, is in several cells and counts in any one.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import compress
from typing import Any

import numpy as np
import pandas as pd
from scipy import sparse
from scipy.optimize import linprog

Group = tuple[str, str]
"""A column, and one of its groups."""
NOTHING = 1e-6
"""People, and weights, that rounding makes."""


@dataclass(frozen=True)
class _Cells:
    """``inside`` says which cells are in each group (cells,), ``who`` is in each cell."""

    inside: Mapping[Group, np.ndarray]
    who: Sequence[frozenset[int]]

    @classmethod
    def of(cls, labels: pd.DataFrame, columns: Sequence[str]) -> _Cells:
        """From a row an utterance: ``who`` speaks, and the group by each column."""
        cell = labels.groupby(list(columns), sort=True).ngroup().to_numpy()
        people = pd.Series(pd.factorize(labels["who"])[0])
        who = [frozenset(part) for _, part in people.groupby(cell)]
        first = np.unique(cell, return_index=True)[1]
        return cls({(by, name): (labels[by].iloc[first] == name).to_numpy()
                    for by in columns for name in sorted(set(labels[by]))}, who)

    def people(self, inside: np.ndarray) -> frozenset[int]:
        """Who is in any of the cells."""
        return frozenset[int]().union(*compress(self.who, inside))


@dataclass(frozen=True)
class _Tables:
    """What is shown of everybody and of every group of ``groups``, in this order: which of the
    cells that they tell apart are ``inside`` (1 + groups, cells); and ``who`` is in each."""

    groups: list[Group]
    inside: np.ndarray
    who: list[frozenset[int]]

    @classmethod
    def of(cls, cells: _Cells, gone: Mapping[str, Sequence[str]]) -> _Tables:
        """Without the groups that are ``gone``."""
        groups = [group for group in cells.inside if group[1] not in gone[group[0]]]
        rows = np.array([np.ones(len(cells.who)), *(cells.inside[each] for each in groups)])
        inside, at = np.unique(rows, axis=1, return_inverse=True)
        return cls(groups, inside, [cells.people(at.reshape(-1) == i)
                                    for i in range(inside.shape[1])])

    @cached_property
    def kinds(self) -> Counter[tuple[int, ...]]:
        """How many people are in the same cells, by these."""
        cells: dict[int, list[int]] = {}
        for cell, people in enumerate(self.who):
            for each in people:
                cells.setdefault(each, []).append(cell)
        return Counter(map(tuple, cells.values()))

    @cached_property
    def _same(self) -> dict[str, Any]:
        """That the tables are those of the people that there are, of ``linprog``. Its variables
        are how many are in every cell, how many more, and how many of every kind count in each of
        its cells."""
        n = 2 * self.inside.shape[1]
        kind, cell = np.array([(i, cell) for i, kind in enumerate(self.kinds) for cell in kind]).T
        once = sparse.csr_array((np.ones(len(kind)), (kind, np.arange(len(kind)))))
        tables = np.hstack([self.inside, self.inside, -self.inside[:, cell]])
        return {"A_eq": sparse.vstack([sparse.csr_array(tables), sparse.hstack(
                    [sparse.csr_array((len(self.kinds), n)), once])]),
                "b_eq": [0.0] * len(self.inside) + [*self.kinds.values()]}

    def fuller(self, wanted: np.ndarray, floor: int) -> tuple[np.ndarray, list[Group]]:
        """Which cells (cells,) have ``floor`` people where the tables are the same and as many as
        possible, up to that number each, are in those ``wanted`` (cells,); and the groups without
        whose tables there could be more."""
        n, variables = len(wanted), self._same["A_eq"].shape[1]
        aim = np.concatenate([-wanted.astype(float), np.zeros(variables - n)])
        most = np.concatenate([np.full(n, floor), np.full(variables - n, np.inf)])
        found = linprog(aim, **self._same, bounds=np.stack([np.zeros(variables), most], axis=1))
        weights = found.eqlin.marginals[1:len(self.inside)]
        return found.x[:n] + found.x[n:2 * n] > floor - NOTHING, [
            self.groups[i] for i in np.flatnonzero(np.abs(weights) > NOTHING)]


def not_apart(labels: pd.DataFrame, small: Mapping[str, Sequence[str]], floor: int
              ) -> dict[str, list[str]]:
    """The groups that are left out by column: those of ``small``, and the smallest further ones
    until every cell (see above) could have ``floor`` people. ``labels`` has a row an utterance:
    ``who`` speaks, and the group by each column."""
    gone = {by: list(names) for by, names in small.items()}
    if not gone:
        return gone
    cells = _Cells.of(labels, list(gone))
    while (further := _given_away(cells, gone, floor)) is not None:
        gone[further[0]].append(further[1])
    return gone


def _given_away(cells: _Cells, gone: Mapping[str, Sequence[str]], floor: int) -> Group | None:
    """The group that is to be left out next; None where nothing is given away."""
    tables = _Tables.of(cells, gone)
    few = np.array([len(who) < floor for who in tables.who])
    together = True
    while few.any():
        wanted = few if together else np.arange(len(few)) == few.argmax()
        enough, through = tables.fuller(wanted, floor)
        if not (together or enough[wanted].any()):
            return min(through, key=lambda group: len(cells.people(cells.inside[group])),
                       default=None)
        together = bool(enough[few].any())
        few &= ~enough
    return None
