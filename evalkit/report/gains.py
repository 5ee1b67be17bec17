"""What the enhancers of a run change, by every group column that a page shows."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from evalkit.cohorts.columns import OF_FINDERS, OF_THE_CORPUS
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Fact
from evalkit.report.groups import MOST_UNASKED, determined_by
from evalkit.report.reported import ReportedRun
from evalkit.statistics.enhancement import baselines, common_conditions, without_baseline
from evalkit.statistics.gains import GainReport, GainRow, Rule, gain_tables
from evalkit.statistics.grouping import grouped, known_groups, not_usual, usual_columns

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
    columns, unused = _columns(run, run.groups.column)
    known = {name: baseline for name, baseline in pairs.items() if baseline}
    metrics, others = run.chief_metrics, _further_rates(run)
    found: list[Gain] = []
    lost = without_baseline(pairs)
    for metric in metrics:
        for name, baseline in known.items():
            gains, missing = _of_pair(run, metric, (name, baseline), columns)
            found += gains
            lost += missing
    found.sort(key=lambda gain: (metrics.index(gain.metric),
                                 run.headline.conditions.index(gain.condition)))
    inside = [item for gain in found for report in gain.reports for item in report.left_out]
    return Gains(columns, known, found, lost,
                 list(dict.fromkeys([*lost, *others, *unused, *inside])))


def _of_pair(run: ReportedRun, metric: str, pair: tuple[str, str], columns: Sequence[str]
             ) -> tuple[list[Gain], list[LeftOut]]:
    """One pipeline and its baseline, under every condition under which both have the metric."""
    rows = run.scores[(run.scores["metric"] == metric) & run.scores["pipeline"].isin(pair)]
    common, lost = common_conditions(rows, run.record, *pair)
    fact = run.headline.facts[metric]
    return [Gain(*pair, condition, metric, fact, _reports(
        run, rows[rows["condition"] == condition], pair, columns, Rule(fact)))
        for condition in common], lost


def _reports(run: ReportedRun, rows: pd.DataFrame, pair: tuple[str, str], columns: Sequence[str],
             rule: Rule) -> list[GainReport]:
    enhanced, base = (rows[rows["pipeline"] == name] for name in pair)
    return gain_tables(base, enhanced, run.utterances, [[column] for column in columns], rule)


def _further_rates(run: ReportedRun) -> list[LeftOut]:
    return [LeftOut("metric", WHERE, "a rate beside the first; `evalkit groups --gain-over "
                    "auto --metric` has it", names=(name,))
            for name in run.scored_metrics if name not in run.chief_metrics]


def _columns(run: ReportedRun, first: str) -> tuple[list[str], list[LeftOut]]:
    """The columns to group by, the page's own ``first``, and those that are left out."""
    metrics = run.record.metrics
    chosen, lost = [first], list(not_usual(run.utterances, metrics, run.allowed))
    for column in usual_columns(run.utterances, metrics, run.allowed):
        if column == first:
            continue
        if why := next(_unwanted(run, column, chosen), None):
            lost.append(LeftOut("column", WHERE, why, names=(column,)))
        else:
            chosen.append(column)
    return chosen, lost


def _unwanted(run: ReportedRun, column: str, chosen: Sequence[str]) -> Iterator[str]:
    """Why a column is not grouped by beside the ``chosen`` ones."""
    labels = grouped(run.utterances, column)
    if column in OF_FINDERS | OF_THE_CORPUS:
        yield "a place, or how the corpus is divided: `evalkit cohorts` looks there"
    if known_groups(labels) > MOST_UNASKED:
        yield f"more than {MOST_UNASKED} groups; `evalkit groups --gain-over auto --by` has it"
    for other in chosen:
        if pd.factorize(labels)[0].tolist() == pd.factorize(
                grouped(run.utterances, other))[0].tolist():
            yield f"makes the same groups as {other}"
    if column not in run.allowed and determined_by(column, run.utterances, run.scores,
                                                   run.scored_metrics[0]):
        yield f"determines {run.scored_metrics[0]}"
