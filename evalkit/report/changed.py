"""What changed since an earlier version, a run folder or a frozen baseline, and what the gates say
of it."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

from evalkit.compare.baseline import Candidate, on_blocks, read_baseline
from evalkit.compare.comparison import decide
from evalkit.compare.gates import Gates, named
from evalkit.compare.renaming import renamed
from evalkit.compare.together import Together, together
from evalkit.compare.unmatched import check_common
from evalkit.core.types import Fact
from evalkit.report.reported import ReportedRun
from evalkit.report.selection import Selection
from evalkit.statistics.gains import GainRow, Rule
from evalkit.store.documents.baseline import Baseline
from evalkit.store.documents.comparison import Comparison
from evalkit.store.runfolder import RunFolder


@dataclass(frozen=True)
class Changed:
    """What a ``selection`` of the page changed since the version ``base``."""

    base: str
    selection: Selection
    column: str
    found: Together

    @property
    def fact(self) -> Fact:
        """What the values mean."""
        return self.selection.fact

    @property
    def everybody(self) -> GainRow:
        """All groups together."""
        return self.found.everybody

    @property
    def groups(self) -> list[GainRow]:
        """Those that are large enough: worse ones first, then better ones, then those of which it
        is unclear, in each the largest change first."""
        order = {"harmed": 0, "helped": 1}
        judged = [row for row in self.found.groups if row.effect is not None]
        return sorted(judged, key=lambda row: (order.get(str(row.effect), 2),
                                               -abs(row.change.value), row.group))

    def of(self, effect: str) -> list[GainRow]:
        """The groups with this effect."""
        return [row for row in self.groups if row.effect == effect]

    @property
    def where(self) -> str:
        """Over which conditions, for running text."""
        names = self.found.conditions
        if sorted(part.condition for part in self.selection.parts) == sorted(names):
            return self.selection.where
        return f"over what both have, {', '.join(names)}"


@dataclass(frozen=True)
class Since:
    """The version that a page's ``run`` is set against: its file or folder ``path``."""

    run: ReportedRun
    path: Path

    @property
    def name(self) -> str:
        """What it is called."""
        return self.path.resolve().name

    @cached_property
    def columns(self) -> list[str]:
        """Those of the page that the version has, the page's own first."""
        known, own = set(_columns(self.path)), self.run.column
        names = self.run.columns.names if self.run.groups else [own] if own else []
        return [name for name in names if name in known]

    @property
    def column(self) -> str:
        """The page's own column where the version has it; else none."""
        return self.run.column if self.run.column in self.columns else ""

    @cached_property
    def sides(self) -> tuple[Baseline, Candidate]:
        """Both versions as they are compared, with the groups of ``columns``. Raises RunError and
        ConfigError as evalkit.compare.comparison does."""
        gated = self.run.gates.columns_of() if self.run.gates else []
        allowed = [*self.run.allowed, *self.columns]
        columns = list(dict.fromkeys([*gated, *self.columns]))
        with named(self.run.gates):
            base = read_baseline(self.path, columns, allowed)
            candidate = renamed(base, on_blocks(self.run.folder, base, allowed), {})
        return (base.model_copy(update={"name": self.name}),
                candidate._replace(name=self.run.folder.path.resolve().name))

    def changed(self, selection: Selection | None) -> Changed | None:
        """Of a selection of the page, one of trials without groups by the page's own column; None
        where the version has no score of it."""
        if selection is None:
            return None
        by = selection.by or self.column
        column = by if by in self.columns else ""
        several = len(self.run.headline.conditions) > 1
        found = self.found(selection.pipeline, selection.metric, selection.fact, column,
                           selection.condition if several else "")
        return Changed(self.name, selection, column, found) if found else None

    def found(self, pipeline: str, metric: str, fact: Fact, column: str = "", condition: str = ""
              ) -> Together | None:
        """What changed of a ``pipeline`` of the page, over all conditions or one."""
        base, candidate = self.sides
        named = {own: theirs for theirs, own in candidate.renamed.items()}
        return together(base, candidate, (named.get(pipeline, pipeline), metric), column,
                        Rule(fact), condition=condition)

    def judged(self, gates: Gates) -> Comparison:
        """What the gates say. Raises ConfigError where the two have nothing in common, and for
        gates of a series where nobody said which release this is."""
        check_common(*self.sides)
        return decide(*self.sides, gates, [self.column] if self.column else [],
                      place=self.run.place)


def _columns(path: Path) -> list[str]:
    if path.is_file():
        return Baseline.read(path).columns
    return [str(column) for column in RunFolder(path).utterances().columns]
