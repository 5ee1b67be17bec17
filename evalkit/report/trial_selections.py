"""What a page can show of trials: the equal error rate of every pipeline and condition, by group.

A trial is between two speakers. Those of a group are the ones between two of its speakers, and a
group is compared with the other groups' trials of that kind together
(evalkit.statistics.detection_gaps)."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace
from itertools import chain

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Interval
from evalkit.report.headline import Value
from evalkit.report.reported import ReportedRun
from evalkit.report.selection import Selection, rounded
from evalkit.statistics.detection import DetectionInterval
from evalkit.statistics.groups import GroupReport, GroupRow
from evalkit.statistics.run_statistics import TRIAL_DRAWS, verification_reports
from evalkit.statistics.verification import VerificationReport, VerificationRow

RATE = "eer"
MOST_TRIALS = 2_000_000
"""Trials of all further columns together: every one is drawn again and again."""
TOO_MANY = (f"more than {MOST_TRIALS:,} trials to draw again and again; "
            "`evalkit groups --by …` has it")


def of_trials(run: ReportedRun, reports: Sequence[VerificationReport]
              ) -> tuple[list[Selection], list[LeftOut]]:
    """The chief metric of trials, by every column of the page; for everybody where its trials have
    no groups. ``reports`` are of the page's own column."""
    metric = _metric(run)
    if metric != RATE or not reports:
        return [_selection(run, value, None) for value in _known(run, metric)], []
    further = run.columns.names[1:] if run.groups else []
    few = len(further) * len(run.folder.trials()) <= MOST_TRIALS
    found = [reports, *(_verified(run, name) for name in further if few)]
    lost = [] if few else [LeftOut("metric", "selections", TOO_MANY, len(further),
                                   tuple(f"{metric} by {name}" for name in further))]
    return list(chain.from_iterable(_grouped(run, each) for each in found)), lost


def with_own_groups(run: ReportedRun, start: Selection) -> Selection:
    """``start``, where it is of trials by the page's own column."""
    if start.everybody.counted != "trials" or start.metric != RATE or run.column is None:
        return start
    report = next((each for each in _verified(run, run.column) if (
        each.pipeline, each.condition) == (start.pipeline, start.condition)), None)
    return replace(start, report=groups_of_trials(report)) if report else start


def _verified(run: ReportedRun, column: str) -> list[VerificationReport]:
    return verification_reports(run.folder, [[column]], draws=TRIAL_DRAWS, allowed=[column])


def _grouped(run: ReportedRun, reports: Sequence[VerificationReport]) -> list[Selection]:
    """Those of one column, in the order of the run."""
    values = {(value.pipeline, value.condition): value for value in _known(run, RATE)}
    known = {(report.pipeline, report.condition): report for report in reports}
    return [_selection(run, values[cell], groups_of_trials(known[cell]))
            for cell in values if cell in known]


def _known(run: ReportedRun, metric: str) -> list[Value]:
    return [value for value in run.headline.of(metric).values() if not value.undefined]


def _selection(run: ReportedRun, value: Value, report: GroupReport | None) -> Selection:
    fact = rounded(run.headline.facts[value.metric])
    return Selection(value.pipeline, "", value.metric, fact, value, [value], report)


def _metric(run: ReportedRun) -> str:
    """The chief one of trials; "" where there is none."""
    return next((name for name in run.headline.main_metrics
                 for value in run.headline.of(name).values() if value.counted == "trials"), "")


def groups_of_trials(report: VerificationReport) -> GroupReport:
    """The equal error rates of a report as a table of groups, whose utterances are trials."""
    rows = sorted(map(_row, report.rows),
                  key=lambda row: (row.status != "ok", -_number(row.value.value)))
    return GroupReport(report.by, RATE, report.pipeline, report.condition, "holm", rows, None, None,
                       report.warnings, report.left_out)


def _row(row: VerificationRow) -> GroupRow:
    n = row.n_targets + row.n_nontargets
    return GroupRow(row.group, row.status, n, row.n_failed, row.n_speakers, n,
                    _interval(row.rates[RATE]), math.nan, row.gap)


def _interval(rate: DetectionInterval) -> Interval:
    return Interval(rate.value, rate.low, rate.high, rate.se, max(rate.n_speakers - 1, 0),
                    rate.n_speakers, "t", rate.warning)


def _number(value: float) -> float:
    return -math.inf if math.isnan(value) else value
