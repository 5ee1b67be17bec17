"""The headline values of a run, as rows and as a table a metric."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from evalkit.core.types import Fact, by_importance
from evalkit.report.table import Cell, Column, Row, Table, measured, texts
from evalkit.store.documents.run import RunRecord, Score, Summary
from evalkit.store.scores import GIVEN

UNKNOWN = Fact("", None, "")
"""Of a name that the run does not define."""
REAL_TIME = Fact("", False, "Seconds of processing over seconds of audio, measured on the "
                 "machine of this run while its workers shared it", decimals=3,
                 title="Real-time factor of the whole pipeline")


@dataclass(frozen=True)
class Value:
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
    rows: list[Value]

    def of(self, metric: str) -> dict[tuple[str, str], Value]:
        """The rows of one metric by pipeline and condition."""
        return {(row.pipeline, row.condition): row for row in self.rows if row.metric == metric}

    @property
    def main_metrics(self) -> list[str]:
        """Every metric that is no part of another."""
        return [name for name, fact in self.facts.items() if fact.part_of is None]

    @property
    def judged(self) -> list[str]:
        """The scores that have a better side and a value, in the order of their importance: error
        rates first, then in the order of the run."""
        known = {row.metric for row in self.rows if not row.undefined}
        return [name for name in by_importance(self.facts) if name in known]

    @property
    def has_trials(self) -> bool:
        """Whether there is a value of trials."""
        return any(row.counted == "trials" and not row.undefined for row in self.rows)

    @property
    def unjudged(self) -> str:
        """Why no score of utterances is ``judged``."""
        if self.has_trials:
            return "Only trials were scored"
        judges = by_importance(self.facts)
        failed = any(row.n_failed and row.undefined for row in self.rows if row.metric in judges)
        return ("Every measurement failed" if failed
                else "No metric that has a better side has a value")


@dataclass(frozen=True)
class Matrix:
    """One metric: a row of ``table`` per pipeline, a column per condition; ``title`` is
    what people call it. ``basis`` says what
    stands behind them: "320 utterances of 80 speakers"."""

    title: str
    fact: Fact
    table: Table
    basis: str


def read_headline(record: RunRecord, summary: Summary,
                  intervals: Mapping[tuple[str, str, str], tuple[float, float]]) -> Headline:
    """Brings ``summary.json`` into the order of ``run.json``, each value with its interval."""
    rows = [_value(score) for score in summary.scores]
    rows += [_value(score, "trials") for score in summary.trials]
    rows += [Value(speed.pipeline, speed.condition, "rtf", speed.rtf, None, counted="")
             for speed in summary.efficiency]
    known = {**record.metrics, "rtf": REAL_TIME}
    metrics = ordered(known, (row.metric for row in rows))
    facts = {name: known.get(name, UNKNOWN) for name in metrics}
    pipelines = ordered(record.pipelines, (row.pipeline for row in rows))
    conditions = ordered(record.conditions, (row.condition for row in rows))
    rows.sort(key=lambda row: (metrics.index(row.metric), pipelines.index(row.pipeline),
                               conditions.index(row.condition)))
    rows = [replace(row, interval=intervals.get((row.pipeline, row.condition, row.metric)))
            for row in rows]
    return Headline(pipelines, conditions, facts, rows)


def _value(score: Score, counted: str = "utterances") -> Value:
    return Value(score.pipeline, score.condition, score.metric, score.value, score.n,
                 score.n_failed, score.n_speakers, counted)


def ordered(known: Iterable[str], present: Iterable[str]) -> list[str]:
    """The names that are present, each once: those that are known first and in that order."""
    names = set(present)
    return [name for name in dict.fromkeys([*known, *sorted(names)]) if name in names]


def matrices(headline: Headline, metrics: Iterable[str] | None = None) -> list[Matrix]:
    """One matrix for each of the ``metrics``, or every main metric; all have the same columns."""
    return [_matrix(headline, metric)
            for metric in (headline.main_metrics if metrics is None else metrics)]


def _matrix(headline: Headline, metric: str) -> Matrix:
    fact, values = headline.facts[metric], headline.of(metric)
    pipelines = ordered(headline.pipelines, (pipeline for pipeline, _ in values))
    columns = {f"under {condition}": _column([values.get((p, condition)) for p in pipelines], fact)
               for condition in headline.conditions}
    title = fact.named(metric)
    of_trials = any(value.counted == "trials" for value in values.values())
    heads = [heard(name, of_trials=of_trials) for name in headline.conditions]
    table = Table("headline", f"{title}, {fact.unit}" if fact.unit else title,
                  [Column("pipeline", ""), *(Column(key, head, "number") for key, head
                                             in zip(columns, heads, strict=True))],
                  [Row(texts(pipeline=pipeline) | {key: cells[i] for key, cells in columns.items()})
                   for i, pipeline in enumerate(pipelines)])
    return Matrix(title, fact, table, _basis(list(values.values())))


def heard(condition: str, *, of_trials: bool = False) -> str:
    """A condition as the head of a column: of hypotheses and scores of trials that were made
    elsewhere it is not known what was heard."""
    if condition != GIVEN:
        return condition
    return "as scored elsewhere" if of_trials else "as transcribed elsewhere"


def _column(rows: Sequence[Value | None], fact: Fact) -> list[Cell]:
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


def cell(row: Value, fact: Fact) -> Cell:
    """``row`` in the unit and decimals of its metric, with its interval."""
    low, high = row.interval or (math.nan, math.nan)
    return replace(measured(row.value, fact, low, high, row.undefined), n_failed=row.n_failed)


def _basis(rows: Sequence[Value]) -> str:
    named = any(row.n_speakers for row in rows)
    parts = [(_span([row.n for row in rows]), rows[0].counted),
             (_span([row.n_speakers for row in rows]) if named else "", "speakers")]
    return " of ".join(f"{span} {what}" for span, what in parts if span)


def _span(numbers: Iterable[int | None]) -> str:
    known = [n for n in numbers if n is not None]
    if not known:
        return ""
    low, high = min(known), max(known)
    return f"{low:,}" if low == high else f"{low:,} to {high:,}"
