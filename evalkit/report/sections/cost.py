"""What does quality cost? Every enhancer that was run, by what it gains and what it takes."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any

from markupsafe import Markup

from evalkit.core import text
from evalkit.core.types import Fact
from evalkit.report import networks
from evalkit.report.cost_figures import FACTOR_IS, quality_against_cost
from evalkit.report.costs import UNTIMED, Costs, Priced, costs_of, total
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, texts
from evalkit.report.text import in_sentence, say
from evalkit.statistics.groups import NOTHING
from evalkit.store.documents.run import System

FACTOR = Fact("", False, "", decimals=4)


@dataclass(frozen=True)
class CostContent:
    """``figures`` are one a metric."""

    costs: Costs
    figures: list[tuple[str, Markup]]


def build(run: ReportedRun) -> Content | None:
    """Shown where a pipeline has an enhancer."""
    costs = costs_of(run)
    if costs is None:
        return None
    shown = CostContent(costs, quality_against_cost(costs, run.headline.pipelines))
    table = enhancers(costs)
    return Content(shown, [table, times(costs)], [table], [dearest(costs)],
                   {"enhancers": [_finding(each) for each in costs.enhancers]}, costs.left_out)


SECTION = Section("cost", "What does quality cost?", build, "cost.html.j2")


def enhancers(costs: Costs) -> Table:
    """A row an enhancer."""
    columns = [Column("pipeline", "Pipeline"), Column("enhancer", "Enhancer"),
               *([] if costs.over_nothing else [Column("against", "Changed from")]),
               *(Column(f"gain-{i}", _title(costs, metric, fact), "number")
                 for i, (metric, fact) in enumerate(costs.metrics.items())),
               Column("factor", FACTOR_IS, "number"),
               *networks.COLUMNS, Column("delay", "Delay, ms", "number")]
    return Table("cost", "Quality against cost", columns,
                 [Row(_priced(each, costs)) for each in costs.enhancers])


def _title(costs: Costs, metric: str, fact: Fact) -> str:
    name, unit = fact.named(metric), fact.unit if costs.over_nothing else fact.difference_unit
    title = name if costs.over_nothing else f"Change of {in_sentence(name)}"
    return f"{title}, {unit}" if unit else title


def _priced(each: Priced, costs: Costs) -> dict[str, Cell]:
    also = f"also in {', '.join(each.others)}" if each.others else ""
    gains = {f"gain-{i}": _gain(each, metric, fact, costs.over_nothing)
             for i, (metric, fact) in enumerate(costs.metrics.items())}
    return gains | ({} if costs.over_nothing else {"against": Cell(_against(each, costs))}) | {
        "pipeline": Cell(each.pipeline, also),
        "enhancer": Cell(each.system.name, _streamed(each.system)),
        "factor": measured(each.time.factor, FACTOR, undefined=UNTIMED),
        "delay": _delay(each.system),
        **networks.cells(each.cost)}


def _against(each: Priced, costs: Costs) -> str:
    """The pipeline without an enhancer that changes are counted from, each with its metrics where
    there are several: "a; b (PESQ, wideband)"."""
    names = list(dict.fromkeys(each.against.values()))
    if len(names) == 1:
        return names[0]
    titles = {name: [costs.metrics[metric].named(metric) for metric, over in each.against.items()
                     if over == name] for name in names}
    return "; ".join(f"{name} ({', '.join(titles[name])})" for name in names) or "nothing"


def _streamed(system: System) -> str:
    return "" if system.stream_ms is None else f"streamed, {text.pace(system.stream_ms)}"


def _delay(system: System) -> Cell:
    """What is stated; of one that was streamed, beside it how long a sample may wait before."""
    waits = "" if system.stream_ms is None else (
        f"and up to {system.stream_ms:g} until a piece is whole")
    return networks.known(system.delay_ms, "the run does not say", detail=waits)


def _gain(each: Priced, metric: str, fact: Fact, over_nothing: bool) -> Cell:
    """Signed where it is a change, with the number of utterances that lack it."""
    gain = each.gains.get(metric, NOTHING)
    cell = measured(gain.value, fact, gain.low, gain.high, "not measured here" if over_nothing else
                    "not measured here, or by no pipeline with the same recognizer and no enhancer")
    if over_nothing or not math.isfinite(gain.value):
        return replace(cell, n_failed=each.failed.get(metric, 0))
    return replace(cell, text=text.number(gain.value, fact, signed=True),
                   n_failed=each.failed[metric])


def times(costs: Costs) -> Table:
    """What was timed, a row a pipeline, condition and machine."""
    columns = [Column("pipeline", "Pipeline"), Column("condition", "Condition"),
               Column("machine", "Machine"), Column("utterances", "Utterances (n)", "number"),
               Column("seconds", "Audio, s", "number"),
               Column("processor", "Processor, s", "number"),
               Column("elapsed", "Elapsed, s", "number"),
               Column("factor", FACTOR_IS, "number"),
               Column("elapsed_factor", "The same by time elapsed", "number")]
    return Table("cost-times", "What enhancers took under each condition", columns,
                 [Row(cells) for each in costs.enhancers for cells in _times(each)])


def _times(each: Priced) -> Iterator[dict[str, Cell]]:
    for row in each.timed:
        time = total([row])
        yield texts(pipeline=row.pipeline, condition=row.condition, machine=row.machine) | {
            "utterances": counted(row.utterances),
            "seconds": measured(time.seconds, networks.ONE_DIGIT),
            "processor": measured(time.processor, FACTOR),
            "elapsed": measured(time.elapsed, FACTOR),
            "factor": measured(time.factor, FACTOR, undefined=UNTIMED),
            "elapsed_factor": measured(time.elapsed_factor, FACTOR, undefined=UNTIMED)}


def dearest(costs: Costs) -> Markup:
    """Which enhancer gains most by the first metric, and what it takes beside the cheapest."""
    metric, fact = next(iter(costs.metrics.items()), ("", FACTOR))
    known = [each for each in costs.enhancers
             if metric in each.gains and math.isfinite(each.time.factor)]
    if costs.over_nothing or not known:
        return Markup()
    best = min(known, key=lambda each: fact.worse * each.gains[metric].value)
    cheapest = min(known, key=lambda each: each.time.factor)
    lead = "Of the enhancers <b>{}</b>" if len(known) > 1 else "<b>{}</b>"
    changes = say(f"{lead} changes {{}} most for the better, by {{}}" if len(known) > 1 else
                  f"{lead} changes {{}} by {{}}", best.pipeline, in_sentence(fact.named(metric)),
                  _change(best, metric, fact))
    takes = say(", and takes {} s of processor a second of audio",
                text.number(best.time.factor, FACTOR))
    if cheapest is best:
        return changes + takes + (", the least of all." if len(known) > 1 else ".")
    return changes + takes + say("; <b>{}</b>, the cheapest, changes it by {} and takes {} s.",
                                 cheapest.pipeline, _change(cheapest, metric, fact),
                                 text.number(cheapest.time.factor, FACTOR))


def _change(each: Priced, metric: str, fact: Fact) -> str:
    shown = text.number(each.gains[metric].value, fact, signed=True)
    return f"{shown} {fact.difference_unit}".strip()


def _finding(each: Priced) -> dict[str, Any]:
    """In JSON's types."""
    def known(number: float) -> float | None:
        return number if math.isfinite(number) else None

    return {"pipeline": each.pipeline, "others": list(each.others),
            "enhancer": each.system.name, "identity": each.system.identity,
            "delay_ms": each.system.delay_ms, "stream_ms": each.system.stream_ms,
            "cost": asdict(each.cost),
            "real_time_factor": known(each.time.factor),
            "elapsed_real_time_factor": known(each.time.elapsed_factor),
            "against": dict(each.against), "failed": dict(each.failed),
            "timed": [row.model_dump(mode="json") for row in each.timed],
            "gains": {metric: {"value": known(gain.value), "low": known(gain.low),
                               "high": known(gain.high)} for metric, gain in each.gains.items()}}
