"""What exactly was measured? Pipelines, conditions and metrics as tables, and the machine."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.core import text
from evalkit.core.types import Fact
from evalkit.report import networks
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.table import Cell, Column, Row, Table, texts
from evalkit.store.documents.run import RunRecord, System
from evalkit.store.scores import GIVEN

DIRECTIONS: Mapping[bool | None, str] = {
    None: "neither way is better", True: "higher is better", False: "lower is better"}


def build(run: ReportedRun) -> Content:
    """Shown for every run."""
    return Content(tables=[pipelines(run.record), *encoders(run.record), conditions(run.record),
                           definitions(run.headline.facts)])


SECTION = Section("definitions", "What exactly was measured?", build, "definitions.html.j2")


def pipelines(record: RunRecord) -> Table:
    """The parts of each pipeline, with the identity of every one: its version and hashes."""
    columns = [Column("name", "Pipeline"), Column("enhancer", "Enhancer"),
               Column("recognizer", "Recognizer")]
    encode = any(parts.encoder for parts in record.pipelines.values())
    columns += [Column("encoder", "Speaker encoder")] if encode else []
    ends = any(parts.endpointer for parts in record.pipelines.values())
    columns += [Column("endpointer", "End-pointer")] if ends else []
    return Table("pipelines", "The parts of each pipeline", columns, [
        Row({"name": Cell(name), "enhancer": _system(parts.enhancer),
             "recognizer": _system(parts.recognizer),
             **({"encoder": _system(parts.encoder)} if encode else {}),
             **({"endpointer": _system(parts.endpointer)} if ends else {})})
        for name, parts in record.pipelines.items()])


def _system(system: System | None) -> Cell:
    if not system:
        return Cell("none")
    delay = f", delay {system.delay_ms:g} ms" if system.delay_ms else ""
    stream = f", given {text.pace(system.stream_ms)}" if system.stream_ms else ""
    return Cell(f"{system.name}{delay}{stream}", system.identity)


def encoders(record: RunRecord) -> list[Table]:
    """What the speaker encoders that were given audio take, which is no part of what they say."""
    rows = [Row(texts(name=name, encoder=parts.encoder.name) | networks.cells(parts.encoder.cost))
            for name, parts in record.pipelines.items()
            if parts.encoder is not None and parts.encoder.cost is not None]
    columns = [Column("name", "Pipeline"), Column("encoder", "Speaker encoder"), *networks.COLUMNS]
    return [Table("encoders", "What speaker encoders take", columns, rows)] if rows else []


def conditions(record: RunRecord) -> Table:
    """What each condition does to a recording; no rows where none is known."""
    return Table("conditions", "What each condition does to a recording",
                 [Column("name", "Condition"), Column("identity", "Definition")],
                 [Row(texts(name=name, identity=condition.identity))
                  for name, condition in record.conditions.items() if name != GIVEN])


def definitions(facts: Mapping[str, Fact]) -> Table:
    """What each metric means."""
    columns = [Column("name", "Metric"), Column("unit", "Unit"),
               Column("direction", "Direction"), Column("definition", "Definition")]
    return Table("definitions", "What each metric means", columns, [
        Row(texts(name=name, unit=fact.unit or "–", direction=DIRECTIONS[fact.higher_is_better],
                  definition=fact.definition or "not given")) for name, fact in facts.items()])
