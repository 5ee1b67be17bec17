"""Every selection that a page can show: one pipeline, all conditions together or one of them, one
of the chief metrics, one grouping.

The controls of a page choose among them, and Python works all of them out, so that what a reader
chooses is what ``evalkit groups`` says, digit for digit. What a corpus is too large for is left
out: a metric with a grouping comes with all of its pipelines and conditions or not at all, the
most important first.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import product

import pandas as pd

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Fact
from evalkit.report.headline import Value
from evalkit.report.reported import ReportedRun
from evalkit.report.selection import Selection, pooled, rounded
from evalkit.report.table import (
    Column,
    Row,
    Table,
    counted,
    failed,
    measured,
    p_value,
    status,
    texts,
)
from evalkit.statistics.bootstrap import DEFAULT
from evalkit.statistics.groups import GroupReport, group_rows, labelled

MOST_LABELS = 1_000_000_000
"""Speakers' labels that are drawn in all, beyond those of the page's own metric and grouping: about
a minute of work."""
MOST_ROWS = 6_000
"""Groups in all selections together: about a megabyte of the page."""
TOO_MANY = (f"more than {MOST_ROWS:,} groups in all selections, or more than "
            f"{MOST_LABELS:,} relabelled speakers; `evalkit groups --metric … --by …` has it")


@dataclass(frozen=True)
class Selections:
    """``start`` is what the page shows at first, ``every`` what it can show, that among them."""

    start: Selection
    every: Sequence[Selection]
    left_out: Sequence[LeftOut]


def selections(run: ReportedRun, start: Selection) -> Selections:
    """What a page can show beside ``start``."""
    every: list[Selection] = []
    lost: list[LeftOut] = []
    spent = 0
    for i, (metric, column) in enumerate(_pairs(run)):
        cost = _labels(run) if i else 0
        if spent + cost > MOST_LABELS or _rows(every) > MOST_ROWS:
            lost.append(LeftOut("metric", "selections", TOO_MANY,
                                names=(f"{metric} by {column}",)))
        else:
            spent += cost
            every += _of(run, metric, column)
    every += _of_trials(run)
    return Selections(start, [start, *(each for each in every if each.key != start.key)], lost)


def all_groups(found: Selections, facts: Mapping[str, Fact]) -> Table:
    """The groups of every selection, a row each."""
    columns = [Column("metric", "Metric"), Column("by", "By"), Column("pipeline", "Pipeline"),
               Column("condition", "Condition"), *columns_of("Group", "Value", "Gap to the others"),
               Column("unit", "Unit")]
    return Table("selections", "Groups by every label and chief metric", columns, [
        Row({**row.cells, **texts(
            metric=fact.named(each.metric), by=each.by, pipeline=each.pipeline,
            condition=each.condition or "all together", unit=fact.unit)})
        for each in found.every for fact in [facts[each.metric]] for row in groups_of(each, fact)])


def selected_groups(selection: Selection, fact: Fact) -> Table:
    """The groups of one selection, in the decimals of ``fact``; without rows where there are no
    groups."""
    unit, difference = (f", {u}" if u else "" for u in (fact.unit, fact.difference_unit))
    where = f"{selection.title} by {selection.by}; {selection.pipeline} {selection.where}"
    return Table("selected", where.rstrip(), columns_of(
        selection.by, f"{selection.title}{unit}", f"Gap to the others{difference}"),
        groups_of(selection, fact))


def columns_of(group: str, value: str, gap: str) -> list[Column]:
    """Those of ``groups_of``, by their titles."""
    return [Column("group", group), Column("value", value, "number"), Column("gap", gap, "number"),
            Column("p", "p (Holm)", "number"), Column("n_speakers", "Speakers", "number"),
            Column("n", "Utterances (n)", "number"), Column("n_failed", "Failed", "number"),
            Column("status", "Status")]


def groups_of(selection: Selection, fact: Fact) -> list[Row]:
    """A row a group: its value and gap with 95 % intervals, and what they rest on."""
    rows = []
    for row in selection.report.rows if selection.report else ():
        gap, nan = row.gap, float("nan")
        rows.append(Row(texts(group=row.group) | {
            "value": measured(row.value.value, fact, row.value.low, row.value.high),
            "gap": measured(gap.difference.value, fact, gap.difference.low, gap.difference.high)
            if gap else measured(nan, fact),
            "p": p_value(gap.p_adjusted if gap else nan), "n_speakers": counted(row.n_speakers),
            "n": counted(row.n), "n_failed": failed(row.n_failed), "status": status(row.status)}))
    return rows


def _pairs(run: ReportedRun) -> list[tuple[str, str]]:
    """Metrics and groupings, the most important first; "" where there is nothing to group by."""
    columns = run.columns.names if run.groups else [""]
    ranked = sorted(product(enumerate(run.chief_metrics), enumerate(columns)),
                    key=lambda pair: pair[0][0] + pair[1][0])
    return [(metric, column) for (_, metric), (_, column) in ranked]


def _rows(found: Sequence[Selection]) -> int:
    return sum(len(each.report.rows) if each.report else 0 for each in found)


def _labels(run: ReportedRun) -> int:
    """How many labels the tests of one metric and grouping draw."""
    several = 1 + len(run.headline.conditions)
    speakers = run.record.corpus.speakers or run.record.corpus.utterances
    return DEFAULT.draws * speakers * several * len(run.headline.pipelines)


def _of(run: ReportedRun, metric: str, column: str) -> Iterator[Selection]:
    """All pipelines and conditions of one metric and grouping."""
    rows, fact = run.scores[run.scores["metric"] == metric], run.headline.facts[metric]
    reports = _reports(run, rows, metric, column)
    values = run.headline.of(metric).values()
    for pipeline in dict.fromkeys(value.pipeline for value in values if not value.undefined):
        parts = [value for value in values if value.pipeline == pipeline]
        whole = [("", pooled(rows, fact, parts), parts)] if len(parts) > 1 else []
        apart = [(part.condition, part, [part]) for part in parts if not part.undefined]
        for condition, value, of in [*whole, *apart]:
            yield Selection(pipeline, "", metric, rounded(fact), value, of,
                            reports.get((pipeline, condition)))


def _reports(run: ReportedRun, rows: pd.DataFrame, metric: str, column: str
             ) -> Mapping[tuple[str, str], GroupReport]:
    """By pipeline and condition, "" for all together."""
    if not column or run.groups is None:
        return {}
    if (metric, column) == (run.groups.metric, run.groups.column):
        return {(each.pipeline, each.condition or ""): each
                for each in [*run.pooled, *run.groups.reports]}
    named = labelled(rows, run.utterances[["utterance_id", column]], [column])
    parts = {(str(p), str(c)): part for (p, c), part in named.groupby(
        ["pipeline", "condition"], sort=False)}
    parts |= {(str(p), ""): part for p, part in named.groupby("pipeline", sort=False)}
    fact = run.headline.facts[metric]
    return {(p, c): GroupReport((column,), metric, p, c or None, "holm",
                                group_rows(part, fact)[0], None, None, [], [])
            for (p, c), part in parts.items()}


def _of_trials(run: ReportedRun) -> Iterator[Selection]:
    """The chief metric of trials for everybody together: trials are between groups, too."""
    of_trials = [name for name in run.headline.main_metrics if _is_of_trials(run, name)]
    for metric in of_trials[:1]:
        fact = rounded(run.headline.facts[metric])
        for value in run.headline.of(metric).values():
            if not value.undefined:
                yield Selection(value.pipeline, "", metric, fact, value, [value], None)


def _is_of_trials(run: ReportedRun, metric: str) -> bool:
    values: list[Value] = list(run.headline.of(metric).values())
    return any(value.counted == "trials" for value in values)
