"""The headline values of a run, as rows and as tables of cells."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.core.types import Fact
from evalkit.report.listing import Cell, Line, Listing, counted, failed, measured, plain
from evalkit.store.documents.run import Failure, RunRecord, Score, Summary

UNKNOWN = Fact("", None, "")
"""Of a name that the run does not define."""
REAL_TIME = Fact("", False, "Seconds of processing over seconds of audio, measured on the "
                 "machine of this run while its workers shared it", decimals=3,
                 title="Real-time factor")


@dataclass(frozen=True)
class Row:
    """A value and what stands behind it. ``value`` is NaN where it is undefined, ``n`` and
    ``n_speakers`` None where a metric has no such number; ``counted`` is what ``n`` counts,
    ``interval`` the 95 % confidence interval where there is one."""

    pipeline: str
    condition: str
    metric: str
    value: float
    n: int | None
    n_failed: int = 0
    n_speakers: int | None = None
    counted: str = "utterances"
    interval: tuple[float, float] | None = None

    @property
    def undefined(self) -> str:
        """Why there is no value; "" where there is one."""
        if math.isfinite(self.value):
            return ""
        if self.n == 0:
            return "every measurement failed" if self.n_failed else "nothing was measured"
        return "undefined: there is nothing to divide by"


@dataclass(frozen=True)
class Headline:
    """The values of ``summary.json`` in the order of ``run.json``."""

    pipelines: list[str]
    conditions: list[str]
    facts: dict[str, Fact]
    rows: list[Row]

    def of(self, metric: str) -> dict[tuple[str, str], Row]:
        """The rows of one metric by pipeline and condition."""
        return {(row.pipeline, row.condition): row for row in self.rows if row.metric == metric}

    @property
    def main_metrics(self) -> list[str]:
        """Every metric that is no part of another."""
        return [name for name, fact in self.facts.items() if fact.part_of is None]


@dataclass(frozen=True)
class Matrix:
    """One metric: a row of cells per pipeline, a column per condition. ``basis`` says what
    stands behind them: "320 utterances of 80 speakers"."""

    metric: str
    fact: Fact
    conditions: list[str]
    rows: list[tuple[str, list[Cell]]]
    basis: str


def read_headline(info: RunRecord, summary: Summary,
                  intervals: Mapping[tuple[str, str, str], tuple[float, float]]) -> Headline:
    """Brings ``summary.json`` into the order of ``run.json``, each value with its interval."""
    rows = [_row(score) for score in summary.scores]
    rows += [_row(score, "trials") for score in summary.trials]
    rows += [Row(speed.pipeline, speed.condition, "rtf", speed.rtf, None, counted="")
             for speed in summary.efficiency]
    known = {**info.metrics, "rtf": REAL_TIME}
    metrics = ordered(known, (row.metric for row in rows))
    facts = {name: known.get(name, UNKNOWN) for name in metrics}
    pipelines = ordered(info.pipelines, (row.pipeline for row in rows))
    conditions = ordered(info.conditions, (row.condition for row in rows))
    rows.sort(key=lambda row: (metrics.index(row.metric), pipelines.index(row.pipeline),
                               conditions.index(row.condition)))
    rows = [replace(row, interval=intervals.get((row.pipeline, row.condition, row.metric)))
            for row in rows]
    return Headline(pipelines, conditions, facts, rows)


def _row(score: Score, counted: str = "utterances") -> Row:
    return Row(score.pipeline, score.condition, score.metric, score.value, score.n,
               score.n_failed, score.n_speakers, counted)


def ordered(known: Iterable[str], found: Iterable[str]) -> list[str]:
    """The names found, each once: those that are known first and in that order."""
    present = set(found)
    return [name for name in dict.fromkeys([*known, *sorted(present)]) if name in present]


def matrices(headline: Headline) -> list[Matrix]:
    """One matrix for every main metric."""
    return [_matrix(headline, metric) for metric in headline.main_metrics]


def _matrix(headline: Headline, metric: str) -> Matrix:
    fact, rows = headline.facts[metric], headline.of(metric)
    pipelines = ordered(headline.pipelines, (pipeline for pipeline, _ in rows))
    columns = [_column([rows.get((p, c)) for p in pipelines], fact) for c in headline.conditions]
    cells = [list(row) for row in zip(*columns, strict=True)]
    return Matrix(metric, fact, headline.conditions, list(zip(pipelines, cells, strict=True)),
                  _basis(list(rows.values())))


def _column(rows: Sequence[Row | None], fact: Fact) -> list[Cell]:
    """The cells of one condition, the best marked: all of them where several show the same,
    none where the metric has no better side or there is nothing to choose."""
    cells = [Cell("–", undefined="not measured here") if row is None else cell(row, fact)
             for row in rows]
    values = {c.text: row.value for c, row in zip(cells, rows, strict=True)
              if row is not None and not row.undefined}
    if fact.higher_is_better is None or len(values) < 2:
        return cells
    best = (max if fact.higher_is_better else min)(values, key=values.__getitem__)
    return [replace(c, best=c.text == best) for c in cells]


def cell(row: Row, fact: Fact) -> Cell:
    """``row`` in the unit and decimals of its metric, with its interval."""
    low, high = row.interval or (math.nan, math.nan)
    found = measured(row.value, fact, low, high, row.undefined)
    return replace(found, n_failed=row.n_failed)


def _basis(rows: Sequence[Row]) -> str:
    parts = [(_span([row.n for row in rows]), rows[0].counted),
             (_span([row.n_speakers for row in rows]), "speakers")]
    return " of ".join(f"{span} {what}" for span, what in parts if span)


def _span(numbers: Iterable[int | None]) -> str:
    known = [n for n in numbers if n is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"


def values(headline: Headline) -> Listing:
    """Every metric of every pipeline and condition."""
    columns = ("Metric", "Pipeline", "Condition", "Value", "Unit", "Measured (n)", "of", "Failed",
               "Speakers")
    lines = [Line([*plain(row.metric, row.pipeline, row.condition),
                   replace(cell(row, fact), n_failed=0), Cell(fact.unit), counted(row.n),
                   Cell(row.counted), failed(row.n_failed), counted(row.n_speakers)])
             for row in headline.rows for fact in [headline.facts[row.metric]]]
    return Listing("values", "Every metric of every pipeline and condition", columns, lines,
                   frozenset(("Value", "Measured (n)", "Failed", "Speakers")))


def what_failed(rows: Iterable[Failure]) -> Listing:
    """``summary.json``'s counts of what failed, the most frequent first."""
    columns = ("Pipeline", "Condition", "Metric", "What happened", "Measurements")
    lines = [Line([*plain(row.pipeline, row.condition, row.metric, row.kind),
                   counted(row.n)]) for row in sorted(rows, key=lambda row: -row.n)]
    return Listing("failures", "Failed measurements by kind", columns, lines,
                   frozenset(("Measurements",)))
