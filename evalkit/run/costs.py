"""What the networks of recognizers and encoders take: asked once, by a process that has loaded
them, and kept beside what they made."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from evalkit.core.config import PipelineConfig
from evalkit.core.errors import UtteranceError, one_line
from evalkit.core.folders import without_folders
from evalkit.core.protocols import Costed
from evalkit.core.types import Cost
from evalkit.run.guard import guarded
from evalkit.run.keys import short
from evalkit.run.pipeline import members, plugins_of
from evalkit.run.plan import Plan
from evalkit.run.streamed_recognizer import StreamedRecognizer
from evalkit.store.documents.run import Pipeline, System
from evalkit.store.outputs import OutputStore

STAGES = {"recognised": "recognizer", "embedded": "encoder"}
"""Those whose systems are asked while the run lasts, by what they are in a pipeline: their models
are loaded by workers alone, where enhancers are asked before."""
UNSAID = Cost(unknown="its plug-in does not say")
UNFINISHED = Cost(unknown="the run was stopped while it was counted")


def keep(systems: Mapping[str, Any], config: PipelineConfig, store: OutputStore) -> None:
    """Asks each of the ``systems`` of a pipeline, by stage, what it takes, unless anybody has: that
    it is asked is kept before, so that nobody asks again what ends its process."""
    for stage in STAGES.keys() & systems.keys():
        part = systems[stage]
        key = _key(stage, plugins_of(config)[stage].name, without_folders(part.identity))
        if part.needs_audio and store.read("costs", key) is None:
            store.write("costs", key, [asdict(UNFINISHED)])
            store.write("costs", key, [asdict(_said(part))])


def told(plan: Plan, run: Path) -> dict[str, Pipeline]:
    """The pipelines of a plan with what is kept of their systems."""
    store = OutputStore(run)
    return {name: parts.model_copy(update={
        STAGES[stage]: system.model_copy(update={"cost": _kept(stage, system, store)})
        for stage, system in _systems(parts)}) for name, parts in plan.pipelines.items()}


def keys(plan: Plan) -> set[tuple[str, str]]:
    """What ``told`` reads, as a store names it."""
    return {("costs", _key(stage, system.name, system.identity))
            for parts in plan.pipelines.values() for stage, system in _systems(parts)}


def _systems(parts: Pipeline) -> Iterator[tuple[str, System]]:
    """Those that hear, with their stage."""
    systems = {"recognised": parts.recognizer, "embedded": parts.encoder}
    for stage, system in systems.items():
        if system is not None and system.batch is not None:
            yield stage, system


def _key(stage: str, name: str, identity: str) -> str:
    return short(["costs", stage, name, identity])


def _kept(stage: str, system: System, store: OutputStore) -> Cost | None:
    """What was known before, where nothing is kept that could be a cost."""
    rows = store.read("costs", _key(stage, system.name, system.identity))
    try:
        return Cost(**rows[0]) if rows else system.cost
    except ValueError:
        return system.cost


def _said(part: Any) -> Cost:
    """However a plug-in answers, that costs no utterance."""
    part = part.recognizer if isinstance(part, StreamedRecognizer) else part
    if not members(Costed) <= set(dir(part)):
        return UNSAID
    try:
        return guarded(lambda: _taken(part.cost))
    except UtteranceError as error:
        return Cost(unknown=f"it could not be counted: {error}")


def _taken(cost: Any) -> Cost:
    """Raises ValueError for what is no cost."""
    if not isinstance(cost, Cost):
        raise ValueError(f"cost must be a Cost, not {one_line(repr(cost), 60)}")
    macs = cost.macs_per_second
    return Cost(cost.weights, cost.bytes, None if macs is None else float(macs),
                one_line(cost.unknown))
