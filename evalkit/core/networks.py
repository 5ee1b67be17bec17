"""Aligning two networks of tokens, each of which stands for many sequences: the two sequences
that fit each other best.

The cost of every pair of nodes is kept, so that time and memory grow with the product of the two
networks' sizes and not with the number of sequences.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from itertools import product

import numpy as np

from evalkit.core.alignment import SCLITE_GAP, SCLITE_SUBSTITUTION, Costs
from evalkit.core.errors import UtteranceError

Arc = tuple[int, "str | None"]
"""From which node, and with which token; None is no token."""
Step = tuple[int, int, "str | None", "str | None"]
"""From which node of either network, and with which tokens."""
MOST_CELLS = 2e7
"""Nodes of one network times nodes of the other."""
_SCALE = 1 << 24
"""What a cost counts in hits: hits tell apart what costs the same."""
_FAR = 1 << 60
_PRICES: dict[str, tuple[int, int]] = {
    "levenshtein": (_SCALE, _SCALE),
    "sclite": (SCLITE_SUBSTITUTION * _SCALE, SCLITE_GAP * _SCALE)}
"""Of a substitution and of a gap."""


@dataclass(frozen=True)
class Network:
    """``arcs`` into every node, from nodes of lower number. Sequences begin at the first node and
    end at the last."""

    arcs: tuple[tuple[Arc, ...], ...]

    @classmethod
    def of(cls, tokens: Sequence[str]) -> Network:
        """The network of one sequence."""
        return cls(((), *(((node, token),) for node, token in enumerate(tokens))))

    @cached_property
    def is_one(self) -> bool:
        """Whether it stands for one sequence, a token an arc."""
        return all(arcs == ((node, arcs[0][1]),) and arcs[0][1] is not None
                   for node, arcs in enumerate(self.arcs[1:]) if arcs)


def closest(reference: Network, hypothesis: Network, costs: Costs) -> tuple[list[str], list[str]]:
    """The sequences of both whose alignment costs least; of several the one with most hits, and of
    those the one that is written first. Raises UtteranceError of kind TooLong."""
    if len(reference.arcs) * len(hypothesis.arcs) > MOST_CELLS:
        raise UtteranceError("TooLong", f"{len(reference.arcs):,} against "
                             f"{len(hypothesis.arcs):,} words or characters are too many to "
                             "compare with alternatives; cut it into utterances")
    return _Table(reference, hypothesis, *_PRICES[costs]).traced()


class _Table:
    """``rows[i][j]`` is what the best way to node i of the reference and j of the hypothesis
    costs."""

    def __init__(self, reference: Network, hypothesis: Network, substitution: int, gap: int
                 ) -> None:
        self.reference, self.hypothesis = reference, hypothesis
        self.substitution, self.gap = substitution, gap
        numbers: dict[str, int] = {}
        spoken = [(j, node, numbers.setdefault(token, len(numbers)))
                  for j, arcs in enumerate(hypothesis.arcs) for node, token in arcs
                  if token is not None]
        self._numbers = numbers
        self._to, self._from, self._tokens = np.array(spoken, int).reshape(-1, 3).T
        self._gaps = gap * np.arange(len(hypothesis.arcs))
        self.rows: list[np.ndarray] = []
        for arcs in reference.arcs:
            self.rows.append(self._heard(self._reached(arcs)))

    def _reached(self, arcs: Sequence[Arc]) -> np.ndarray:
        """What a node costs that is entered by ``arcs``, before anything is inserted."""
        row = np.full(len(self.hypothesis.arcs), _FAR)
        if not self.rows:
            row[0] = 0
        for node, token in arcs:
            before = self.rows[node]
            np.minimum(row, before if token is None else before + self.gap, out=row)
            if token is not None:
                same = self._tokens == self._numbers.get(token, -1)
                np.minimum.at(row, self._to,
                              before[self._from] + np.where(same, -1, self.substitution))
        return row

    def _heard(self, row: np.ndarray) -> np.ndarray:
        """The row with what insertions make cheaper."""
        if self.hypothesis.is_one:
            return np.minimum.accumulate(row - self._gaps) + self._gaps
        costs = row.tolist()  # whose items are read sooner than those of an array
        for j, arcs in enumerate(self.hypothesis.arcs):
            for node, token in arcs:
                costs[j] = min(costs[j], costs[node] + (0 if token is None else self.gap))
        return np.array(costs)

    def traced(self) -> tuple[list[str], list[str]]:
        """The tokens of both along the best way, found from the end back."""
        i, j = len(self.reference.arcs) - 1, len(self.hypothesis.arcs) - 1
        said, heard = [], []
        while i or j:
            i, j, reference, hypothesis = self._step(i, j)
            said.append(reference)
            heard.append(hypothesis)
        return _in_order(said), _in_order(heard)

    def _step(self, i: int, j: int) -> Step:
        """The first of the steps that lead to (i, j) as cheaply as any."""
        here = self.rows[i][j]
        return next(step for price, step in self._steps(i, j)
                    if self.rows[step[0]][step[1]] + price == here)

    def _steps(self, i: int, j: int) -> Iterator[tuple[int, Step]]:
        """All steps that lead to (i, j), with their prices."""
        said_by, heard_by = self.reference.arcs[i], self.hypothesis.arcs[j]
        for (node, said), (other, heard) in product(said_by, heard_by):
            if said is not None and heard is not None:
                yield -1 if said == heard else self.substitution, (node, other, said, heard)
        for node, said in said_by:
            yield self.gap * (said is not None), (node, j, said, None)
        for other, heard in heard_by:
            yield self.gap * (heard is not None), (i, other, None, heard)


def _in_order(backwards: Sequence[str | None]) -> list[str]:
    """The tokens that there are."""
    return [token for token in reversed(backwards) if token is not None]
