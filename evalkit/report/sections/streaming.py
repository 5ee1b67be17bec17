"""When do words come? Latency by group, stability, and utterances as they were shown."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import pandas as pd
from markupsafe import Markup

from evalkit.core.text import number, span
from evalkit.core.types import Fact
from evalkit.report.figures import values_by_group
from evalkit.report.groups import Groups, compare_groups
from evalkit.report.headline import Value, cell
from evalkit.report.latency_figures import MOST_CURVES, latency_curves
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, status, texts
from evalkit.report.text import say
from evalkit.report.timelines import MOST_LANES, Timeline, timelines
from evalkit.statistics.groups import labelled
from evalkit.statistics.latency import (
    LatencyReport,
    LatencyRow,
    Quantile,
    latency_table,
    words_sources,
)
from evalkit.store.events import EMISSIONS_TABLE, EVENTS_TABLE

MILLISECONDS = Fact("ms", False, "", decimals=0)
SECONDS = Fact("s", False, "", decimals=2)
MOST_FIGURES = 4
"""Pipelines and conditions that have a figure; the table has all."""


@dataclass(frozen=True)
class Streaming:
    """``figures`` are of latencies, one a pipeline and condition, ``stability`` of revoked words by
    group, one a condition; ``words_source`` is who gave the times of the words."""

    column: str | None
    figures: list[tuple[str, Markup]]
    stability: list[tuple[str, Markup]]
    timelines: list[Timeline]
    words_source: list[str]
    most_lanes: int = MOST_LANES
    most_curves: int = MOST_CURVES
    most_figures: int = MOST_FIGURES


@dataclass(frozen=True)
class Streamed:
    """What a run says of recognizers that were streamed, each thing worked out once."""

    run: ReportedRun

    @cached_property
    def events(self) -> pd.DataFrame:
        """The table of events, but for those of end-pointers alone, which show no words."""
        events = self.run.folder.streamed(EVENTS_TABLE)
        shown = [each.name for each in self.run.record.config.pipelines
                 if each.endpointer is None or (each.recognizer and each.stream)]
        return events[events["pipeline"].isin(shown)]

    @cached_property
    def words(self) -> list[pd.DataFrame]:
        """The correct words with their times, a table for each pipeline and condition."""
        words = self.run.folder.streamed(EMISSIONS_TABLE)
        return [part for _, part in words.groupby(["pipeline", "condition"])]

    @cached_property
    def latencies(self) -> list[LatencyReport]:
        """One for each of ``words``."""
        by = [self.run.column] if self.run.column else []
        return [latency_table(part, self.run.utterances, by) for part in self.words]

    @cached_property
    def metrics(self) -> list[str]:
        """What is measured of what was shown on the way, in the order of the run."""
        headline = self.run.headline
        return [name for name in headline.main_metrics if headline.facts[name].streamed]

    @cached_property
    def revoked(self) -> list[Value]:
        """Words taken back for each word of the results, the one count that has no unit."""
        headline = self.run.headline
        return [value for name in self.metrics if not headline.facts[name].unit
                for value in headline.of(name).values() if value.value > 0]

    @cached_property
    def stability(self) -> Groups | None:
        """``revoked`` by group; None where none was, or there is nothing to group by."""
        run = self.run
        if run.column is None or not self.revoked:
            return None
        return compare_groups(run.utterances, run.scores, run.headline, run.column,
                              self.revoked[0].metric)


def build(run: ReportedRun) -> Content | None:
    """Shown where a recognizer was streamed."""
    streamed = Streamed(run)
    if streamed.events.empty:
        return None
    stability = streamed.stability
    shown = Streaming(run.column, list(_curves(streamed)),
                      values_by_group(stability, run.headline.conditions, "stability")
                      if stability else [], timelines(run), words_sources(run.utterances))
    return Content(shown, [latencies(streamed.latencies), streaming(streamed)],
                   sentences=list(_sentences(streamed)),
                   findings={"latencies": [each.to_dict() for each in streamed.latencies]},
                   left_out=[item for each in streamed.latencies for item in each.left_out])


SECTION = Section("streaming", "When do words come?", build, "streaming.html.j2")


def _curves(streamed: Streamed) -> Iterator[tuple[str, Markup]]:
    for i, words in enumerate(streamed.words[:MOST_FIGURES], 1):
        first = words.iloc[0]
        caption = f"{first['pipeline']}, {first['condition']}"
        yield caption, latency_curves(_by_group(streamed.run, words), _late(words),
                                      f"latency-{i}", f"Emission latency, {caption}")


def _late(words: pd.DataFrame) -> np.ndarray:
    """Latencies in ms."""
    return np.asarray((1000 * (words["shown"] - words["end"])).round(3), float)


def _by_group(run: ReportedRun, words: pd.DataFrame) -> dict[str, np.ndarray]:
    if run.column is None:
        return {}
    table = labelled(words, run.utterances, [run.column])
    return {str(group): _late(part) for group, part in table.groupby("group")}


def latencies(reports: Sequence[LatencyReport]) -> Table:
    """Quantiles of all words and of each group's, those whose words come latest first."""
    by = next((" x ".join(each.by) for each in reports if each.by), "") or "Group"
    columns = [Column("group", by), Column("pipeline", "Pipeline"),
               Column("condition", "Condition"),
               Column("p50", "P50, ms", "number"), Column("p90", "P90, ms", "number"),
               Column("words", "Correct words (n)", "number"),
               Column("speakers", "Speakers", "number"), Column("status", "Status")]
    return Table("latencies", "Emission latency, with 95 % intervals", columns,
                 [Row(_latency(report, row)) for report in reports
                  for row in (report.everybody, *report.rows)])


def _latency(report: LatencyReport, row: LatencyRow) -> dict[str, Cell]:
    p50, p90 = (measured(each.value, MILLISECONDS, each.low, each.high) for each in row.quantiles)
    return texts(group=row.group, pipeline=report.pipeline, condition=report.condition) | {
        "p50": p50, "p90": p90, "words": counted(row.n_words), "speakers": counted(row.n_speakers),
        "status": status(row.status)}


def streaming(streamed: Streamed) -> Table:
    """What is measured of each pipeline and condition beside quantiles."""
    headline, metrics = streamed.run.headline, streamed.metrics
    columns = [Column("pipeline", "Pipeline"), Column("condition", "Condition"),
               *(Column(name, _heading(headline.facts[name], name), "number") for name in metrics),
               Column("behind", "Behind by the clock, s: P90 of utterances", "number"),
               Column("utterances", "Utterances (n)", "number")]
    values = {name: headline.of(name) for name in metrics}
    rows = []
    for key, events in streamed.events.groupby(["pipeline", "condition"]):
        pipeline, condition = map(str, key)
        found = {name: of.get((pipeline, condition)) for name, of in values.items()}
        rows.append(Row(texts(pipeline=pipeline, condition=condition) | {
            name: Cell("–", undefined="not measured here") if value is None else
            cell(value, headline.facts[name]) for name, value in found.items()} | {
            "behind": measured(_behind(events), SECONDS, undefined="nobody measured the time"),
            "utterances": counted(events["utterance_id"].nunique())}))
    return Table("streaming", "Streaming in numbers", columns, rows)


def _heading(fact: Fact, name: str) -> str:
    return f"{fact.named(name)}, {fact.unit}" if fact.unit else fact.named(name)


def _behind(events: pd.DataFrame) -> float:
    """The backlog in seconds: how far the clock was ahead of the audio that had been given, at
    most, in nine of ten utterances."""
    most = (events["clock"] - events["audio"]).groupby(events["utterance_id"]).max().dropna()
    return float(np.quantile(most, 0.9, method="inverted_cdf")) if len(most) else math.nan


def _sentences(streamed: Streamed) -> Iterator[Markup]:
    """Of the pipeline and condition whose words come latest."""
    reports = [each for each in streamed.latencies if each.everybody.quantiles]
    if reports:
        worst = max(reports, key=lambda each: each.everybody.quantiles[-1].value)
        yield _lateness(worst)
    if streamed.revoked:
        most = max(streamed.revoked, key=lambda value: value.value)
        yield say("For every word of its results, <b>{}</b> in {} takes back {}.",
                  most.pipeline, most.condition,
                  number(most.value, streamed.run.headline.facts[most.metric]))


def _lateness(report: LatencyReport) -> Markup:
    half, most = (number(each.value, MILLISECONDS) for each in report.everybody.quantiles)
    sentence = say("Half of the correct words of <b>{}</b> in {} are shown within {} ms of "
                   "their end, nine of ten within {} ms", report.pipeline, report.condition, half,
                   most)
    ok = [row for row in report.rows if row.status == "ok"]
    if len(ok) < 2:
        return sentence + "."
    (last, *_, first), by = [row.quantiles[-1] for row in ok], " x ".join(report.by)
    clear = "" if last.low > first.high else "; their intervals overlap"
    return sentence + say(
        f"; latest by {{}} come those of <b>{{}}</b>, within {{}} ms ({{}}), earliest those of "
        f"<b>{{}}</b>, within {{}} ({{}}){clear}.", by, ok[0].group, *_within(last), ok[-1].group,
        *_within(first))


def _within(found: Quantile) -> tuple[str, str]:
    """Value and interval."""
    return (number(found.value, MILLISECONDS), span(found.low, found.high, MILLISECONDS))
