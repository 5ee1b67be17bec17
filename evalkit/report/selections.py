"""Every selection that a page can show: one pipeline, all conditions together or one of them, one
of the chief metrics, one grouping.

The controls of a page choose among them, and Python works all of them out, so that what a reader
chooses is what ``evalkit groups`` says, digit for digit. What a corpus is too large for is left
out: a metric with a grouping comes with all of its pipelines and conditions or not at all, the
most important first.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product

import pandas as pd

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Fact
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
from evalkit.report.trial_selections import of_trials
from evalkit.statistics.bootstrap import DEFAULT
from evalkit.statistics.groups import GroupReport, group_rows, labelled
from evalkit.statistics.verification import VerificationReport

MOST_LABELS = 1_000_000_000
"""Speakers' labels that are drawn in all, beyond those of the page's own metric and grouping: about
a minute of work."""
MOST_ROWS = 6_000
"""Groups in all selections together: about a megabyte of the page."""
WORST, BEST = 14, 6
"""Groups of a table of more than both together."""
TOO_MANY = (f"more than {MOST_ROWS:,} groups in all selections, or more than "
            f"{MOST_LABELS:,} relabelled speakers; `evalkit groups --metric … --by …` has it")


@dataclass(frozen=True)
class Selections:
    """``start`` is what the page shows at first, ``every`` what it can show, that among them."""

    start: Selection
    every: Sequence[Selection]
    left_out: Sequence[LeftOut]


def selections(run: ReportedRun, start: Selection, verified: Sequence[VerificationReport] = ()
               ) -> Selections:
    """What a page can show beside ``start``; ``verified`` are the groups' trials by the page's own
    column."""
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
    trials, too_many = of_trials(run, verified)
    first = _by_group(start, trials)
    others = (each for each in [*every, *trials] if each.key != first.key)
    return Selections(first, [first, *others], [*lost, *too_many])


def _by_group(start: Selection, trials: Sequence[Selection]) -> Selection:
    """``start``, by the page's own column where it is of ``trials``."""
    cell = (start.metric, start.pipeline, start.condition)
    return next((replace(start, report=each.report) for each in trials
                 if start.report is None
                 and (each.metric, each.pipeline, each.condition) == cell), start)


def all_groups(found: Selections, facts: Mapping[str, Fact]) -> Table:
    """The groups of every selection, a row each."""
    columns = [Column("metric", "Metric"), Column("by", "By"), Column("pipeline", "Pipeline"),
               Column("condition", "Condition"),
               *columns_of("Group", "Value", "Gap to the others", "Utterances or trials"),
               Column("unit", "Unit")]
    return Table("selections", "Groups by every label and chief metric", columns, [
        Row({**row.cells, **texts(
            metric=fact.named(each.metric), by=each.by, pipeline=each.pipeline,
            condition=each.condition or "all together", unit=fact.unit)})
        for each in found.every for fact in [facts[each.metric]] for row in groups_of(each, fact)])


def selected_groups(selection: Selection, fact: Fact) -> Table:
    """The groups of one selection, in the decimals of ``fact``: of very many the WORST and the BEST
    that are large enough to compare. Without rows where there are no groups."""
    unit, difference = (f", {u}" if u else "" for u in (fact.unit, fact.difference_unit))
    rows, where = groups_of(selection, fact), f"{selection.pipeline} {selection.where}".rstrip()
    caption, n = f"{selection.title} by {selection.by}; {where}", len(selection.compared)
    if len(rows) > WORST + BEST:
        shown = [*rows[:min(WORST, n)], *rows[max(WORST, n - BEST):n]] or rows[:WORST]
        caption += f"; {len(shown)} of {len(rows)} groups, " + (
            "the worst and the best, all in the CSV file" if n else "all in the CSV file")
        rows = shown
    return Table("selected", caption, columns_of(
        selection.by, f"{selection.title}{unit}", f"Gap to the others{difference}",
        selection.everybody.counted.capitalize()), rows)


def columns_of(group: str, value: str, gap: str, counted: str) -> list[Column]:
    """Those of ``groups_of``, by their titles; ``counted`` are utterances or trials."""
    return [Column("group", group), Column("value", value, "number"), Column("gap", gap, "number"),
            Column("p", "p (Holm)", "number"), Column("n_speakers", "Speakers", "number"),
            Column("n", f"{counted} (n)", "number"), Column("n_failed", "Failed", "number"),
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
    report_of = _reports(run, rows, metric, column)
    values = run.headline.of(metric).values()
    for pipeline in dict.fromkeys(value.pipeline for value in values if not value.undefined):
        parts = [value for value in values if value.pipeline == pipeline]
        whole = [("", pooled(run, metric, parts), parts)] if len(parts) > 1 else []
        apart = [(part.condition, part, [part]) for part in parts if not part.undefined]
        for condition, value, of in [*whole, *apart]:
            yield Selection(pipeline, "", metric, rounded(fact), value, of,
                            report_of(pipeline, condition))


def _reports(run: ReportedRun, rows: pd.DataFrame, metric: str, column: str
             ) -> Callable[[str, str], GroupReport | None]:
    """The report of a pipeline and condition, "" for all together, None where there is none."""
    if not column or run.groups is None:
        return lambda pipeline, condition: None
    if (metric, column) == (run.groups.metric, run.groups.column):
        known = {(each.pipeline, each.condition or ""): each
                 for each in [*run.pooled, *run.groups.reports]}
        return lambda pipeline, condition: known.get((pipeline, condition))
    named = labelled(rows, run.utterances[["utterance_id", column]], [column])
    parts = {(str(p), str(c)): part for (p, c), part in named.groupby(["pipeline", "condition"])}
    parts |= {(str(p), ""): part for p, part in named.groupby("pipeline")}

    def report(pipeline: str, condition: str) -> GroupReport | None:
        part = parts.get((pipeline, condition))
        if part is None:
            return None
        groups = (group_rows(part, run.headline.facts[metric])[0] if condition else
                  run.pooled_rows(metric, column, pipeline, part))
        return GroupReport((column,), metric, pipeline, condition or None, "holm", groups, None,
                           None, [], [])

    return report
