"""What exactly was measured: pipelines, conditions and metrics as tables."""

from __future__ import annotations

from collections.abc import Mapping

from evalkit.core.types import Fact
from evalkit.report.listing import Cell, Line, Listing, plain
from evalkit.store.documents.run import RunRecord, System

DIRECTIONS: Mapping[bool | None, str] = {
    None: "neither way is better", True: "higher is better", False: "lower is better"}


def pipelines(info: RunRecord) -> Listing:
    """The parts of each pipeline, with the identity of every one: its version and hashes."""
    lines = [Line([Cell(name), *map(_part, (parts.enhancer, parts.recognizer, parts.encoder))])
             for name, parts in info.pipelines.items()]
    return Listing("pipelines", "The parts of each pipeline",
                   ("Pipeline", "Enhancer", "Recognizer", "Speaker encoder"), lines)


def _part(part: System | None) -> Cell:
    if not part:
        return Cell("none")
    delay = f", delay {part.delay_ms:g} ms" if part.delay_ms else ""
    return Cell(f"{part.name}{delay}", part.identity)


def conditions(info: RunRecord) -> Listing:
    """What each condition does to a recording."""
    lines = [Line(plain(name, condition.identity))
             for name, condition in info.conditions.items()]
    return Listing("conditions", "What each condition does to a recording",
                   ("Condition", "Definition"), lines)


def definitions(facts: Mapping[str, Fact]) -> Listing:
    """What each metric means."""
    lines = [Line(plain(name, fact.unit or "–", DIRECTIONS[fact.higher_is_better],
                        fact.definition or "not given")) for name, fact in facts.items()]
    return Listing("definitions", "What each metric means",
                   ("Metric", "Unit", "Direction", "Definition"), lines)
