"""Speaker verification: trade-offs of its two errors, and both of them by group of speakers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from scipy.stats import norm

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Fact, Interval
from evalkit.report.figures import COLOURS, INK, PAPER, SHAPES, decorate, drawn
from evalkit.report.headline import Headline
from evalkit.report.table import (
    Cell,
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
from evalkit.statistics.detection import DetectionInterval
from evalkit.statistics.run_statistics import TRIAL_DRAWS, verification_reports
from evalkit.statistics.verification import VerificationReport
from evalkit.store.runfolder import RunFolder
from evalkit.store.trials import DetectionCurve, crossing, detection_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARE = Fact("%", False, "", decimals=1)
TIMES = Fact("", False, "", decimals=2)
SECONDS = Fact("s", False, "", decimals=3)
INDEX = Fact("", None, "", decimals=3)
TICKS = (0.1, 0.5, 2, 5, 10, 20, 40, 60)
"""Per cent, at the axes of a trade-off, whose ends are those of the axes."""
STEP = 0.02
"""Standard deviations within which two points of a curve are one."""
_WHERE = (Column("pipeline", "Pipeline"), Column("condition", "Condition"))
_ERRORS = (*_WHERE, Column("eer", "Equal error rate of its own, %", "number"),
           Column("miss", "Rejected wrongly, %", "number"),
           Column("false_alarm", "Accepted wrongly, %", "number"),
           Column("n_speakers", "Speakers", "number"),
           Column("n_targets", "Target trials", "number"),
           Column("n_nontargets", "Other trials", "number"),
           Column("n_failed", "Failed", "number"), Column("status", "Status"))
_RATIOS = (*_WHERE, *(Column(f"{name}_{how}", f"{title}, over {over}", "number")
                      for name, title in (("eer", "Equal error rate"),
                                          ("miss", "Rejected wrongly (FNMR)"),
                                          ("false_alarm", "Accepted wrongly (FMR)"))
                      for how, over in (("mean", "the groups' mean"),
                                        ("best", "the best group's"))),
           Column("shown", "Equal error rate: could have shown", "number"))
_ACQUIRED = (*_WHERE, Column("n", "Recordings", "number"),
             Column("lost", "Not acquired", "number"),
             Column("fta", "Failure to acquire (FTA), %", "number"),
             Column("frr", "Rejected wrongly with those (FRR), %", "number"),
             Column("far", "Accepted wrongly with those (FAR), %", "number"),
             Column("seconds", "Processing time a recording, s", "number"),
             Column("factor", "Processing time a second of audio, s", "number"),
             Column("timed", "Recordings timed", "number"), Column("status", "Status"))
_FAIRNESS = (*_WHERE, Column("fdr", "Fairness discrepancy rate (FDR)", "number"),
             Column("expected_fdr", "FDR by chance alone", "number"),
             Column("p_fdr", "FDR: p of no difference", "number"),
             Column("garbe", "Gini of errors (GARBE)", "number"),
             Column("expected_garbe", "GARBE by chance alone", "number"),
             Column("p_garbe", "GARBE: p of no difference", "number"))


@dataclass(frozen=True)
class VerificationByGroup:
    """Errors by group, how unequal they are, and how many times as large as the others' (no rows
    where too few can be compared), what could not be acquired and how long it took, and what
    statistics warn of."""

    errors: Table
    fairness: Table
    ratios: Table
    acquired: Table
    reports: list[VerificationReport]
    notes: list[str]
    left_out: list[LeftOut]


def by_group(run: RunFolder, headline: Headline, column: str | None) -> VerificationByGroup | None:
    """Of the run's trials, with groups by the metadata ``column``; None without either."""
    if column is None or run.trials()["score"].isna().all():
        return None
    reports = verification_reports(run, [[column]], draws=TRIAL_DRAWS, allowed=[column])
    order = [(p, c) for p in headline.pipelines for c in headline.conditions]
    reports.sort(key=lambda report: order.index((report.pipeline, report.condition)))
    notes = dict.fromkeys(note for report in reports for note in report.warnings)
    return VerificationByGroup(
        Table("verification", f"Speaker verification by {column}, at one threshold for everybody",
              [Column("group", column), *_ERRORS], list(_errors(reports))),
        Table("verification-fairness", "Do the groups differ more than by chance?", _FAIRNESS,
              [Row(_fairness(report)) for report in reports if report.fairness]),
        Table("verification-ratios", "How many times as often as the other groups?",
              [Column("group", column), *_RATIOS], list(_ratios(reports))),
        Table("verification-acquired", "What could not be acquired, and how long it took",
              [Column("group", column), *_ACQUIRED], list(_acquired(reports))), reports,
        list(notes),
        [item for report in reports for item in report.left_out])


def _errors(reports: Sequence[VerificationReport]) -> Iterator[Row]:
    for i, report in enumerate(reports, 1):
        for j, row in enumerate(report.rows, 1):
            yield Row(texts(group=row.group, pipeline=report.pipeline, condition=report.condition)
                      | {name: _ranged(row.rates[name]) for name in ("eer", "miss", "false_alarm")}
                      | {"n_speakers": counted(row.n_speakers),
                         "n_targets": counted(row.n_targets),
                         "n_nontargets": counted(row.n_nontargets),
                         "n_failed": failed(row.n_failed), "status": status(row.status)},
                      f"verified-{i}-{j}")


def _ratios(reports: Sequence[VerificationReport]) -> Iterator[Row]:
    for report in reports:
        for row in (row for row in report.rows if row.to_mean):
            least = row.to_mean["eer"].detectable
            yield Row(texts(group=row.group, pipeline=report.pipeline, condition=report.condition)
                      | {f"{name}_{how}": measured(ratio.value, TIMES, ratio.low, ratio.high,
                                                   ratio.warning or "")
                         for how, of in (("mean", row.to_mean), ("best", row.to_best))
                         for name, ratio in of.items()} | {"shown": measured(least, TIMES)})


def _acquired(reports: Sequence[VerificationReport]) -> Iterator[Row]:
    for report in reports:
        for row, found in ((row, row.acquisition) for row in report.rows if row.acquisition):
            yield Row(texts(group=row.group, pipeline=report.pipeline, condition=report.condition)
                      | {"n": counted(found.n), "lost": failed(found.n_not_acquired),
                         "fta": _interval(found.failure_to_acquire, SHARE),
                         "frr": _ranged(found.false_rejection),
                         "far": _ranged(found.false_acceptance),
                         "seconds": _interval(found.seconds, SECONDS),
                         "factor": _interval(found.real_time_factor, SECONDS),
                         "timed": counted(found.n_timed), "status": status(row.status)})


def _interval(found: Interval | None, fact: Fact) -> Cell:
    if found is None:
        return measured(math.nan, fact, undefined="no time was kept")
    return measured(found.value, fact, found.low, found.high, found.warning or "")


def _ranged(rate: DetectionInterval) -> Cell:
    return measured(rate.value, SHARE, rate.low, rate.high, rate.warning or "")


def _fairness(report: VerificationReport) -> dict[str, Cell]:
    fairness: Any = report.fairness
    return texts(pipeline=report.pipeline, condition=report.condition) | {
        "fdr": measured(fairness.fdr, INDEX),
        "expected_fdr": measured(fairness.expected_fdr, INDEX),
        "p_fdr": p_value(fairness.p_fdr), "garbe": measured(fairness.garbe, INDEX),
        "expected_garbe": measured(fairness.expected_garbe, INDEX),
        "p_garbe": p_value(fairness.p_garbe)}


def tradeoffs(run: RunFolder, headline: Headline) -> list[tuple[str, Markup]]:
    """For each condition that has trials its name and the detection error trade-offs of its
    pipelines."""
    trials = run.trials()
    return list(_tradeoffs(trials[trials["score"].notna()], headline))


def _tradeoffs(trials: pd.DataFrame, headline: Headline) -> Iterator[tuple[str, Markup]]:
    for i, condition in enumerate(headline.conditions, 1):
        under = trials[trials["condition"] == condition]
        curves = {name: detection_curve(rows["score"].to_numpy(float), rows["label"].to_numpy(bool))
                  for name in headline.pipelines
                  if (rows := under[under["pipeline"] == name])["label"].nunique() == 2}
        if curves:
            title = f"Detection error trade-off in {condition}"
            yield condition, drawn(partial(_tradeoff, curves=curves), (4.4, 4.6), f"det-{i}", title)


def _tradeoff(figure: Figure, curves: dict[str, DetectionCurve]) -> None:
    """Axes of normal deviates (Martin et al. 1997): two normal distributions of scores give a
    straight line. A mark is where both rates are equal."""
    axes = figure.subplots()
    low, high = norm.ppf([TICKS[0] / 100, TICKS[-1] / 100])
    axes.plot([low, high], [low, high], color=INK, linewidth=0.8, linestyle=":")
    for i, curve in enumerate(curves.values()):
        _line(axes, curve, COLOURS[i % len(COLOURS)], SHAPES[i % len(SHAPES)])
    ticks = norm.ppf(np.array(TICKS) / 100)
    axes.set_xticks(ticks, [f"{tick:g}" for tick in TICKS])
    axes.set_yticks(ticks, [f"{tick:g}" for tick in TICKS])
    axes.set(xlim=(low, high), ylim=(low, high), aspect="equal", xlabel="accepted wrongly, %",
             ylabel="rejected wrongly, %")
    decorate(axes, list(curves))


def _line(axes: Axes, curve: DetectionCurve, colour: str, shape: str) -> None:
    ends = norm.ppf([TICKS[0] / 200, 1 - TICKS[0] / 200])
    points = np.column_stack([np.clip(norm.ppf(rates), *ends)
                              for rates in (curve.false_alarm, curve.miss)])
    coarse = np.rint(points / STEP)
    kept = np.append(True, np.any(coarse[1:] != coarse[:-1], axis=1))
    axes.plot(*points[kept].T, color=colour, linewidth=1.4)
    equal = np.clip(norm.ppf(crossing(curve).value), *ends)
    axes.plot(equal, equal, color=colour, marker=shape, markersize=7, markeredgecolor=PAPER)
