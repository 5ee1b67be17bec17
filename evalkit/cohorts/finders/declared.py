"""Groups that speakers declared, and the intersections of two such groups."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import combinations
from typing import ClassVar, Literal

from evalkit.cohorts.finder import Search
from evalkit.cohorts.finders.conjunctions import Conjunctions
from evalkit.cohorts.speakers import Speakers
from evalkit.core.ledger import LeftOut
from evalkit.statistics.labels import UNKNOWN


@dataclass(frozen=True)
class Declared:
    """Every label of the ``columns`` (all that are constant within every speaker where None),
    and with ``intersections`` every pair of labels of two columns that some speaker has. A
    missing label is the group "unknown", which is crossed with nothing."""

    columns: tuple[str, ...] | None = None
    intersections: bool = True
    name: Literal["declared"] = "declared"
    unit: Literal["speaker"] = "speaker"
    projected: ClassVar[bool] = False

    def lacks(self, speakers: Speakers) -> str | None:
        """Why it cannot work on these speakers; None where it can."""
        columns = speakers.labels.columns if self.columns is None else self.columns
        missing = [name for name in columns if name not in speakers.labels]
        if missing or not len(columns):
            return f"no column {missing[0]!r}" if missing else "no declared groups of speakers"
        return None

    def left_out(self, speakers: Speakers) -> list[LeftOut]:
        """Nobody: a missing label is a label."""
        return []

    def prepare(self, speakers: Speakers) -> Search:
        """Lists the groups; they do not depend on outcomes."""
        columns = tuple(speakers.labels.columns) if self.columns is None else self.columns
        single = [(name, str(value)) for name in columns
                  for value in sorted(speakers.labels[name].unique())]
        crossed = combinations(single, 2) if self.intersections else ()
        pairs = [(a, b) for a, b in crossed if a[0] != b[0] and UNKNOWN not in (a[1], b[1])]
        members = Conjunctions(tuple(pairs), self.unit).members(speakers)
        inhabited = [pair for pair, at in zip(pairs, members, strict=True) if len(at)]
        rule = Conjunctions((*((label,) for label in single), *inhabited), self.unit)
        return lambda outcomes: rule
