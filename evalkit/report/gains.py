"""What the enhancers of a run change, by every group column that a page shows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import pandas as pd

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Fact
from evalkit.report.reported import ReportedRun
from evalkit.statistics.enhancement import baselines, common_conditions, without_baseline
from evalkit.statistics.gains import GainReport, GainRow, Rule, gain_tables

WHERE = "gains"


@dataclass(frozen=True)
class Gain:
    """What the enhancer of one pipeline changes of one metric, which means ``fact``, under one
    condition: a report for every column."""

    enhanced: str
    baseline: str
    condition: str
    metric: str
    fact: Fact
    reports: Sequence[GainReport]

    @property
    def title(self) -> str:
        """What people call the metric."""
        return self.fact.named(self.metric)

    @property
    def everybody(self) -> GainRow:
        """All groups together."""
        return self.reports[0].everybody

    @property
    def judged(self) -> list[tuple[str, GainRow]]:
        """The groups of all columns that are judged, each with its column."""
        return [(report.by[0], row) for report in self.reports for row in report.rows
                if row.effect is not None]


@dataclass(frozen=True)
class Gains:
    """In the order of metric, condition, pipeline. ``pairs`` are the pipelines with an enhancer,
    each with its baseline; ``not_compared`` is of the run as a whole, ``left_out`` all."""

    columns: list[str]
    pairs: dict[str, str]
    found: list[Gain]
    not_compared: list[LeftOut]
    left_out: list[LeftOut]


def gains_of(run: ReportedRun) -> Gains | None:
    """None where no pipeline has an enhancer, or there is no column to group by."""
    pairs = baselines(run.record.pipelines)
    if not pairs or run.groups is None:
        return None
    known = {name: baseline for name, baseline in pairs.items() if baseline}
    metrics, others = run.chief_metrics, _further_rates(run)
    found: list[Gain] = []
    lost = without_baseline(pairs)
    for metric in metrics:
        for name, baseline in known.items():
            gains, missing = _of_pair(run, metric, (name, baseline))
            found += gains
            lost += missing
    found.sort(key=lambda gain: (metrics.index(gain.metric),
                                 run.headline.conditions.index(gain.condition)))
    inside = [item for gain in found for report in gain.reports for item in report.left_out]
    return Gains(run.columns.names, known, found, lost,
                 list(dict.fromkeys([*lost, *others, *run.columns.left_out, *inside])))


def _of_pair(run: ReportedRun, metric: str, pair: tuple[str, str]
             ) -> tuple[list[Gain], list[LeftOut]]:
    """One pipeline and its baseline, under every condition under which both have the metric."""
    rows = run.scores[(run.scores["metric"] == metric) & run.scores["pipeline"].isin(pair)]
    common, lost = common_conditions(rows, run.record, *pair)
    fact = run.headline.facts[metric]
    return [Gain(*pair, condition, metric, fact, _reports(
        run, rows[rows["condition"] == condition], pair, Rule(fact)))
        for condition in common], lost


def _reports(run: ReportedRun, rows: pd.DataFrame, pair: tuple[str, str], rule: Rule
             ) -> list[GainReport]:
    enhanced, base = (rows[rows["pipeline"] == name] for name in pair)
    return gain_tables(base, enhanced, run.utterances, [[name] for name in run.columns.names],
                       rule)


def _further_rates(run: ReportedRun) -> list[LeftOut]:
    return [LeftOut("metric", WHERE, "a rate beside the first; `evalkit groups --gain-over "
                    "auto --metric` has it", names=(name,))
            for name in run.scored_metrics if name not in run.chief_metrics]
