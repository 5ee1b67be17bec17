"""Base and candidate of every corpus. Of several, conditions go by the name of their corpus too:
``CORPUS/CONDITION``; no two corpora share a speaker or a group, so that nothing is pooled."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from types import MappingProxyType

import numpy as np

from evalkit.compare import completeness
from evalkit.compare.baseline import Candidate
from evalkit.compare.changes import Cell, Untested, measure_change
from evalkit.compare.pairing import Paired
from evalkit.compare.reruns import NO_RERUNS, Reruns, averaged
from evalkit.compare.scopes import KINDS, Scope
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.very_many import everybody_drawn
from evalkit.store.documents.baseline import Baseline, Key
from evalkit.store.documents.comparison import Counted


class Pairings:
    """The pairing of each corpus by its name; of the only one under None. ``reruns`` are further
    runs of both versions, of which means are compared."""

    def __init__(self, sides: Mapping[str | None, tuple[Baseline, Candidate]],
                 reruns: Mapping[str | None, Reruns] = MappingProxyType({})) -> None:
        self._reruns, self._first = reruns, sides
        joined = {name: averaged(*pair, reruns.get(name, NO_RERUNS))
                  for name, pair in sides.items()}
        self._sides = {name: (each.base, each.candidate) for name, each in joined.items()}
        self._parts = {name: each.pairing for name, each in joined.items()}

    @property
    def keys(self) -> list[Key]:
        """The scores of both sides, corpus by corpus, in a fixed order."""
        return [_under(name, key) for name, part in self._parts.items() for key in part.keys]

    @property
    def made(self) -> str:
        """When the base was made; of several corpora, each with its name."""
        return ", ".join(_told(name, base.facts.created)
                         for name, (base, _) in self._sides.items())

    @property
    def counted(self) -> Counted:
        """What has a part in changes: utterances where the speaker of none is known."""
        known = any(base.trials or any(block.speaker is not None for block in base.blocks)
                    for base, _ in self._sides.values())
        return "speakers" if known else "utterances"

    @property
    def facts(self) -> dict[str, Fact]:
        """What the base says of its metrics."""
        return {metric: fact for base, _ in self._sides.values()
                for metric, fact in base.facts.metrics.items()}

    @property
    def defined(self) -> set[Key]:
        """The scores of which the base has a value."""
        return {_under(name, key) for name, (base, _) in self._sides.items()
                for key in completeness.defined(base)}

    def cells(self, key: Key, scope: Scope) -> Iterator[Cell]:
        """What a scope stands for in one score."""
        name, own = self._of(key)
        for each in KINDS[scope.kind].groups(self._parts[name], own, scope):
            yield key, each

    def measured(self, cell: Cell, level: float, resampling: Resampling) -> Untested:
        """The change of a cell; speakers of the other corpora have no part in it."""
        key, scope = cell
        name, own = self._of(key)
        found = measure_change(self._parts[name], (own, scope), level, resampling)
        everybody = [(each, len(part.speakers)) for each, part in self._parts.items()]
        contributions = np.full(sum(n for _, n in everybody), np.nan)
        shares = np.zeros(len(contributions))
        before = sum(n for each, n in everybody[:list(self._parts).index(name)])
        own_rows = slice(before, before + len(found.contributions))
        contributions[own_rows], shares[own_rows] = found.contributions, found.shares
        return replace(found, change=found.change.model_copy(update={"condition": key[1]}),
                       contributions=contributions, shares=shares)

    def groups(self, column: str) -> list[str]:
        """The groups of a column, of all corpora."""
        return list(dict.fromkeys(group for base, _ in self._sides.values()
                                  if column in base.columns for group in base.groups(column)))

    def paired(self, key: Key, column: str, group: str) -> Paired:
        """One score of a group of a column."""
        name, own = self._of(key)
        return self._parts[name].paired(own, column, group)

    @property
    def problems(self) -> list[str]:
        """Why they cannot be compared."""
        found = [_told(name, line) for name, pair in self._sides.items()
                 for line in completeness.problems(*pair)]
        return [*found, *(_told(name, f"run {Path(run.name).name}: {line}")
                          for name, more in self._reruns.items()
                          for run in (*more.base, *more.candidate)
                          for line in completeness.problems(self._first[name][0], run))]

    @property
    def notes(self) -> list[str]:
        """What to know of them."""
        return [_told(name, line) for name, pair in self._sides.items()
                for line in (*completeness.notes(*pair), *self._run_notes(name),
                             *self._how_drawn(name))]

    def _how_drawn(self, name: str | None) -> Iterator[str]:
        if note := everybody_drawn(len(self._parts[name].speakers), people=self.counted):
            yield f"intervals: {note}"

    def _run_notes(self, name: str | None) -> Iterator[str]:
        more, (base, candidate) = self._reruns.get(name, NO_RERUNS), self._first[name]
        for first, runs in ((base.facts, more.base), (candidate.facts, more.candidate)):
            for run in runs:
                yield from completeness.run_notes(first, run.facts, Path(run.name).name)

    @property
    def left_out(self) -> Iterator[LeftOut]:
        """What is not paired, or in one side only."""
        for name, part in self._parts.items():
            for item in (*part.left_out, *completeness.in_one_only(*self._sides[name])):
                yield replace(item, where=_told(name, item.where))

    def _of(self, key: Key) -> tuple[str | None, Key]:
        """The corpus of a score, and the name that it has there."""
        if None in self._parts:
            return None, key
        name, _, condition = key[1].partition("/")
        return name, (key[0], condition, key[2])


def _under(name: str | None, key: Key) -> Key:
    return key if name is None else (key[0], f"{name}/{key[1]}", key[2])


def _told(name: str | None, line: str) -> str:
    return line if name is None else f"corpus {name}: {line}"
