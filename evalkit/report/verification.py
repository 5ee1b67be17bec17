"""Speaker verification: trade-offs of its two errors, and both of them by group of speakers."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup
from scipy.stats import norm

from evalkit.core.types import Fact
from evalkit.report.figures import COLOURS, INK, PAPER, SHAPES, decorate, drawn
from evalkit.report.listing import Cell, Line, Listing, counted, failed, measured, p_value, plain
from evalkit.report.tables import Headline
from evalkit.statistics.detection import DetectionInterval
from evalkit.statistics.groups import Status
from evalkit.statistics.run_statistics import TRIAL_DRAWS, verification_reports
from evalkit.statistics.verification import VerificationReport
from evalkit.store.runfolder import RunFolder
from evalkit.store.trials import DetectionCurve, crossing, detection_curve

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHARE = Fact("%", False, "", decimals=1)
INDEX = Fact("", None, "", decimals=3)
TICKS = (0.1, 0.5, 2, 5, 10, 20, 40, 60)
"""Per cent, at the axes of a trade-off, whose ends are those of the axes."""
STEP = 0.02
"""Standard deviations within which two points of a curve are one."""
_GROUPS = ("Pipeline", "Condition", "Equal error rate of its own, %", "Rejected wrongly, %",
           "Accepted wrongly, %", "Speakers", "Target trials", "Other trials", "Failed", "Status")
_FAIRNESS = ("Pipeline", "Condition", "FDR", "By chance alone", "p of FDR", "GARBE",
             "GARBE by chance alone", "p of GARBE")
_MARKS: dict[Status, str] = {"ok": "●", "insufficient": "○", "unknown": "○"}


@dataclass(frozen=True)
class Verification:
    """For each condition its name and the trade-offs of its pipelines; errors by group and how
    unequal they are, None without a column to group by."""

    tradeoffs: list[tuple[str, Markup]]
    errors: Listing | None
    fairness: Listing | None
    notes: list[str]


def verification(run: RunFolder, headline: Headline, column: str | None) -> Verification | None:
    """Of the run's trials, with groups by the metadata ``column``; None where there is none."""
    trials = run.trials()
    trials = trials[trials["score"].notna()]
    if trials.empty:
        return None
    figures = list(_tradeoffs(trials, headline))
    if column is None:
        return Verification(figures, None, None, [])
    reports = verification_reports(run, [[column]], draws=TRIAL_DRAWS)
    order = [(p, c) for p in headline.pipelines for c in headline.conditions]
    reports.sort(key=lambda report: order.index((report.pipeline, report.condition)))
    caption = f"Speaker verification by {column}, at one threshold for everybody"
    errors = Listing("verification", caption, (column, *_GROUPS), list(_errors(reports)),
                     frozenset(_GROUPS[2:9]))
    fair = [Line(_fairness(report)) for report in reports if report.fairness]
    return Verification(figures, errors, Listing(
        "verification-fairness", "Do the groups differ more than by chance?", _FAIRNESS, fair,
        frozenset(_FAIRNESS[2:])) if fair else None,
        list(dict.fromkeys(note for report in reports for note in report.warnings)))


def _errors(reports: Sequence[VerificationReport]) -> Iterator[Line]:
    for i, report in enumerate(reports, 1):
        for j, row in enumerate(report.rows, 1):
            rates = [_ranged(row.rates[name]) for name in ("eer", "miss", "false_alarm")]
            yield Line([*plain(row.group, report.pipeline, report.condition), *rates,
                        *map(counted, (row.n_speakers, row.n_targets, row.n_nontargets)),
                        failed(row.n_failed),
                        Cell("compared" if row.status == "ok" else row.status,
                             mark=_MARKS[row.status])], f"verified-{i}-{j}")


def _ranged(rate: DetectionInterval) -> Cell:
    return measured(rate.value, SHARE, rate.low, rate.high, rate.warning or "")


def _fairness(report: VerificationReport) -> list[Cell]:
    found: Any = report.fairness
    return [*plain(report.pipeline, report.condition),
            measured(found.fdr, INDEX), measured(found.expected_fdr, INDEX), p_value(found.p_fdr),
            measured(found.garbe, INDEX), measured(found.expected_garbe, INDEX),
            p_value(found.p_garbe)]


def _tradeoffs(trials: pd.DataFrame, headline: Headline) -> Iterator[tuple[str, Markup]]:
    for i, condition in enumerate(headline.conditions, 1):
        here = trials[trials["condition"] == condition]
        curves = {name: detection_curve(rows["score"].to_numpy(float), rows["label"].to_numpy(bool))
                  for name in headline.pipelines
                  if (rows := here[here["pipeline"] == name])["label"].nunique() == 2}
        if curves:
            title = f"Detection error trade-off under {condition}"
            yield condition, drawn(partial(_tradeoff, curves=curves), (4.4, 4.6), f"det-{i}", title)


def _tradeoff(figure: Figure, curves: dict[str, DetectionCurve]) -> None:
    """Axes of normal deviates (Martin et al. 1997): two normal distributions of scores give a
    straight line. A mark is where both rates are equal."""
    axes = figure.subplots()
    low, high = norm.ppf([TICKS[0] / 100, TICKS[-1] / 100])
    axes.plot([low, high], [low, high], color=INK, linewidth=0.8, linestyle=":")
    for i, curve in enumerate(curves.values()):
        _line(axes, curve, COLOURS[i % len(COLOURS)], SHAPES[i % len(SHAPES)])
    at = norm.ppf(np.array(TICKS) / 100)
    axes.set_xticks(at, [f"{tick:g}" for tick in TICKS])
    axes.set_yticks(at, [f"{tick:g}" for tick in TICKS])
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
