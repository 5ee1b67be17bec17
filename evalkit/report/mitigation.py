"""What mitigation experiments came to: tables and figures from their results alone."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from markupsafe import Markup

from evalkit.core.ledger import LeftOut
from evalkit.core.text import number
from evalkit.report.mitigation_figures import RATE, figures, label
from evalkit.report.mitigation_worth import conclusion
from evalkit.report.table import Cell, Column, Row, Table, measured
from evalkit.store.documents.mitigation import (
    START,
    ArmChange,
    DetectionRate,
    DetectionRates,
    RecognitionArmResult,
    RecognitionResults,
    RegionResult,
    VerificationArmResult,
    VerificationResults,
)
from evalkit.store.runfolder import RunFolder

STATISTICS: Mapping[str, str] = {
    "overall": "All", "target": "Targets", "others": "Others", "max": "Worst region",
    "variance": "Variance, points²", "relative_gap": "Targets over best"}
SPREADS: Mapping[str, str] = {"gap": "gap over", "deviation": "deviation over"}
Arms = Mapping[str, VerificationArmResult]


@dataclass(frozen=True)
class Experiment:
    """``conclusion`` is a sentence for who decides on a release, "" where there is none."""

    name: str
    conclusion: str
    tables: list[Table]
    figures: list[tuple[str, Markup]]
    left_out: list[LeftOut]


def experiments(run: RunFolder) -> list[Experiment]:
    """The finished experiments of a run, by name."""
    return [_experiment(name, results, f"mitigation-{i}")
            for i, (name, results) in enumerate(run.mitigations().items(), 1)]


def _experiment(name: str, results: RecognitionResults | VerificationResults, prefix: str
                ) -> Experiment:
    shown = tables(results, prefix)
    if results.kind == "verification":
        return Experiment(name, conclusion(results), shown, [], results.left_out)
    return Experiment(name, results.conclusion, shown, figures(results, prefix), results.left_out)


def tables(results: RecognitionResults | VerificationResults, prefix: str = "mitigation"
           ) -> list[Table]:
    """The tables of one experiment, the most important first, named after ``prefix``."""
    if results.kind == "recognition":
        return [_statistics(results.arms, f"{prefix}-1"),
                _regions(results.arms, results.targets, f"{prefix}-2")]
    names = list(_changes(results.arms))
    groups = [name for name in names if "=" in name]
    whole = [name for name in names if name not in groups]
    return [_error_rates(results.arms, whole, f"{prefix}-1"),
            _error_rates(results.arms, groups, f"{prefix}-2"),
            _at_one_threshold(results.arms, f"{prefix}-3")]


def _table(name: str, caption: str, corner: str, columns: Sequence[str],
           rows: Sequence[tuple[str, Sequence[Cell]]]) -> Table:
    """A heading, which ``corner`` names, and a number for each of the columns."""
    keys = [f"column {i}" for i, _ in enumerate(columns)]
    return Table(name, caption, [Column("heading", corner), *(
        Column(key, title, "number") for key, title in zip(keys, columns, strict=True))],
        [Row({"heading": Cell(heading), **dict(zip(keys, cells, strict=True))})
         for heading, cells in rows])


# Recognition

def _statistics(arms: Sequence[RecognitionArmResult], name: str) -> Table:
    rows = [(label(arm), [_statistic(arm, statistic) for statistic in STATISTICS])
            for arm in arms]
    return _table(name, "Word error rate on test speakers, %, and its change relative to the "
                  "start, %, with 95 % interval; the variance is over regions, the last column how "
                  "much the targets' rate is above that of the region with the lowest, relative to "
                  "it", "arm", list(STATISTICS.values()), rows)


def _statistic(arm: RecognitionArmResult, name: str) -> Cell:
    statistic = arm.statistics[name]
    scale = 100 if name == "variance" else 1  # of points²
    if arm.arm == START:
        return _cell(scale * statistic.value)
    return _cell(scale * statistic.value, (statistic.change, statistic.low, statistic.high))


def _regions(arms: Sequence[RecognitionArmResult], targets: Sequence[str], name: str) -> Table:
    results = {arm.arm: {result.region: result for result in arm.regions} for arm in arms}
    rows = [(f"{region} (target)" if region in targets else region, [
        _region(results[arm.arm][region], arm.arm == START) for arm in arms])
            for region in results[START]]
    return _table(name, "Word error rate by region, %, with 95 % interval; after the start its "
                  "change in points", "region", [label(arm) for arm in arms], rows)


def _region(result: RegionResult, is_start: bool) -> Cell:
    """The start's rate with its interval; another arm's with that of the change."""
    rate, difference = result.rate, result.difference
    if is_start:
        return measured(rate.value, RATE, rate.low, rate.high)
    return _cell(rate.value, (difference.value, difference.low, difference.high))


# Verification

def _changes(arms: Arms) -> Mapping[str, ArmChange]:
    """By measure, the changes of the first arm that is not the start."""
    return next(arm for name, arm in arms.items() if name != START).changes[START]


def _error_rates(arms: Arms, measures: Sequence[str], name: str) -> Table:
    before = _changes(arms)
    rows = [(_measure(measure), [
        _cell(before[measure].before) if arm == START else
        _changed(result.changes[START][measure]) for arm, result in arms.items()])
            for measure in measures]
    return _table(name, "Equal error rate on test speakers, %, and its change from the start in "
                  "points, with 95 % interval", "speakers", list(arms), rows)


def _changed(change: ArmChange) -> Cell:
    return _cell(change.after, (change.value, change.low, change.high))


def _measure(name: str) -> str:
    """Such as "gap over age" for gap:age."""
    kind, _, column = name.partition(":")
    if column and kind in SPREADS:
        return f"{SPREADS[kind]} {column}"
    return "all" if name == "overall" else name.replace("=", " = ", 1)


def _at_one_threshold(arms: Arms, name: str) -> Table:
    first = next(iter(arms.values())).seeds[0]
    groups = [(column, group) for column, rates in first.groups.items() for group in rates]
    rows = [("all", [_errors([seed.overall for seed in arm.seeds]) for arm in arms.values()])]
    rows += [(f"{column} = {group}", [_errors([seed.groups[column][group] for seed in arm.seeds])
                                      for arm in arms.values()]) for column, group in groups]
    return _table(name, "False rejections / false acceptances at one threshold for all, %, means "
                  "over seeds", "speakers", list(arms), rows)


def _errors(seeds: Sequence[DetectionRates]) -> Cell:
    return Cell(" / ".join(number(_mean(rates), RATE) for rates in (
        [seed.frr for seed in seeds], [seed.far for seed in seeds])))


def _mean(rates: Sequence[DetectionRate | None]) -> float:
    """NaN where one is undefined."""
    return fmean(rate.value if rate else math.nan for rate in rates)


# Cells

def _cell(value: float, change: tuple[float, float, float] | None = None) -> Cell:
    """A rate and, where there is one, its ``change`` with the bounds of that."""
    if change is None:
        return measured(value, RATE)
    shown, low, high = change
    bounds = ("no interval" if math.isnan(low) and math.isnan(high)
              else f"{number(low, RATE)} to {number(high, RATE)}")
    return replace(
        measured(value, RATE), detail=f"{number(shown, RATE, signed=shown > 0)} ({bounds})",
        parts={"change": RATE.scale * shown, "change, low": RATE.scale * low,
               "change, high": RATE.scale * high})
