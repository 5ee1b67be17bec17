"""What the groups of several columns give away together of people whom none of them shows.

Everybody, every group that is shown and the rest that a column does not show (everybody without its
groups that are shown) are known to whoever reads the tables; so is what can be worked out of them:

- one such set less those within it, over any number of columns, and what that leaves again: the
  United Kingdom less England is the few from Scotland;
- one cell of the crossing of all columns wherever sums and differences of the sets make it up,
  however they overlap: it is the combination of rows that is its unit vector, which there is where
  the diagonal of the projection onto their span is 1 (its leverage).

Sums of sets that overlap and make up several cells together, but not one, are not looked for.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import chain, compress, islice

import numpy as np
import pandas as pd

Members = frozenset[int]
"""Cells of the crossing of all columns."""
Sets = dict[str, Members]
Group = tuple[str, str]
"""A column, and one of its groups."""
REST = ""
"""Stands for what a column does not show."""
MOST = 400
"""As many sets are followed; what more there are is worked out of ever more tables."""
ALL_OF_IT = 1 - 1e-9
"""The leverage of a cell that rows make up."""


@dataclass(frozen=True)
class _Cells:
    """Of the crossing of all columns: which are in each group, by column, and who is in each."""

    groups: Mapping[str, Sets]
    who: Sequence[frozenset[int]]

    @classmethod
    def of(cls, labels: pd.DataFrame, columns: Sequence[str]) -> _Cells:
        """From a row an utterance: ``who`` speaks, and the group by each column."""
        rows = pd.DataFrame({"who": pd.factorize(labels["who"])[0],
                             "cell": labels.groupby(list(columns), sort=True).ngroup()})
        who = [frozenset(part) for _, part in rows.groupby("cell")["who"]]
        return cls({by: {str(name): frozenset(part)
                         for name, part in rows["cell"].groupby(labels[by])} for by in columns},
                   who)

    def people(self, members: Members) -> int:
        """How many are in any of the cells."""
        return len(frozenset[int]().union(*(self.who[cell] for cell in members)))

    def shown(self, gone: Mapping[str, Sequence[str]]) -> dict[str, Sets]:
        """By column the groups that are not ``gone``, and the rest."""
        return {by: self._with_rest(dict(groups.items() - {
            (name, groups[name]) for name in gone[by]})) for by, groups in self.groups.items()}

    def _with_rest(self, sets: Sets) -> Sets:
        return {**sets, REST: frozenset(range(len(self.who))).difference(*sets.values())}

    def smallest(self, sets: Mapping[Group, Members]) -> Group | None:
        """The smallest group among them; None where there is only the rest."""
        named = [group for group in sorted(sets) if group[1] != REST]
        return min(named, key=lambda group: self.people(sets[group]), default=None)


@dataclass(frozen=True)
class _Known:
    """A set that readers know: of the column ``by``, or worked out where that is None; ``through``
    is a group without which it would not be known."""

    members: Members
    through: Group | None
    by: str | None = None


def not_apart(labels: pd.DataFrame, small: Mapping[str, Sequence[str]], floor: int
              ) -> dict[str, list[str]]:
    """The groups that are left out by column: those of ``small``, and the smallest further ones
    until nothing that can be worked out (see above) speaks of fewer than ``floor`` people.
    ``labels`` has a row an utterance: ``who`` speaks, and the group by each column."""
    gone = {by: list(names) for by, names in small.items()}
    if not gone:
        return gone
    cells = _Cells.of(labels, list(gone))
    while (further := _given_away(cells, gone, floor)) is not None:
        gone[further[0]].append(further[1])
    return gone


def _given_away(cells: _Cells, gone: Mapping[str, Sequence[str]], floor: int) -> Group | None:
    """The group that is to be left out next; None where nothing is given away."""
    shown = cells.shown(gone)
    return next(chain(_by_subtraction(cells, shown, floor), _by_solving(cells, shown, floor)), None)


def _by_subtraction(cells: _Cells, shown: Mapping[str, Sets], floor: int) -> Iterator[Group]:
    """Groups without which sets of too few people would not be left."""
    known = [_Known(members, (by, name) if name else None, by)
             for (by, name), members in _by_group(shown).items()]
    seen = {frozenset(), *(each.members for each in known)}
    for i, whole in islice(enumerate(known), MOST):  # which grows on the way
        for left in _unseen(seen, _less_columns(whole, shown, cells),
                            _less_known(whole, known[:i])):
            if cells.people(left.members) >= floor:
                known.append(left)
            elif left.through is not None:
                yield left.through


def _unseen(seen: set[Members], *found: Iterator[_Known]) -> Iterator[_Known]:
    """What was found for the first time."""
    for each in chain(*found):
        if each.members not in seen:
            seen.add(each.members)
            yield each


def _less_columns(whole: _Known, shown: Mapping[str, Sets], cells: _Cells) -> Iterator[_Known]:
    """What is left of a set without all groups of one other column within it."""
    for by, sets in shown.items():
        every = _by_group({by: sets})
        parts = {group: part for group, part in every.items() if part <= whole.members}
        yield _Known(whole.members.difference(*parts.values()),
                     cells.smallest(parts) or cells.smallest(every) or whole.through)


def _less_known(one: _Known, others: Sequence[_Known]) -> Iterator[_Known]:
    """What is left of a set without another within it, one of which was worked out."""
    for other in others:
        part, whole = sorted((one, other), key=lambda each: len(each.members))
        if None in {one.by, other.by} and part.members < whole.members:
            yield _Known(whole.members - part.members, part.through or whole.through)


def _by_solving(cells: _Cells, shown: Mapping[str, Sets], floor: int) -> Iterator[Group]:
    """Groups without which single cells of too few people would not be made up."""
    groups = _by_group(shown)
    rows = np.array([[cell in members for cell in range(len(cells.who))]
                     for members in groups.values()], float)
    solved = np.linalg.pinv(rows)  # (cells, groups): how each would be made up of groups
    few = np.array([len(who) < floor for who in cells.who])
    for times in solved[few & ((solved * rows.T).sum(axis=1) > ALL_OF_IT)]:
        used = compress(groups.items(), np.abs(times) > 1 - ALL_OF_IT)
        yield from filter(None, [cells.smallest(dict(used))])


def _by_group(shown: Mapping[str, Sets]) -> dict[Group, Members]:
    """The sets of all columns."""
    return {(by, name): members for by, sets in shown.items() for name, members in sets.items()}
