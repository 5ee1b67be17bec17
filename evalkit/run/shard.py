"""One shard: what was made of it before is read, what is missing is made, then measured."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from threadpoolctl import threadpool_limits

from evalkit.core.config import PipelineConfig, Plugin
from evalkit.core.endings import making
from evalkit.core.errors import EvalkitError, RunError, UtteranceError
from evalkit.core.protocols import Metric
from evalkit.core.types import Audio, Endpoint, Hypothesis, Utterance
from evalkit.run import costs, ended, stages
from evalkit.run.batches import by_length, slices
from evalkit.run.endpointed import endpoints_in
from evalkit.run.exchange import handed
from evalkit.run.hypotheses import hypothesis_in
from evalkit.run.made import Made
from evalkit.run.measure import failed_scores, measure
from evalkit.run.measured import Asked
from evalkit.run.pipeline import GROUPS, Pace, build_part, build_system, pace_of, plugins_of
from evalkit.run.plan import Cell, Shard
from evalkit.run.process_state import (
    restored_after_call,
    restored_after_shard,
    settings_known,
)
from evalkit.run.stages import UtteranceWork, as_error, failure
from evalkit.run.watch import Watch
from evalkit.store.outputs import OutputStore, Row


@dataclass(frozen=True)
class Todo:
    """What is still to be made of a shard: outputs of ``stages`` and scores of ``metrics``, by
    key. For them recordings are heard (``hears``) or kept audio is (``replays``)."""

    stages: frozenset[str]
    metrics: Mapping[str, Metric]
    hears: bool
    replays: bool


@restored_after_shard()
def make(shard: Shard, run: Path) -> Made:
    """Makes whatever of the shard's utterances is not in the store of ``run``. An utterance that
    fails costs its own rows only; an EvalkitError that is not about one utterance is raised."""
    store = OutputStore(run)
    made = _made_before(shard, store)
    todo = _still_to_do(shard, made, store)
    made.new = {*todo.stages, *todo.metrics}
    if not made.new:
        return made
    systems = {stage: _system(shard.cell.pipeline, stage) for stage in todo.stages - {"heard"}}
    batches = [_batch(shard.cell, stage, systems[stage]) for stage in systems]
    groups = list(by_length(shard.utterances, batches))
    watch = Watch([utterance for group in groups for utterance in group])
    before = dict(made.outputs)
    # How sums are split among threads changes their rounding.
    with threadpool_limits(1), settings_known():
        costs.keep(systems, shard.cell.pipeline, store)
        for utterances in groups:
            group = [UtteranceWork(u, {stage: rows[u.id] for stage, rows in before.items()})
                     for u in utterances]
            _work_through(group, shard, todo, systems, store, watch=watch)
            for work in group:
                with watch.on([work.utterance]):
                    _take(work, todo, made)
            watch.done(utterances, made)
    return made


def begun(shard: Shard, run: Path) -> tuple[Made, list[tuple[Utterance, ...]]]:
    """What is known of a shard before anything is made, and the parts that it is worked on in, the
    last first. Utterances that ended their process before are tried apart from the others, or,
    where no system may run, have failed."""
    errors, known = ended.errors(shard, OutputStore(run)), Made()
    apart = tuple(u for u in shard.utterances if u.id in errors)
    rest = tuple(u for u in shard.utterances if u.id not in errors)
    if not shard.cell.outputs_only:
        return known, [part for part in (apart, rest) if part]
    for utterance in apart:
        known.extend(failed(replace(shard, utterances=(utterance,)),
                            as_error(errors[utterance.id])))
    return known, [rest]


def failed(shard: Shard, error: UtteranceError) -> Made:
    """Says of the shard's utterances, which ended the process that worked on them, that they
    failed."""
    row = {"error": str(error)}
    outputs = {stage: {u.id: row | {"utterance_id": u.id} for u in shard.utterances}
               for stage in shard.keys.stages}
    scores = {key: {u.id: failed_scores(metric_of(asked), u, str(error)) for u in shard.utterances}
              for key, asked in zip(shard.keys.measured, shard.cell.metrics, strict=True)}
    return Made(outputs, scores, ended={u.id: str(error) for u in shard.utterances})


def keep(shard: Shard, made: Made, store: OutputStore) -> None:
    """Puts what is new into the store. Where an utterance ended its process nobody knows which
    stage it was: then what was made is kept apart, so that another system gets its chance."""
    if made.ended:
        return ended.keep(shard, made, store)
    for stage, key in shard.keys.stages.items():
        if stage in made.new:
            rows = made.outputs[stage]
            store.write(stage, key, [rows[u.id] for u in shard.utterances])
            store.list_audio(key)
    for key in set(shard.keys.measured) & made.new:
        store.write("measured", key, [row for u in shard.utterances
                                      for row in made.scores[key][u.id]])


def _made_before(shard: Shard, store: OutputStore) -> Made:
    made = Made(_outputs_made_before(shard, store))
    for key in shard.keys.measured:
        rows_of_all = store.read("measured", key)
        if rows_of_all is not None:
            scores: dict[str, list[Row]] = {utterance.id: [] for utterance in shard.utterances}
            for row in rows_of_all:
                if row["utterance_id"] in scores:
                    scores[row["utterance_id"]].append(row)
            made.scores[key] = scores
    return made


def _outputs_made_before(shard: Shard, store: OutputStore) -> dict[str, dict[str, Row]]:
    """Of the stages of which the rows of all of the shard's utterances are there."""
    made = {}
    for stage, key in shard.keys.stages.items():
        kept = store.read(stage, key) or ended.rows(shard, stage, store) or ()
        rows = {row["utterance_id"]: row for row in kept}
        if all(u.id in rows for u in shard.utterances):
            made[stage] = {u.id: rows[u.id] for u in shard.utterances}
    return made


def _still_to_do(shard: Shard, made: Made, store: OutputStore) -> Todo:
    keys, cell = shard.keys, shard.cell
    metrics = {key: metric_of(asked) for key, asked in zip(keys.measured, cell.metrics, strict=True)
               if key not in made.scores}
    needs = frozenset[str]().union(*(metric.needs for metric in metrics.values()))
    missing = keys.stages.keys() - made.outputs.keys()
    replays = "audio" in needs or bool(missing & cell.hearing - {"enhanced"})
    if not _has_audio(shard, made, store, samples=replays):
        missing |= keys.stages.keys() & {"heard", "enhanced"}
    hears = "heard" in keys.stages and bool(
        missing & {"heard", "enhanced"} or "reference_audio" in needs
        or (replays and "enhanced" not in keys.stages))
    if cell.outputs_only and missing:
        raise RunError(f"{store.run}: what {cell.pipeline.name} made is not kept as this needs it; "
                       "`evalkit run` makes it again")
    return Todo(frozenset(missing), metrics, hears, replays)


def _has_audio(shard: Shard, made: Made, store: OutputStore, *, samples: bool) -> bool:
    """Whether the audio that belongs to known outputs is kept: to listen to, where the run keeps
    it and may make it, and the enhancer's exact ``samples``, where they are needed."""
    listened = shard.cell.keep_audio and not shard.cell.outputs_only
    listen = (".flac",) if listened else ()
    exact = (".npy",) if samples or listened else ()
    changed = [name for name, row in made.outputs.get("heard", {}).items() if row["changed"]]
    enhanced = [name for name, row in made.outputs.get("enhanced", {}).items()
                if row["error"] is None]
    return (store.has_audio(shard.keys.stages.get("heard", ""), changed, *listen)
            and store.has_audio(shard.keys.stages.get("enhanced", ""), enhanced, *listen, *exact,
                                exactly=samples))


def _work_through(group: Sequence[UtteranceWork], shard: Shard, todo: Todo,
                  systems: Mapping[str, Any], store: OutputStore, *, watch: Watch) -> None:
    """All stages for a few utterances."""
    for work in group:
        with watch.on([work.utterance]):
            _begin(work, shard, todo, systems, store)
    for stage, step in STEPS.items():
        if stage in systems:
            for batch in slices(group, _batch(shard.cell, stage, systems[stage])):
                with watch.on([work.utterance for work in batch]):
                    step(batch, systems[stage])
    if shard.cell.keep_audio:
        for work in group:
            with watch.on([work.utterance]):
                stages.keep_audio(work, shard.keys.stages, todo.stages, store)


def _batch(cell: Cell, stage: str, system: Any) -> int:
    """How many utterances the system of a stage is given at a time at most."""
    return system.batch if stage in cell.hearing and not cell.alone else 1


STEPS: Mapping[str, Callable[[Sequence[UtteranceWork], Any], None]] = {
    "enhanced": stages.enhance, "recognised": stages.recognise, "embedded": stages.embed,
    "endpointed": stages.endpoint}
"""Of a batch, by stage, in their order."""


def _begin(work: UtteranceWork, shard: Shard, todo: Todo, systems: Mapping[str, Any],
           store: OutputStore) -> None:
    """Hears the utterance, where it needs to be, and takes from the store what is there."""
    if todo.hears:
        stages.hear(work, shard.cell)
    else:
        work.input = failure(work.rows.get("heard"))
    if "enhanced" not in systems:
        work.audio = _audio_made_before(work, shard, todo, store)
    if "recognised" not in systems:
        work.hypothesis = _hypothesis_made_before(work)
    if "endpointed" not in systems:
        work.endpoints = _endpoints_made_before(work)


def _audio_made_before(work: UtteranceWork, shard: Shard, todo: Todo, store: OutputStore
                       ) -> Audio | UtteranceError | None:
    """What the enhancer made, as it was when it was measured; the input where there is none."""
    row = work.rows.get("enhanced")
    if row is None:
        return work.input
    if row["error"] is not None or not todo.replays:
        return failure(row)
    return Audio(store.samples(shard.keys.stages["enhanced"], work.utterance.id),
                 work.rows["heard"]["source_rate"])


def _hypothesis_made_before(work: UtteranceWork) -> Hypothesis | UtteranceError | None:
    row = work.rows.get("recognised")
    return None if row is None else failure(row) or hypothesis_in(row)


def _endpoints_made_before(work: UtteranceWork) -> tuple[Endpoint, ...] | UtteranceError | None:
    row = work.rows.get("endpointed")
    return None if row is None else failure(row) or endpoints_in(row["endpoints"])


def _take(work: UtteranceWork, todo: Todo, made: Made) -> None:
    """Measures an utterance, and puts its new rows to those that are known."""
    for stage in todo.stages:
        made.outputs.setdefault(stage, {})[work.utterance.id] = work.rows[stage]
    for key, metric in todo.metrics.items():
        made.scores.setdefault(key, {})[work.utterance.id] = measure(metric, work)


def _system(config: PipelineConfig, stage: str) -> Any:
    """The system of a stage, created and warmed up once a process, and again where its files have
    changed since."""
    plugin, pace = plugins_of(config)[stage], pace_of(config, stage)
    return _warm_system(stage, plugin.model_dump_json(), pace,
                        build_system(stage, plugin, pace).identity)


@lru_cache(maxsize=16)
def _warm_system(stage: str, plugin: str, pace: Pace | None, _identity: str) -> Any:
    known = Plugin.model_validate_json(plugin)
    part, who = build_system(stage, known, pace), f"{GROUPS[stage]} plug-in {known.name!r}"
    verbs: Mapping[str, Callable[[], Any]] = {
        "enhanced": lambda: part.enhance, "recognised": lambda: part.transcribe,
        "embedded": lambda: part.embed, "endpointed": lambda: part.find}
    if stage == "enhanced" or part.needs_audio:
        with making(who), restored_after_call():
            _warm_up(verbs[stage](), part.rate)
    return part


def _warm_up(function: Callable[[list[Audio]], Iterable[Any]], rate: int | None) -> None:
    """A second of faint noise, so that loading a model is not timed. A system need not take noise
    for speech; a mistake of the user's, such as a model that is not there, ends the run."""
    from evalkit.audio import resample

    noise = 1e-3 * np.random.default_rng(0).standard_normal(16_000, dtype=np.float32)
    try:
        list(islice(function([handed(resample(Audio(noise, 16_000), rate))]), 1))
    except UtteranceError:
        return
    except EvalkitError:
        raise
    except Exception:
        return


def metric_of(asked: Asked) -> Metric:
    """Created once a process."""
    return _cached_metric(asked.plugin.model_dump_json())


@lru_cache(maxsize=32)
def _cached_metric(plugin: str) -> Metric:
    return build_part("metrics", Plugin.model_validate_json(plugin))
