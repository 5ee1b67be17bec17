"""What the groups of one column give away of those of another.

A group that is shown, or the rest that a column does not show (everybody without its groups that
are shown), less the groups of another column that lie wholly within it, is known to whoever reads
both tables: the United Kingdom less England is the few from Scotland.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import permutations

import pandas as pd

Sets = dict[str, frozenset[str]]
REST = ""
"""Stands for what a column does not show."""


def not_apart(labels: pd.DataFrame, small: Mapping[str, Sequence[str]], floor: int
              ) -> dict[str, list[str]]:
    """The groups that are left out by column: those of ``small``, and the smallest further ones
    until no difference between two columns speaks of fewer than ``floor`` people. ``labels`` has a
    row an utterance: ``who`` speaks, and the group by each column."""
    gone = {by: list(names) for by, names in small.items()}
    while (further := next(_given_away(labels, gone, floor), None)) is not None:
        gone[further[0]].append(further[1])
    return gone


def _given_away(labels: pd.DataFrame, gone: Mapping[str, Sequence[str]], floor: int
                ) -> Iterator[tuple[str, str]]:
    """The column and the group that is to be left out next."""
    shown = {by: _shown(labels[by], names) for by, names in gone.items()}
    for one, other in permutations(shown, 2):
        for whole in shown[one].values():
            parts = {name: part for name, part in shown[other].items() if part and part <= whole}
            left = whole.difference(*parts.values())
            if parts and left and _people(left, labels) < floor:
                yield from _smallest(parts, labels, other) or _smallest(shown[other], labels, other)


def _smallest(sets: Sets, labels: pd.DataFrame, by: str) -> list[tuple[str, str]]:
    """The smallest group among them; none where there is only the rest."""
    sizes = sorted((_people(members, labels), name) for name, members in sets.items()
                   if name != REST)
    return [(by, name) for _, name in sizes[:1]]


def _people(members: frozenset[str], labels: pd.DataFrame) -> int:
    return int(labels["who"].loc[list(members)].nunique())


def _shown(labels: pd.Series, gone: Sequence[str]) -> Sets:
    """Whom each group that is shown, and the rest, is of."""
    sets = {str(name): frozenset(rows.index) for name, rows in labels.groupby(labels)
            if name not in gone}
    return {**sets, REST: frozenset(labels.index).difference(*sets.values())}
