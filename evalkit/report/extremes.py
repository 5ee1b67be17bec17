"""The worst and the best group of a column, over all conditions together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import isnan

import numpy as np
from markupsafe import Markup

from evalkit.core.text import p_value as shown_p
from evalkit.core.text import with_unit
from evalkit.core.types import Fact
from evalkit.report.groups import Groups
from evalkit.report.reported import ReportedRun
from evalkit.report.summary import ALPHA
from evalkit.report.table import Cell, Column, Row, Table, measured, p_value, texts
from evalkit.report.text import in_sentence, say
from evalkit.statistics.contrasts import any_difference
from evalkit.statistics.groups import GroupRow, labelled
from evalkit.statistics.multiple import adjust


@dataclass(frozen=True)
class Extremes:
    """The ``worst`` and the ``best`` group of ``column`` by a metric that means ``fact``; ``p`` is
    that of any difference between the groups."""

    column: str
    metric: str
    fact: Fact
    pipeline: str
    worst: GroupRow
    best: GroupRow
    p: float


def other_metrics(run: ReportedRun, groups: Groups) -> Table:
    """By every metric but the most important; those without two groups to compare are left out."""
    found = [each for metric in run.scored_metrics[1:]
             for each in _by_pipeline(run, groups.column, metric)]
    return table(found, "other-metrics", f"The other metrics by {groups.column}",
                 Column("metric", "Metric"))


def other_columns(run: ReportedRun, groups: Groups) -> list[Extremes]:
    """By the most important metric, for every column of metadata but the page's own."""
    return [each for column in run.columns.names[1:]
            for each in _by_pipeline(run, column, groups.metric)]


def table(found: Sequence[Extremes], name: str, title: str, first: Column) -> Table:
    """A row each; ``first`` is the column of what they differ in."""
    columns = [first, Column("pipeline", "Pipeline"), Column("worst", "Worst group"),
               Column("worst_value", "Worst value", "number"), Column("best", "Best group"),
               Column("best_value", "Best value", "number"), Column("unit", "Unit"),
               Column("p", "Any gap, p", "number")]
    return Table(name, f"{title}, over all conditions together", columns, [
        Row({column.key: _cells(each)[column.key] for column in columns}) for each in found])


def sentence(found: Sequence[Extremes]) -> Markup:
    """The column whose groups differ most surely by more than chance; empty where none does."""
    adjusted = adjust(np.array([each.p for each in found]))
    real = [(p, each) for p, each in zip(adjusted, found, strict=True) if p < ALPHA]
    if not real:
        return Markup()
    surest, most = min(real, key=lambda pair: (pair[0], -_gap(pair[1])))
    return say("By {}, <b>{}</b> has the worst {} with <b>{}</b>, over all conditions together: "
               "<b>{}</b> against {} for {}, and the groups differ by more than chance (p adjusted "
               "for the number of labels and pipelines: {}).", most.column, most.worst.group,
               in_sentence(most.fact.named(most.metric)), most.pipeline,
               with_unit(most.worst.value.value, most.fact),
               with_unit(most.best.value.value, most.fact), most.best.group, shown_p(surest))


def _gap(found: Extremes) -> float:
    return abs(found.worst.value.value - found.best.value.value)


def _cells(found: Extremes) -> dict[str, Cell]:
    def estimate(row: GroupRow) -> Cell:
        return measured(row.value.value, found.fact, row.value.low, row.value.high)

    return texts(metric=found.fact.named(found.metric), column=found.column,
                 pipeline=found.pipeline, worst=found.worst.group, best=found.best.group,
                 unit=found.fact.unit) | {
        "worst_value": estimate(found.worst), "best_value": estimate(found.best),
        "p": p_value(found.p)}


def _by_pipeline(run: ReportedRun, column: str, metric: str) -> Iterator[Extremes]:
    """Of every pipeline that has the metric, and two groups that can be compared by it."""
    scores = run.scores[run.scores["metric"] == metric]
    fact, scored = run.headline.facts[metric], set(scores["pipeline"].unique())
    named = labelled(scores, run.utterances[["utterance_id", column]], [column])
    for pipeline in (name for name in run.headline.pipelines if name in scored):
        rows = run.pooled_rows(metric, column, pipeline, named[named["pipeline"] == pipeline])
        compared = [row for row in rows if row.status == "ok"]
        if sum(not isnan(row.value.value) for row in compared) > 1:
            yield Extremes(column, metric, fact, pipeline, compared[0], compared[-1],
                           any_difference([row.gap for row in compared if row.gap]))
