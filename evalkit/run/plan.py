"""What a run will do: shards, each keyed by the content of everything that decides its rows."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, cast

from evalkit.audio import RESAMPLER
from evalkit.core.alignment import Costs
from evalkit.core.config import EvalConfig, PipelineConfig, Plugin
from evalkit.core.files import digest
from evalkit.core.protocols import Condition, Metric
from evalkit.core.types import Utterance
from evalkit.run.pipeline import (
    Pipeline,
    WordOptions,
    applicable,
    build_condition,
    build_metrics,
    build_pipeline,
)
from evalkit.store.documents import run as documents
from evalkit.store.runfolder import TABLES_VERSION


@dataclass(frozen=True)
class Cell:
    """One pipeline under one condition: what the utterances of a shard go through."""

    pipeline: PipelineConfig
    condition_name: str
    condition: Condition | None
    metrics: tuple[Plugin, ...]
    words: WordOptions
    channel: int
    keep_audio: bool


@dataclass(frozen=True)
class Shard:
    """Consecutive utterances of one cell. ``key`` names its files."""

    key: str
    cell: Cell
    utterances: tuple[Utterance, ...]


@dataclass(frozen=True)
class Plan:
    """All shards of a run, in the order of its tables, and what made them."""

    shards: tuple[Shard, ...]
    pipelines: dict[str, documents.Pipeline]
    conditions: dict[str, str]
    metrics: tuple[Metric, ...]
    corpus_digest: str


def make_plan(config: EvalConfig, utterances: tuple[Utterance, ...]) -> Plan:
    """Creates every plug-in once, so that a misspelt option or a missing package stops the run
    before it starts."""
    conditions = {c.name: build_condition(c.plugin, utterances) for c in config.conditions}
    pipelines = {p.name: build_pipeline(p) for p in config.pipelines}
    words = WordOptions(config.normaliser, cast(Costs, config.costs))
    hears = any(p.hears for p in pipelines.values())
    prints = _fingerprints(utterances, config, read_audio=hears)
    recorded = any(u.reference_audio for u in utterances)
    shards: list[Shard] = []
    used: dict[str, Metric] = {}
    for pipeline in config.pipelines:
        built = pipelines[pipeline.name]
        for name, condition in conditions.items():
            metrics = _metrics_of(config, pipeline, built, words,
                                  changed=recorded or condition is not None)
            used |= {metric.name: metric for metric, _ in metrics}
            cell = Cell(pipeline, name, condition, tuple(plugin for _, plugin in metrics),
                        words, config.channel, config.keep_audio)
            decides = _digest([
                TABLES_VERSION, RESAMPLER, cell.pipeline.name,
                built.describe(pipeline).model_dump(), name,
                _identity(condition), [[m.name, m.version] for m, _ in metrics],
                asdict(words), config.channel, config.keep_audio])
            shards.extend(_cut(cell, decides, utterances, prints, config.shard_size))
    return Plan(tuple(shards), {p.name: pipelines[p.name].describe(p) for p in config.pipelines},
                {name: _identity(c) for name, c in conditions.items()}, tuple(used.values()),
                _digest(prints))


def _metrics_of(config: EvalConfig, pipeline: PipelineConfig, built: Pipeline,
                words: WordOptions, *, changed: bool) -> list[tuple[Metric, Plugin]]:
    plugins = config.metrics if pipeline.metrics is None else pipeline.metrics
    metrics = build_metrics(plugins, words)
    return [(metric, plugin) for metric, plugin in zip(metrics, plugins, strict=True)
            if applicable(metric, built, changed=changed)]


def _identity(condition: Condition | None) -> str:
    return "unchanged" if condition is None else condition.identity


def _cut(cell: Cell, decides: str, utterances: tuple[Utterance, ...], prints: Sequence[str],
         size: int | None) -> Iterator[Shard]:
    size = size or min(512, max(8, -(-len(utterances) // 16)))
    for start in range(0, len(utterances), size):
        key = _digest([decides, *prints[start:start + size]])[:32]
        yield Shard(key, cell, utterances[start:start + size])


def _fingerprints(utterances: Sequence[Utterance], config: EvalConfig, *,
                  read_audio: bool) -> list[str]:
    """A digest an utterance: its manifest row and, where audio is heard, its bytes."""
    root = config.corpus.parent
    paths = {path for u in utterances for path in (u.audio, u.reference_audio) if path}
    files: dict[Path, str | None] = {}
    if read_audio:
        with ThreadPoolExecutor() as pool:
            files = dict(zip(paths, pool.map(_file_digest, paths), strict=True))
    return [_digest([u.id, u.speaker, u.text, u.offset, u.duration, sorted(u.metadata.items()),
                     *(path and [relative(path, root), files.get(path)]
                       for path in (u.audio, u.reference_audio))])
            for u in utterances]


def relative(path: Path, root: Path) -> str:
    """``path`` as the manifest in ``root`` has it."""
    return str(path.relative_to(root)) if path.is_relative_to(root) else str(path)


def _file_digest(path: Path) -> str | None:
    try:
        return digest(path)
    except OSError:
        return None


def _digest(value: Any) -> str:
    text = json.dumps(value, sort_keys=True, default=str)
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
