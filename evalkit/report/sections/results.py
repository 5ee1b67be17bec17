"""How good is it? The headline values, trade-offs of speaker verification, and what failed."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

from markupsafe import Markup

from evalkit.report import batching, summary
from evalkit.report.headline import Headline, Matrix, cell, matrices
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Column, Row, Table, counted, failed, texts
from evalkit.report.verification import tradeoffs
from evalkit.statistics.batching import by_systems
from evalkit.store.documents.run import Failure


@dataclass(frozen=True)
class Results:
    """``chief`` are the metrics that tell something of their own, ``like`` those that say much the
    same as one of them. ``tradeoffs`` are a figure for each condition that has trials, ``batching``
    says what batches changed."""

    chief: list[Matrix]
    like: list[Matrix]
    tradeoffs: list[tuple[str, Markup]]
    batching: Markup

    @property
    def like_title(self) -> str:
        """Which metrics are folded."""
        return "Much the same in other numbers: " + ", ".join(each.title for each in self.like)


def build(run: ReportedRun) -> Content:
    """Shown for every run."""
    chief, like = told_apart(run)
    batches = by_systems(run.record)
    shown = Results(matrices(run.headline, chief), matrices(run.headline, like),
                    tradeoffs(run.folder, run.headline), batching.sentence(batches))
    return Content(
        shown, [failures(run.summary.failures), values(run.headline),
                batching.changes(batches)],
        [matrix.table for matrix in shown.chief[:1]],
        [summary.best_pipelines(run.headline)])


def told_apart(run: ReportedRun) -> tuple[list[str], list[str]]:
    """The main metrics, the most important first, and apart from them those that say much the same
    as one of these: other error rates, what is derived from them, other numbers of the same
    trials."""
    headline = run.headline
    of_trials = [name for name in headline.main_metrics
                 if any(value.counted == "trials" for value in headline.of(name).values())]
    like = {*run.scored_metrics, *of_trials} - {*run.chief_metrics, *of_trials[:1]}
    like |= {name for name in headline.main_metrics if headline.facts[name].derived}
    first = [name for name in run.chief_metrics[:1] if name not in like]
    order = list(dict.fromkeys([*first, *headline.main_metrics]))
    return [name for name in order if name not in like], [n for n in order if n in like]


SECTION = Section("results", "How good is it?", build, "results.html.j2")


def values(headline: Headline) -> Table:
    """Every metric of every pipeline and condition."""
    columns = [Column("metric", "Metric"), Column("pipeline", "Pipeline"),
               Column("condition", "Condition"), Column("value", "Value", "number"),
               Column("unit", "Unit"), Column("n", "Measured (n)", "number"),
               Column("counted", "of"), Column("n_failed", "Failed", "number"),
               Column("n_speakers", "Speakers", "number")]
    rows = []
    for row in headline.rows:
        fact = headline.facts[row.metric]
        cells = texts(metric=row.metric, pipeline=row.pipeline, condition=row.condition,
                      unit=fact.unit, counted=row.counted)
        rows.append(Row(cells | {
            "value": replace(cell(row, fact), n_failed=0), "n": counted(row.n),
            "n_failed": failed(row.n_failed), "n_speakers": counted(row.n_speakers)}))
    return Table("values", "Every metric of every pipeline and condition", columns, rows)


def failures(rows: Iterable[Failure]) -> Table:
    """``summary.json``'s counts of what failed, the most frequent first."""
    columns = [Column("pipeline", "Pipeline"), Column("condition", "Condition"),
               Column("metrics", "Metrics"), Column("why", "What happened"),
               Column("n", "Failed", "number"), Column("of", "of", "number")]
    return Table("failures", "What failed, by kind", columns, [
        Row(texts(pipeline=row.pipeline, condition=row.condition,
                  metrics=", ".join(row.metrics), why=row.why)
            | {"n": counted(row.n), "of": counted(row.of)})
        for row in sorted(rows, key=lambda row: -row.n)])
