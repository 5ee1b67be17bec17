"""What changed since an earlier version, for whom, and what gates say of it?"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from markupsafe import Markup, escape

from evalkit.compare.comparison import decide
from evalkit.core.types import Fact
from evalkit.report import gate_words
from evalkit.report.change_figure import MOST, change_figures
from evalkit.report.change_words import WORDS, sentences
from evalkit.report.changed import Changed, Since
from evalkit.report.clear_alone import is_clear
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.selection import Selection, selected
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, p_value, texts
from evalkit.report.version_table import versions
from evalkit.statistics.gains import GainRow
from evalkit.statistics.groups import plain_data
from evalkit.store.documents.comparison import Change, Comparison

EFFECT_MARKS = {"helped": "●", "harmed": "▼", "unclear": "◇", "unchanged": "◇"}


@dataclass(frozen=True)
class VersionsContent:
    """``changed`` is of what the page shows at first, None where the ``earlier`` version has no
    score of it; ``figures`` are of it, ``comparison`` is what the gates say, None without them."""

    earlier: Since
    changed: Changed | None
    comparison: Comparison | None
    figures: list[Markup]

    @property
    def since(self) -> str:
        """What the earlier version is called."""
        return self.earlier.name

    def of(self, selection: Selection | None, *, first: bool) -> Changed | None:
        """What changed of a ``selection``, the ``first`` that the page shows or another."""
        return self.changed if first else self.earlier.changed(selection)

    @property
    def alone(self) -> bool:
        """Whether a group's interval is clear of no change and its p is not small."""
        rows = self.changed.groups if self.changed else []
        return any(row.effect == "unclear" and is_clear(row.change) for row in rows)

    @property
    def further(self) -> int:
        """Groups that the figure has no room for; the table has them."""
        return max(0, len(self.changed.groups) - MOST) if self.changed else 0

    @property
    def sentences(self) -> list[Markup]:
        """What changed, and for whom."""
        return sentences(self.changed) if self.changed else []

    @property
    def outcome(self) -> str:
        """What the gates say in a line; "" without any."""
        return gate_words.sentence(self.comparison) if self.comparison else ""

    @property
    def place(self) -> str:
        """Which release of a series the gates judge; "" where they judge one by itself."""
        return gate_words.place(self.comparison) if self.comparison else ""


def build(run: ReportedRun) -> Content | None:
    """Nothing without an earlier version."""
    if not run.earlier and run.baseline is None:
        return None
    since = Since(run, run.baseline or run.earlier[0].path)
    changed = since.changed(selected(run))
    comparison = since.judged(run.gates) if run.gates else None
    shown = VersionsContent(since, changed, comparison,
                            change_figures(changed) if changed else [])
    gates = [gate_words.gates_table(comparison)] if comparison else []
    beside = versions(run) if run.earlier else _beside_frozen(since)
    groups = [by_group(changed)] if changed else []
    return Content(
        shown, [*gates, *groups, *beside.tables], [*gates, *beside.in_brief],
        [*shown.sentences, escape(shown.outcome)], _findings(shown),
        [*beside.left_out, *(comparison.left_out if comparison else ())])


def _findings(shown: VersionsContent) -> dict[str, Any]:
    changed = shown.changed
    return {"since": shown.since, "changed": plain_data(changed.found) if changed else None,
            "gates": shown.comparison.outcome if shown.comparison else None}


SECTION = Section("versions", "What changed?", build, "versions.html.j2")


def by_group(changed: Changed) -> Table:
    """The change of everybody and of every group."""
    fact = changed.fact
    unit = f", {fact.difference_unit}" if fact.difference_unit else ""
    columns = [Column("group", changed.column or "Who"), Column("before", changed.base, "number"),
               Column("after", "Now", "number"), Column("change", f"Change{unit}", "number"),
               Column("p", "p (Holm)", "number"), Column("n_speakers", "Speakers", "number"),
               Column("verdict", "Verdict")]
    return Table("changes-by-group", f"What changed of {changed.selection.title} by group",
                 columns, [Row(_group(row, changed), f"changed-{i}") for i, row in enumerate(
                     [changed.everybody, *changed.found.groups])])


def _group(row: GainRow, changed: Changed) -> dict[str, Cell]:
    verdict = WORDS.get(str(row.effect), f"not compared: {row.status}")
    change = row.change
    return texts(group=row.group) | {
        "before": measured(row.before, changed.fact), "after": measured(row.after, changed.fact),
        "change": measured(change.value, changed.fact, change.low, change.high),
        "p": p_value(row.p_adjusted), "n_speakers": counted(row.n_speakers),
        "verdict": Cell(verdict, mark=EFFECT_MARKS.get(str(row.effect), "○"))}


def _beside_frozen(since: Since) -> Content:
    """The values of a frozen baseline and of the run."""
    found = decide(*since.sides)
    columns = [Column("metric", "Metric"), Column("pipeline", "Pipeline"),
               Column("condition", "Condition"), Column("before", since.name, "number"),
               Column("after", "Now", "number"), Column("change", "Change", "number"),
               Column("unit", "Unit"), Column("n", "Utterances in common", "number"),
               Column("verdict", "Verdict")]
    table = Table("versions", f"Beside {since.name}", columns, [
        Row(_frozen(change, found.metrics[change.metric]), f"change-{i}")
        for i, change in enumerate(found.changes, 1) if change.scope == "overall"])
    return Content(tables=[table], in_brief=[table], left_out=found.left_out)


def _frozen(change: Change, fact: Fact) -> dict[str, Cell]:
    return texts(metric=fact.named(change.metric), pipeline=change.pipeline,
                 condition=change.condition, unit=fact.difference_unit,
                 verdict=change.why or change.verdict) | {
        "before": measured(change.base, fact), "after": measured(change.candidate, fact),
        "change": measured(change.change.value, fact, change.change.low, change.change.high),
        "n": counted(change.n)}
