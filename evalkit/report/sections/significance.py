"""Are the differences real? Tests of the gaps between groups, gaps with other things held equal,
and pipelines two by two."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
import pandas as pd

from evalkit.core.types import Fact, Interval
from evalkit.report.clear_alone import clear_alone, why
from evalkit.report.groups import Groups
from evalkit.report.headline import Headline
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.summary import ALPHA
from evalkit.report.table import (
    Cell,
    Column,
    Row,
    Table,
    counted,
    measured,
    p_value,
    texts,
)
from evalkit.statistics.groups import GroupReport, GroupRow
from evalkit.statistics.multiple import adjust
from evalkit.statistics.poisson import RateRatio
from evalkit.statistics.systems import SystemComparison, compare_systems
from evalkit.statistics.very_many import everybody_drawn

RATIO = Fact("", None, "", decimals=2)
ALL = "all together"
UNEQUAL = 4.0
"""Times as much variance, from which the widest gap of relabelled speakers is no yardstick."""
_WHERE = (Column("pipeline", "Pipeline"), Column("condition", "Condition"))


@dataclass(frozen=True)
class Significance:
    """``adjusted`` says whether gaps were adjusted for what else differs, which error counts
    allow; ``notes`` are what statistics warn of; ``few`` are groups that are compared with no
    other; ``alone`` says why a group's interval is clear of 0 where its p is not small."""

    adjusted: bool
    notes: list[str]
    few: list[str]
    alone: str = ""


def build(run: ReportedRun) -> Content:
    """Shown for every run."""
    compared = comparisons(run.scores, run.headline)
    tables = [pairs(compared, run.headline)]
    lost = [item for found in compared.values() for _, pair in found for item in pair.left_out]
    if run.groups is None:
        return Content(Significance(False, _everybody_drawn(run), []), tables, left_out=lost)
    reports = [*run.pooled, *run.groups.reports]
    notes = dict.fromkeys(note for report in reports for note in report.warnings)
    notes |= dict.fromkeys(unequal_spread(reports))
    few = dict.fromkeys(row.group for report in reports for row in report.rows
                        if row.status != "ok")
    shown = Significance(run.groups.fact.is_count, list(notes), list(few), _alone(reports))
    return Content(shown,
                   [*gaps(run.groups, run.pooled), *differences(run.groups, run.pooled), *tables],
                   left_out=[*(item for report in run.pooled for item in report.left_out), *lost])


def _everybody_drawn(run: ReportedRun) -> list[str]:
    """What to know of intervals of very many speakers, or utterances where nobody knows them."""
    corpus = run.record.corpus
    people = "speakers" if corpus.speakers else "utterances"
    note = everybody_drawn(corpus.speakers or corpus.utterances, people=people)
    return [note] if note else []


def _alone(reports: Sequence[GroupReport]) -> str:
    """Why some of the reports' groups have an interval clear of 0 and no small p."""
    rows = [row for report in reports for row in report.rows if row.status == "ok"]
    names = dict.fromkeys(clear_alone(rows))
    return why(names, len({row.group for row in rows}),
               people="speakers" if any(row.n_speakers for row in rows) else "utterances")


SECTION = Section("significance", "Are the differences real?", build, "significance.html.j2")


# Groups

def unequal_spread(reports: Sequence[GroupReport]) -> Iterator[str]:
    """What to know of the widest gap where the speakers of one group vary far more than those of
    another."""
    times = max((report.fairness.unequal_spread for report in reports if report.fairness),
                default=math.nan)
    if times > UNEQUAL:
        known = any(row.n_speakers for report in reports for row in report.rows)
        people = "Speakers" if known else "Utterances"
        yield (f"{people} of one group vary up to {times:.0f} times as much as those of another "
               "(relative variance): a small group that varies much makes wider gaps than stand "
               "under \"by chance alone\", which takes all groups for alike. The widest gap is a "
               "size; p is the test, and holds here too.")


def gaps(groups: Groups, pooled: Sequence[GroupReport]) -> list[Table]:
    """Whether groups differ at all: over all conditions together, where a pipeline has several,
    and then under each."""
    together, parts = _told_apart(groups, pooled)
    return [_gaps("gaps", "Is there any gap between the groups?", groups, together),
            _gaps("gaps-by-condition", "Is there any gap under each condition?", groups, parts)]


def _told_apart(groups: Groups, pooled: Sequence[GroupReport]
                ) -> tuple[list[GroupReport], list[GroupReport]]:
    """The reports over all conditions of a pipeline, and those of one condition of several."""
    several = {report.pipeline for report in pooled}
    single = [report for report in groups.reports if report.pipeline not in several]
    parts = [report for report in groups.reports if report.pipeline in several]
    return [*pooled, *single], parts


def _gaps(name: str, caption: str, groups: Groups, reports: Sequence[GroupReport]) -> Table:
    columns = [*_WHERE, Column("gap", _in_unit("Widest gap", groups.fact), "number"),
               Column("expected", _in_unit("By chance alone", groups.fact), "number"),
               Column("p", "Any gap, p", "number")]
    if groups.fact.is_count:
        columns += [Column("p_adjusted", "Any gap with the rest held equal, p", "number"),
                    Column("covariates", "Held equal")]
    return Table(name, caption, columns, [Row(_gap(report, groups.fact)) for report in reports])


def _in_unit(title: str, fact: Fact) -> str:
    return f"{title}, {fact.difference_unit}" if fact.difference_unit else title


def _gap(report: GroupReport, fact: Fact) -> dict[str, Cell]:
    where = texts(pipeline=report.pipeline, condition=report.condition or ALL)
    if report.fairness is None:
        none = measured(math.nan, fact, undefined="fewer than two groups are large enough")
        cells = {"gap": none, "expected": none, "p": none}
        return where | cells | ({"p_adjusted": none, "covariates": Cell("–")}
                                if fact.is_count else {})
    tests = report.fairness.tests
    return where | {"gap": measured(tests["gap"].value, fact),
                    "expected": measured(tests["gap"].expected, fact),
                    "p": p_value(report.fairness.p_value)} | (
        _regression(report) if fact.is_count else {})


def _regression(report: GroupReport) -> dict[str, Cell]:
    adjusted = report.adjusted
    if adjusted is None:
        return {"p_adjusted": p_value(math.nan), "covariates": Cell("–")}
    return {"p_adjusted": p_value(adjusted.test.p_value),
            "covariates": Cell(", ".join(adjusted.covariates) or "nothing")}


def differences(groups: Groups, pooled: Sequence[GroupReport]) -> list[Table]:
    """Each group against all others: over all conditions together, where a pipeline has several,
    and then under each."""
    together, parts = _told_apart(groups, pooled)
    return [_differences("differences", "Each group against all others", groups, together),
            _differences("differences-by-condition",
                         "Each group against all others under each condition", groups, parts)]


def _differences(name: str, caption: str, groups: Groups, reports: Sequence[GroupReport]) -> Table:
    columns = [Column("group", groups.column), *_WHERE,
               Column("gap", _in_unit("Gap to the others", groups.fact), "number"),
               Column("p", "p (Holm)", "number"), Column("n_speakers", "Speakers", "number")]
    if groups.fact.is_count:
        columns.insert(5, Column("ratio", "Adjusted rate ratio", "number"))
    return Table(name, caption, columns, [
        Row(texts(group=row.group, pipeline=report.pipeline, condition=report.condition or ALL)
            | _compared(row, groups.fact), f"{name}-{i}-{j}")
        for i, report in enumerate(reports, 1) for j, row in enumerate(report.rows, 1)
        if row.status == "ok"])


def _compared(row: GroupRow, fact: Fact) -> dict[str, Cell]:
    alone = "there is no other group"
    cells = {"gap": _ranged(row.gap.difference if row.gap else None, fact, alone),
             "p": p_value(row.gap.p_adjusted if row.gap else math.nan),
             "n_speakers": counted(row.n_speakers)}
    return cells | ({"ratio": _ranged(row.adjusted, RATIO, "")} if fact.is_count else {})


def _ranged(estimate: Interval | RateRatio | None, fact: Fact, undefined: str) -> Cell:
    if estimate is None:
        return measured(math.nan, fact, undefined=undefined)
    return measured(estimate.value, fact, estimate.low, estimate.high, undefined)


# Pipelines

def comparisons(scores: pd.DataFrame, headline: Headline
                ) -> dict[str, list[tuple[str, SystemComparison]]]:
    """By additive main metric every two pipelines under every condition, on the same draws of
    speakers; none where there is one pipeline."""
    return {metric: list(_compare(scores[scores["metric"] == metric], headline,
                                  headline.facts[metric])) for metric in headline.main_metrics}


def pairs(found: Mapping[str, Sequence[tuple[str, SystemComparison]]], headline: Headline
          ) -> Table:
    """A row a comparison. p is Wilcoxon's over speakers, adjusted for all pairs and conditions of
    a metric."""
    columns = [Column("metric", "Metric"), Column("condition", "Condition"),
               Column("a", "Pipeline"), Column("b", "Against"),
               Column("difference", "Difference", "number"), Column("unit", "Unit"),
               Column("p", "p (Holm)", "number"), Column("n", "Utterances (n)", "number"),
               Column("better", "Which is better")]
    rows: list[Row] = []
    for metric, compared in found.items():
        fact = headline.facts[metric]
        corrected = adjust(np.array([pair.speakers.p_value for _, pair in compared]))
        rows += [Row(texts(metric=fact.named(metric), condition=condition)
                     | _pair(pair, fact, float(p)), f"pair-{len(rows) + i}")
                 for i, ((condition, pair), p) in enumerate(
                     zip(compared, corrected, strict=True), 1)]
    return Table("pairs", "Pipelines two by two, on the same utterances", columns, rows)


def _compare(rows: pd.DataFrame, headline: Headline, fact: Fact
             ) -> Iterator[tuple[str, SystemComparison]]:
    for condition in headline.conditions:
        scored = {name: part for name, part in rows[rows["condition"] == condition].groupby(
            "pipeline") if part["error"].isna().any()}
        names = [name for name in headline.pipelines if name in scored]
        for a, b in combinations(names, 2):
            yield condition, compare_systems(scored[b], scored[a], (b, a), fact=fact)


def _pair(pair: SystemComparison, fact: Fact, p: float) -> dict[str, Cell]:
    return texts(a=pair.a, b=pair.b, unit=fact.difference_unit) | {
        "difference": _ranged(pair.difference, fact, "nothing to compare"),
        "p": p_value(p), "n": counted(pair.n), "better": _better(pair, fact, p)}


def _better(pair: SystemComparison, fact: Fact, p: float) -> Cell:
    """The pipeline that is better by the interval of the difference and by the adjusted ``p``,
    if any."""
    if not pair.n:
        return Cell("not compared")
    low, high = pair.difference.low, pair.difference.high
    certain = (low > 0 or high < 0) and p < ALPHA
    if fact.higher_is_better is None or not certain:
        return Cell("may be chance", mark="◇")
    return Cell(pair.a if (low > 0) == fact.higher_is_better else pair.b, mark="●")
