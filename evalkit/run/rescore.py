"""Scoring a run's own outputs anew: other metrics, another normaliser, corrected transcripts.
No system is loaded; what is scored is what the run kept."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from evalkit.audio import RESAMPLER
from evalkit.core.alignment import check_costs
from evalkit.core.config import EvalConfig, Plugin, alone
from evalkit.core.corpus import CorpusConfig
from evalkit.core.deadlines import planning
from evalkit.core.errors import ConfigError, ManifestError, RunError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.types import Utterance
from evalkit.metrics.normalisers import check_normalisers
from evalkit.results.labels import NONE, Labels
from evalkit.run.given_tables import relabelled
from evalkit.run.keys import heard_key
from evalkit.run.measured import Measures, measures_by_cell, used_metrics, word_options
from evalkit.run.pieces import Piece
from evalkit.run.pipeline import build_condition, metric_said
from evalkit.run.plan import Cell, Plan, Shard, make_shard, unmeasured
from evalkit.run.prints import Prints, file_digests
from evalkit.run.runner import Work, carry_out
from evalkit.run.text_metrics import check_lists, without_words
from evalkit.run.utterances import read_corpus
from evalkit.store.documents.run import RunRecord
from evalkit.store.lock import locked
from evalkit.store.manifest import Manifest
from evalkit.store.outputs import INDEX_TABLE, STAGES, OutputStore, Row
from evalkit.store.runfolder import RunFolder
from evalkit.store.sealed import seal


def rescore(folder: Path, *, metrics: Sequence[str] = (),
            normaliser: str | Sequence[str] | None = None, costs: str | None = None,
            alternatives: bool = False, glm: Path | None = None,
            manifest: Path | None = None, labels: Labels = NONE, workers: int = 0,
            say: Callable[[str], None] = lambda line: None) -> RunFolder:
    """Scores the outputs that the run ``folder`` keeps, and writes its scores and summary anew.

    What is not given is as the run has it; ``metrics`` stand in place of the run's, and
    ``manifest`` holds other transcripts of the same utterances, ``labels`` what becomes of their
    metadata. Raises RunError where the
    outputs are not kept, ConfigError and ManifestError for options that do not fit them."""
    started = time.monotonic()
    run, store = RunFolder(folder), OutputStore(folder)
    record = store.last_record() if not (folder / "run.json").exists() else run.record()
    relabelling: list[LeftOut] = []
    if labels != NONE:
        manifest, relabelling = relabelled(run, manifest, labels, say)
    config = _changed(record.config, metrics, normaliser, costs, manifest)
    config = config.model_copy(update={"alternatives": alternatives or config.alternatives,
                                       "glm": glm.resolve() if glm else config.glm})
    if labels != NONE:
        config = config.model_copy(update={
            "outside": True, "places": [*config.places, *labels.places],
            "canonical": [*config.canonical, *map(str, labels.canonical)]})
    corpus, strangers = same_utterances(
        read_corpus(config, texts_only=record.command == "score"), run)
    with planning(config.time_limit):
        plan = _recorded_plan(config, record, corpus.utterances, _index(store, record))
    check_lists(plan.metrics, corpus.utterances, say)
    left_out = [*_lost_before(record), *relabelling, *strangers, *unmeasured(plan),
                *without_words(plan.metrics, corpus.utterances, say)]
    with locked(folder, record.command):
        return carry_out(config, plan, corpus, folder, Work(workers), command=record.command,
                         say=say, left_out=left_out, started=started)


def _lost_before(record: RunRecord) -> list[LeftOut]:
    """What of files and tables took no part in the run of `evalkit score`, and takes none now; what
    is found out anew is no part of it."""
    anew = {"scores", record.corpus.manifest, *record.metrics}
    return [item for item in record.left_out if record.command == "score"
            and item.what not in ("metric", "pipeline") and Path(item.where).name not in anew]


def _index(store: OutputStore, record: RunRecord) -> list[Row]:
    """The shards of the run that ``record`` is of. Raises RunError for an index that is not its."""
    rows, path = store.index(), store.run / INDEX_TABLE
    if seal(path) != record.tables.get(INDEX_TABLE):
        raise RunError(f"{path}: is not of the run in run.json; start it again with `evalkit run`")
    return rows


def _changed(config: EvalConfig, metrics: Sequence[str],
             normaliser: str | Sequence[str] | None, costs: str | None, manifest: Path | None
             ) -> EvalConfig:
    changes: dict[str, Any] = {}
    if metrics:
        changes["metrics"] = [metric_said(each) for each in metrics]
        changes["pipelines"] = [p.model_copy(update={"metrics": None}) for p in config.pipelines]
    if manifest is not None:
        changes["corpus"] = CorpusConfig(path=manifest.resolve())
    if normaliser:
        changes["normaliser"] = normaliser if isinstance(normaliser, str) else alone([*normaliser])
    config = config.model_copy(update=changes | {"costs": costs or config.costs})
    check_normalisers(config.normalisers)
    check_costs(config.costs)
    return config


def same_utterances(manifest: Manifest, run: RunFolder) -> tuple[Manifest, list[LeftOut]]:
    """The manifest with the run's utterances, in the run's order, and its others."""
    known = {utterance.id: utterance for utterance in manifest.utterances}
    ids = run.utterances()["utterance_id"].tolist()
    missing = [name for name in ids if name not in known]
    if missing:
        raise ManifestError(f"{manifest.path}: has no line for {len(missing)} utterances of the "
                            f"run, such as {missing[0]!r}; add them, or run the pipelines on it")
    others = known.keys() - set(ids)
    strangers = ([LeftOut("utterance", str(manifest.path), "not in the run", len(others),
                          tuple(sorted(others)[:NAMED]))] if others else [])
    return replace(manifest, utterances=tuple(known[name] for name in ids)), strangers


def _recorded_plan(config: EvalConfig, record: RunRecord, utterances: tuple[Utterance, ...],
                   index: Sequence[Row]) -> Plan:
    """The plan of the run, its outputs those that ``index`` names."""
    measures = measures_by_cell(config, utterances)
    if {(row["pipeline"], row["condition"]) for row in index} != measures.keys():
        raise RunError("the run is unfinished; start it again with `evalkit run`")
    recorded = _Recorded(config, record, utterances)
    heard = recorded.heard_audio
    files = (file_digests(utterances)
             if heard or any(m.of_audio for m in measures.values()) else {})
    prints = Prints(config.corpus.root, files)
    cells = {key: recorded.cell(*key, measures[key]) for key in measures}
    shards = tuple(_recorded_shard(recorded, row, cells, measures, prints) for row in index)
    return Plan(shards, record.pipelines,
                {name: condition.identity for name, condition in record.conditions.items()},
                used_metrics(measures), prints.corpus(utterances, files if heard else {}))


def _recorded_shard(recorded: _Recorded, row: Row, cells: Mapping[tuple[str, str], Cell],
                    measures: Mapping[tuple[str, str], Measures], prints: Prints
                    ) -> Shard:
    """The shard of one ``row`` of the index of outputs."""
    key = row["pipeline"], row["condition"]
    part = slice(row["first"], row["first"] + row["utterances"])
    utterances = recorded.utterances[part]
    piece = Piece(row["first"], utterances, prints.of(utterances))
    stages = {stage: row[stage] for stage in STAGES if row[stage]}
    if measures[key].of_audio:
        recorded.check_recordings(cells[key], piece, stages)
    return make_shard(cells[key], measures[key], stages, piece)


@dataclass(frozen=True)
class _Recorded:
    """A run as its record tells of it, with the configuration that it is to be scored under."""

    config: EvalConfig
    record: RunRecord
    utterances: tuple[Utterance, ...]

    @property
    def heard_audio(self) -> bool:
        """Whether any system was given audio."""
        return any(self.hearing(name) for name in self.record.pipelines)

    def hearing(self, pipeline: str) -> frozenset[str]:
        """The stages whose systems were given audio."""
        parts = self.record.pipelines[pipeline]
        systems = {"enhanced": parts.enhancer, "recognised": parts.recognizer,
                   "embedded": parts.encoder, "endpointed": parts.endpointer}
        return frozenset(stage for stage, system in systems.items() if system and system.batch)

    def cell(self, pipeline_name: str, condition_name: str, measures: Measures) -> Cell:
        """The condition is made where a metric of audio needs it. Raises ConfigError for a metric
        of enhanced audio that was not kept."""
        config = self.config
        pipeline = next(p for p in config.pipelines if p.name == pipeline_name)
        if measures.of_audio and pipeline.enhancer is not None and not config.keep_audio:
            names = ", ".join(m.name for m in measures.metrics if "audio" in m.metric.needs)
            raise ConfigError(f"{names}: needs the enhanced audio, which this run did not keep "
                              "(keep_audio: false); `evalkit run` makes it again")
        plugin = self.condition_plugin(condition_name) if measures.of_audio else None
        return Cell(pipeline, condition_name, build_condition(plugin, self.utterances),
                    self.hearing(pipeline_name), measures.asked, word_options(config),
                    config.channel, config.keep_audio, config.time_limit, outputs_only=True)

    def condition_plugin(self, name: str) -> Plugin | None:
        """What makes the condition of that name."""
        return next(c.plugin for c in self.config.conditions if c.name == name)

    def check_recordings(self, cell: Cell, piece: Piece, stages: Mapping[str, str]) -> None:
        """Raises RunError where what the systems heard could not be heard again."""
        heard = heard_key(cell.channel, self.condition_plugin(cell.condition_name), cell.condition,
                          RESAMPLER, piece.prints)
        if heard != stages.get("heard"):
            raise RunError(f"{self.config.corpus.path}: its recordings are not there or not those "
                           "of the run, so audio cannot be measured; `evalkit run` runs the "
                           "pipelines on them")
