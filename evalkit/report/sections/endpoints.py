"""Who is cut off? Early cuts of end-pointers against their delay, by group."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalkit.core.config import PipelineConfig
from evalkit.core.text import number, span
from evalkit.core.types import PERCENT, Fact
from evalkit.report.endpoint_figures import MOST_CURVES, endpoint_curves
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, status, texts
from evalkit.report.text import say
from evalkit.statistics.endpoints import EARLY, EndpointReport, EndpointRow, endpoint_reports
from evalkit.statistics.latency import EVERYBODY, Quantile

SHARE = Fact(PERCENT, False, "")
MILLISECONDS = Fact("ms", False, "", decimals=0)
RESETS = Fact("", False, "", decimals=1)
BEYOND = "most have none before the recording ends"


@dataclass(frozen=True)
class Endpoints:
    """``figures`` are one a condition; ``notes`` say whose times of words these are, and of whom
    no speaker is known."""

    column: str | None
    figures: list[tuple[str, Markup]]
    notes: list[str]
    most_curves: int = MOST_CURVES


def build(run: ReportedRun) -> Content | None:
    """Shown where end-points were measured."""
    if not (run.scores["metric"] == EARLY).any():
        return None
    reports = endpoint_reports(run.folder, [[run.column] if run.column else []],
                               allowed=run.allowed)
    systems = {each.name: _endpointer(each) for each in run.record.config.pipelines}
    drawn = [(report.condition, endpoint_curves(report, systems, f"endpoints-{i}"))
             for i, report in enumerate(reports, 1)]
    shown = Endpoints(run.column, [(name, figure) for name, figure in drawn if figure],
                      list(dict.fromkeys(note for each in reports for note in each.warnings)))
    return Content(shown, [endpoints(reports)], sentences=[_worst(reports)],
                   findings={"endpoints": [each.to_dict() for each in reports]},
                   left_out=[item for each in reports for item in each.left_out])


SECTION = Section("endpoints", "Who is cut off?", build, "endpoints.html.j2")


def _endpointer(pipeline: PipelineConfig) -> str:
    """What gives a pipeline its end-points: an end-pointer, or else its recognizer."""
    system = pipeline.endpointer or pipeline.recognizer
    return system.name if system else pipeline.name


def endpoints(reports: Sequence[EndpointReport]) -> Table:
    """A row a condition, pipeline and group."""
    by = next((" x ".join(each.by) for each in reports if each.by), "") or "Group"
    columns = [
        Column("group", by), Column("pipeline", "Pipeline"), Column("condition", "Condition"),
        Column("early", "Cut off early, %", "number"),
        Column("p50", "Delay, P50, ms", "number"), Column("p90", "Delay, P90, ms", "number"),
        Column("none", "No end-point, %", "number"),
        Column("resets", "Resets in 100 utterances", "number"),
        Column("agree", "Speculative result agrees, %", "number"),
        Column("gained", "Gained by it, ms", "number"),
        Column("perceived", "Perceived latency, P50, ms", "number"),
        Column("n", "Utterances (n)", "number"), Column("speakers", "Speakers", "number"),
        Column("status", "Status")]
    return Table("endpoints", "End-points, with 95 % intervals", columns,
                 [Row(_cells(report, row)) for report in reports for row in report.rows])


def _cells(report: EndpointReport, row: EndpointRow) -> dict[str, Cell]:
    early, (p50, p90) = row.early_cut, _waits(row.delay)
    return texts(group=row.group, pipeline=row.pipeline, condition=report.condition) | {
        "early": measured(early.value, SHARE, early.low, early.high), "p50": p50, "p90": p90,
        "none": measured(row.no_endpoint, SHARE), "resets": measured(row.resets, RESETS),
        "agree": measured(row.agreement, SHARE), "gained": measured(row.gain, MILLISECONDS),
        "perceived": _waits(row.perceived)[0], "n": counted(row.n),
        "speakers": counted(row.n_speakers), "status": status(row.status)}


def _waits(found: Sequence[Quantile]) -> list[Cell]:
    """Of the median and the 90th percentile."""
    if not found:
        return [Cell("–", undefined="nothing was measured", value=math.nan)] * 2
    return [measured(each.value, MILLISECONDS, each.low, each.high, BEYOND) for each in found]


def _worst(reports: Sequence[EndpointReport]) -> Markup:
    """The group that is cut off most, where groups were compared, or else everybody."""
    rows = [(row, report) for report in reports for row in report.rows
            if row.status == "ok" and not math.isnan(row.early_cut.value)]
    named = [pair for pair in rows if pair[0].group != EVERYBODY] or rows
    if not named:
        return Markup()
    row, report = max(named, key=lambda pair: pair[0].early_cut.value)
    early = row.early_cut
    who = ("of all utterances" if row.group == EVERYBODY else
           say("of those of {} <b>{}</b>", " x ".join(report.by), row.group))
    return say("<b>{}</b> in {} cuts off {} % ({}) ", row.pipeline, report.condition,
               number(early.value, SHARE), span(early.low, early.high, SHARE)) + who + "."
