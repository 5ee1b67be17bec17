"""Is it real? Tests of the gaps between groups, gaps with other things held equal, and pipelines
two by two."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations, groupby

import numpy as np
import pandas as pd

from evalkit.core.types import Fact
from evalkit.report.groups import METRIC, Groups
from evalkit.report.listing import Cell, Line, Listing, counted, measured, p_value, plain
from evalkit.report.tables import Headline
from evalkit.statistics.bootstrap import Interval
from evalkit.statistics.groups import COUNTS, GroupReport, GroupRow, group_table
from evalkit.statistics.multiple import adjust
from evalkit.statistics.poisson import RateRatio
from evalkit.statistics.systems import SystemComparison, compare_systems

RATIO = Fact("", None, "", decimals=2)
ALL = "all together"
_GAPS = ("Pipeline", "Condition", "Widest gap, points", "By chance alone", "Any gap, p",
         "Any gap with the rest held equal, p", "Held equal")
_DIFFERENCES = ("Pipeline", "Condition", "Gap to the others, points", "p (Holm)",
                "Adjusted rate ratio", "Speakers", "Status")
_PAIRS = ("Metric", "Condition", "Pipeline", "Against", "Difference", "Unit", "p (Holm)",
          "Utterances (n)", "Which is better")
_MARKS = {"ok": "●", "insufficient": "○", "unknown": "○"}


@dataclass(frozen=True)
class Reality:
    """Whether groups differ at all; which of them differ from the others, over all conditions
    together and, where there are several, under each; and what statistics warn of."""

    gaps: Listing
    differences: Listing
    by_condition: Listing | None
    notes: list[str]


def reality(groups: Groups, utterances: pd.DataFrame, scores: pd.DataFrame, headline: Headline
            ) -> Reality:
    """Tests and adjusted gaps of the groups' word error rates, over all conditions together and
    under each."""
    fact = headline.facts[METRIC]
    pooled = _pooled(groups, utterances, scores)
    several = {report.pipeline for report in pooled}
    reports = [*pooled, *groups.reports]
    parts = [report for report in groups.reports if report.pipeline in several]
    wholes = [*pooled, *(report for report in groups.reports if report.pipeline not in several)]
    notes = dict.fromkeys(note for report in reports for note in report.warnings)
    return Reality(
        Listing("gaps", "Is there any gap between the groups?", _GAPS,
                [Line(_gap(report, fact)) for report in reports], frozenset(_GAPS[2:6])),
        _differences("differences", "Each group against all others", groups.column, wholes, fact),
        _differences("differences-by-condition", "Each group against all others under each "
                     "condition", groups.column, parts, fact) if parts else None,
        list(notes))


def _pooled(groups: Groups, utterances: pd.DataFrame, scores: pd.DataFrame) -> list[GroupReport]:
    """One report a pipeline over all conditions, where it has several: those are held equal."""
    errors = scores[scores["metric"] == METRIC]
    names = [name for name, found in groupby(groups.reports, lambda report: report.pipeline)
             if len(list(found)) > 1]
    return [group_table(errors, utterances, [groups.column], pipeline=name) for name in names]


def _gap(report: GroupReport, fact: Fact) -> list[Cell]:
    tests = report.fairness.tests if report.fairness else None
    adjusted = report.adjusted
    where = plain(report.pipeline, report.condition or ALL)
    if tests is None:
        return [*where, *[measured(math.nan, fact, undefined="fewer than two groups are large "
                                                             "enough")] * 4, Cell("–")]
    return [*where, measured(tests["gap"].value, fact), measured(tests["gap"].expected, fact),
            p_value(tests["welch"].p_value),
            p_value(adjusted.test.p_value if adjusted else math.nan),
            Cell(", ".join(adjusted.covariates) or "nothing" if adjusted else "–")]


def _differences(name: str, caption: str, column: str, reports: Sequence[GroupReport], fact: Fact
                 ) -> Listing:
    lines = [Line([*plain(row.group, report.pipeline, report.condition or ALL),
                   *_compared(row, fact)], f"{name}-{i}-{j}")
             for i, report in enumerate(reports, 1) for j, row in enumerate(report.rows, 1)]
    return Listing(name, caption, (column, *_DIFFERENCES), lines, frozenset(_DIFFERENCES[2:6]))


def _compared(row: GroupRow, fact: Fact) -> list[Cell]:
    too_few = "" if row.status == "ok" else f"the group is {row.status}"
    return [_ranged(row.gap.difference if row.gap else None, fact, too_few),
            p_value(row.gap.p_adjusted if row.gap else math.nan),
            _ranged(row.adjusted, RATIO, too_few), counted(row.n_speakers),
            Cell("compared" if row.status == "ok" else row.status, mark=_MARKS[row.status])]


def _ranged(found: Interval | RateRatio | None, fact: Fact, undefined: str) -> Cell:
    if found is None:
        return measured(math.nan, fact, undefined=undefined)
    return measured(found.value, fact, found.low, found.high, undefined)


def pairs(scores: pd.DataFrame, headline: Headline) -> Listing | None:
    """Every two pipelines on every additive main metric and condition, on the same draws of
    speakers; None where there is one pipeline. p is Wilcoxon's over speakers, adjusted for all
    pairs and conditions of a metric."""
    lines: list[Line] = []
    for metric in headline.main_metrics:
        rows = scores[scores["metric"] == metric]
        fact = headline.facts[metric]
        found = list(_compare(rows, headline, metric in COUNTS, bool(fact.higher_is_better)))
        corrected = adjust(np.array([c.speakers.p_value for _, c in found]))
        lines += [Line(_pair(metric, condition, c, fact, p), f"pair-{len(lines) + i}")
                  for i, ((condition, c), p) in enumerate(zip(found, corrected, strict=True), 1)]
    return Listing("pairs", "Pipelines two by two, on the same speakers", _PAIRS, lines,
                   frozenset((*_PAIRS[4:5], *_PAIRS[6:8]))) if lines else None


def _compare(rows: pd.DataFrame, headline: Headline, counts: bool, higher_is_better: bool
             ) -> Iterator[tuple[str, SystemComparison]]:
    for condition in headline.conditions:
        here = {name: part for name, part in rows[rows["condition"] == condition].groupby(
            "pipeline") if part["error"].isna().any()}
        for a, b in combinations([name for name in headline.pipelines if name in here], 2):
            yield condition, compare_systems(here[b], here[a], (b, a), counts=counts,
                                             higher_is_better=higher_is_better)


def _pair(metric: str, condition: str, found: SystemComparison, fact: Fact, p: float
          ) -> list[Cell]:
    return [*plain(fact.named(metric), condition, found.a, found.b),
            _ranged(found.difference, fact, "nothing to compare"),
            Cell(fact.difference_unit), p_value(float(p)),
            counted(found.n), _better(found, fact)]


def _better(found: SystemComparison, fact: Fact) -> Cell:
    """The pipeline that the interval of the difference favours, if any."""
    low, high = found.difference.low, found.difference.high
    if fact.higher_is_better is None or not (low > 0 or high < 0):
        return Cell("may be chance", mark="◇")
    return Cell(found.a if (low > 0) == fact.higher_is_better else found.b, mark="●")
