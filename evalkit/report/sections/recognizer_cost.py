"""What do the recognizers cost? Errors against time and memory."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from markupsafe import Markup

from evalkit.core.types import Cost, Fact
from evalkit.report import networks
from evalkit.report.cost_figures import MOST_FIGURES, Mark, against_cost
from evalkit.report.costs import Time, total
from evalkit.report.headline import Value
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, texts
from evalkit.report.text import in_sentence
from evalkit.store.documents.run import Recognising, System

FACTOR = Fact("", False, "", decimals=4)
FACTOR_IS = "Real-time factor of the recognizer"
MEGABYTES = Fact("", None, "", decimals=0)
UNTIMED = "no call of its recognizer was timed"


@dataclass(frozen=True)
class Heard:
    """What a recognizer took in one pipeline, under one condition and on one machine, and the
    ``error`` of the run's first error rate, None where there is none."""

    row: Recognising
    system: System
    error: Value | None

    @property
    def cost(self) -> Cost:
        """What its network takes."""
        return self.system.cost or networks.UNSAID

    @property
    def time(self) -> Time:
        """As a factor of the audio's length."""
        return total([self.row])


@dataclass(frozen=True)
class RecognizerCosts:
    """``figures`` are one a condition."""

    figures: list[tuple[str, Markup]]
    machines: list[str]


def build(run: ReportedRun) -> Content | None:
    """Shown where a recognizer was timed, unless several pipelines have one and the same: what
    differs then is chance."""
    metric = next((name for name in run.headline.judged if run.headline.facts[name].is_count), "")
    heard = list(_heard(run, metric))
    if not heard or _is_shared(heard):
        return None
    fact = run.headline.facts.get(metric, Fact("", False, ""))
    shown = RecognizerCosts(list(_figures(run, heard, fact, metric)),
                            list(dict.fromkeys(each.row.machine for each in heard)))
    return Content(shown, [recognizers(heard, fact.named(metric), fact)],
                   findings={"recognizers": [_finding(each) for each in heard]})


SECTION = Section("recognizer-cost", "What do the recognizers cost?", build,
                  "recognizer_cost.html.j2")


def _heard(run: ReportedRun, metric: str) -> Iterator[Heard]:
    errors = run.headline.of(metric)
    for row in run.summary.recognising:
        parts = run.record.pipelines.get(row.pipeline)
        if parts is not None and parts.recognizer is not None:
            yield Heard(row, parts.recognizer, errors.get((row.pipeline, row.condition)))


def _is_shared(heard: Sequence[Heard]) -> bool:
    """Whether several pipelines have one and the same recognizer."""
    several = len({each.row.pipeline for each in heard}) > 1
    return several and all(each.system == heard[0].system for each in heard)


def _figures(run: ReportedRun, heard: Sequence[Heard], fact: Fact, metric: str
             ) -> Iterator[tuple[str, Markup]]:
    """Of the first conditions, where several recognizers have a time and an error rate."""
    for i, condition in enumerate(run.headline.conditions[:MOST_FIGURES], 1):
        marks = [_mark(each) for each in heard if each.row.condition == condition]
        if marks := [mark for mark in marks if mark is not None]:
            caption = f"{fact.named(metric)}, {condition}"
            yield caption, against_cost(
                marks, fact, run.headline.pipelines, f"recognizer-cost-{i}",
                f"{fact.named(metric)} against {in_sentence(FACTOR_IS)}, {condition}")


def _mark(each: Heard) -> Mark | None:
    if each.error is None or each.error.undefined or math.isnan(each.time.factor):
        return None
    low, high = each.error.interval or (math.nan, math.nan)
    return Mark(each.row.pipeline, each.time.factor, each.error.value, low, high)


def recognizers(heard: Sequence[Heard], title: str, fact: Fact) -> Table:
    """A row a pipeline, condition and machine."""
    columns = [Column("pipeline", "Pipeline"), Column("recognizer", "Recognizer"),
               Column("condition", "Condition"),
               Column("error", f"{title}, {fact.unit}" if title else "Error rate", "number"),
               Column("factor", FACTOR_IS, "number"),
               Column("elapsed", "The same by time elapsed", "number"),
               Column("peak", "Peak memory of the worker, MB", "number"),
               *networks.COLUMNS, Column("batch", "Heard at a time", "number"),
               Column("utterances", "Utterances (n)", "number"),
               Column("machine", "Machine")]
    return Table("recognizers", "Errors against cost", columns,
                 [Row(_row(each, fact)) for each in heard])


def _row(each: Heard, fact: Fact) -> dict[str, Cell]:
    low, high = (each.error and each.error.interval) or (math.nan, math.nan)
    value = math.nan if each.error is None else each.error.value
    return texts(pipeline=each.row.pipeline, recognizer=each.system.name,
                 condition=each.row.condition, machine=each.row.machine) | {
        "error": measured(value, fact, low, high, "no error rate was measured"),
        "factor": measured(each.time.factor, FACTOR, undefined=UNTIMED),
        "elapsed": measured(each.time.elapsed_factor, FACTOR, undefined=UNTIMED),
        "peak": measured(each.row.peak_bytes / 1e6, MEGABYTES),
        "batch": counted(each.system.batch), "utterances": counted(each.row.utterances),
        **networks.cells(each.cost)}


def _finding(each: Heard) -> dict[str, Any]:
    """In JSON's types."""
    factor = each.time.factor
    return each.row.model_dump(mode="json") | {
        "recognizer": each.system.name, "identity": each.system.identity,
        "cost": asdict(each.cost),
        "real_time_factor": factor if math.isfinite(factor) else None}
