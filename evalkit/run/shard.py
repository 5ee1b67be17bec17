"""One shard: its utterances through pipeline and metrics, into tables."""

from __future__ import annotations

import hashlib
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any, TypeVar

import numpy as np
import pyarrow as pa

from evalkit import audio as waveform
from evalkit.core.config import PipelineConfig, Plugin
from evalkit.core.errors import EvalkitError, UtteranceError
from evalkit.core.files import replacing
from evalkit.core.protocols import Metric
from evalkit.core.types import Audio, Hypothesis, Output, Utterance
from evalkit.run.pipeline import Pipeline, WordOptions, build_metrics, build_pipeline, recalls
from evalkit.run.plan import Cell, Shard
from evalkit.store import scores
from evalkit.store.runfolder import EMBEDDINGS, OUTPUTS, write_table

T = TypeVar("T")


@dataclass(frozen=True)
class ShardResult:
    """What a worker reports of a finished shard; its tables are on disk."""

    key: str
    utterances: int
    failed: int
    seconds: float


@dataclass
class Tables:
    """Rows made so far."""

    scores: list[dict[str, Any]] = field(default_factory=list)
    outputs: list[dict[str, Any]] = field(default_factory=list)
    embeddings: list[dict[str, Any]] = field(default_factory=list)

    def extend(self, other: Tables) -> None:
        """Appends the rows of ``other``."""
        self.scores += other.scores
        self.outputs += other.outputs
        self.embeddings += other.embeddings


def table_paths(run: Path, key: str) -> tuple[Path, Path, Path]:
    """Where a shard's scores, outputs and embeddings are. The scores are written last: where
    they exist, the shard is complete."""
    rest = run / "shards"
    return (run / "scores" / f"{key}.parquet", rest / f"{key}.outputs.parquet",
            rest / f"{key}.embeddings.parquet")


def process_shard(shard: Shard, run: Path) -> ShardResult:
    """Runs the shard and writes its tables under ``run``."""
    return write_shard(shard, shard_tables(shard, run), run)


def shard_tables(shard: Shard, run: Path) -> Tables:
    """Runs every utterance. One that fails costs its own rows only; an EvalkitError that is not
    about one utterance is raised."""
    tables = Tables()
    for utterance in shard.utterances:
        _process(utterance, shard.cell, tables, run)
    return tables


def crashed_tables(shard: Shard) -> Tables:
    """Says of the shard's utterances that they killed the process that worked on them."""
    tables = Tables()
    error = UtteranceError("Crashed", "the process that worked on this utterance died")
    for utterance in shard.utterances:
        _record(utterance, shard.cell, Work(input=error), tables)
    return tables


def write_shard(shard: Shard, tables: Tables, run: Path) -> ShardResult:
    """Writes the three tables of a shard, the scores last."""
    score_path, output_path, embedding_path = table_paths(run, shard.key)
    write_table(output_path, pa.Table.from_pylist(tables.outputs, OUTPUTS))
    write_table(embedding_path, pa.Table.from_pylist(tables.embeddings, EMBEDDINGS))
    write_table(score_path, pa.Table.from_pylist(tables.scores, scores.SCHEMA))
    failed = sum(row["error"] is not None for row in tables.outputs)
    seconds = sum(row["seconds"] or 0.0 for row in tables.outputs)
    return ShardResult(shard.key, len(shard.utterances), failed, seconds)


@dataclass
class Work:
    """What became of one utterance; each value may be the error that took its place."""

    source: Audio | UtteranceError | None = None
    input: Audio | UtteranceError | None = None
    reference_audio: Audio | UtteranceError | None = None
    audio: Audio | UtteranceError | None = None
    hypothesis: Hypothesis | UtteranceError | None = None
    embedding: np.ndarray | UtteranceError | None = None
    lag: float | None = None
    seconds: float = 0.0
    """Time that the pipeline's parts took, resampling and reading aside."""
    conversions: set[str] = field(default_factory=set)

    def error(self, *needs: str) -> UtteranceError | None:
        """The first error among the named values."""
        values = (getattr(self, name, None) for name in needs)
        return next((v for v in values if isinstance(v, UtteranceError)), None)

    @contextmanager
    def timed(self) -> Iterator[None]:
        """Adds the time of its block to ``seconds``."""
        started = time.perf_counter()
        yield
        self.seconds += time.perf_counter() - started

    def converted(self, audio: Audio, rate: int | None) -> Audio:
        """``audio`` at ``rate`` Hz, remembering that it was resampled."""
        if rate not in (None, audio.rate):
            self.conversions.add(f"{audio.rate}>{rate}")
        return waveform.resample(audio, rate)


def attempt(function: Callable[..., T], *values: Any) -> T | UtteranceError:
    """``function(*values)``, or the error: of the function, or the first among the values."""
    for value in values:
        if isinstance(value, UtteranceError):
            return value
    try:
        return function(*values)
    except UtteranceError as error:
        return error
    except EvalkitError:
        raise
    except Exception as error:  # a model may raise anything on one odd recording
        return UtteranceError(type(error).__name__, str(error) or "no reason given")


def _process(utterance: Utterance, cell: Cell, tables: Tables, run: Path) -> None:
    pipeline = _pipeline_of(cell)
    work = Work()
    if pipeline.hears or any("audio" in metric.needs for metric in _metrics_of(cell)):
        _listen(work, utterance, cell)
    work.audio = work.input
    if pipeline.enhancer is not None:
        work.audio = attempt(_enhance, work, work.input, pipeline.enhancer)
    work.hypothesis = _ask(work, utterance, pipeline.recognizer, "transcribe")
    work.embedding = _ask(work, utterance, pipeline.encoder, "embed")
    row = _record(utterance, cell, work, tables)
    if cell.keep_audio:
        row |= _keep(work, utterance, cell, run)


@lru_cache(maxsize=8)
def _load_pipeline(config: str) -> Pipeline:
    pipeline = build_pipeline(PipelineConfig.model_validate_json(config))
    _warm_up(pipeline)
    return pipeline


@lru_cache(maxsize=8)
def _load_metrics(configs: tuple[str, ...], words: WordOptions) -> list[Metric]:
    return build_metrics(map(Plugin.model_validate_json, configs), words)


def _pipeline_of(cell: Cell) -> Pipeline:
    return _load_pipeline(cell.pipeline.model_dump_json())


def _metrics_of(cell: Cell) -> list[Metric]:
    return _load_metrics(tuple(p.model_dump_json() for p in cell.metrics), cell.words)


def _warm_up(pipeline: Pipeline) -> None:
    """A second of faint noise through every part, so that loading a model is not timed."""
    noise = 1e-3 * np.random.default_rng(0).standard_normal(16_000, dtype=np.float32)
    work = Work(audio=Audio(noise, 16_000))
    if pipeline.enhancer is not None:
        attempt(_enhance, work, work.audio, pipeline.enhancer)
    for part, verb in ((pipeline.recognizer, "transcribe"), (pipeline.encoder, "embed")):
        if part is not None and not recalls(part):
            _ask(work, Utterance("warm-up"), part, verb)


def _listen(work: Work, utterance: Utterance, cell: Cell) -> None:
    """Reads the recording and its clean reference, and puts the recording into the condition."""
    work.source = attempt(_read, utterance, utterance.audio, cell.channel)
    work.input = work.reference_audio = work.source
    if cell.condition is not None:
        work.input = attempt(cell.condition.apply, work.source, utterance)
    if utterance.reference_audio is not None:
        clean = attempt(_read, utterance, utterance.reference_audio, cell.channel)
        work.reference_audio = attempt(
            lambda source, clean: work.converted(clean, source.rate), work.source, clean)


def _read(utterance: Utterance, path: Path | None, channel: int) -> Audio:
    if path is None:
        raise UtteranceError("MissingAudio", "the manifest names no audio")
    return waveform.load(path, offset=utterance.offset, duration=utterance.duration,
                         channel=channel)


def _enhance(work: Work, heard: Audio, enhancer: Any) -> Audio:
    """The enhancer's output at the input's rate and length, aligned to the input."""
    wanted = work.converted(heard, enhancer.rate)
    with work.timed():
        made = enhancer.enhance([wanted])[0]
    if not np.isfinite(made.samples).all():
        raise UtteranceError("NotFinite", "the enhancer's output holds NaN or infinite samples")
    back = work.converted(made, heard.rate)
    work.lag = waveform.measure_lag(back, heard, stated=enhancer.delay)
    aligned = waveform.advance(back, work.lag)
    return Audio(waveform.fit(aligned.samples, len(heard.samples)), heard.rate)


def _ask(work: Work, utterance: Utterance, part: Any, verb: str) -> Any:
    """One result of a recognizer (``transcribe``) or an encoder (``embed``)."""
    if part is None:
        return None
    if recalls(part):
        return attempt(part.recall, utterance)

    def ask(heard: Audio) -> Any:
        wanted = work.converted(heard, part.rate)
        with work.timed():
            return getattr(part, verb)([wanted])[0]

    return attempt(ask, work.audio)


def _record(utterance: Utterance, cell: Cell, work: Work, tables: Tables) -> dict[str, Any]:
    """Adds the utterance's rows to ``tables``; returns the row of outputs."""
    where = {"pipeline": cell.pipeline.name, "condition": cell.condition_name,
             "utterance_id": utterance.id}
    for metric in _metrics_of(cell):
        tables.scores.extend(_score(metric, utterance, work, where))
    if work.embedding is not None and not isinstance(work.embedding, UtteranceError):
        tables.embeddings.append(where | {"embedding": work.embedding.astype(np.float32)})
    row = where | _describe(utterance, work, cell.words)
    tables.outputs.append(row)
    return row


def _score(metric: Metric, utterance: Utterance, work: Work,
           where: Mapping[str, str]) -> list[dict[str, Any]]:
    """Rows of the scores table: one a measured name, or the error under every name."""
    base = dict(where) | {"speaker_id": utterance.speaker}
    outcome: Any = work.error("input", *sorted(metric.needs))
    if outcome is None:
        output = Output(_value(work.audio), _value(work.reference_audio), _value(work.hypothesis))
        outcome = attempt(metric.measure, utterance, output)
    if isinstance(outcome, UtteranceError):
        return [base | {"metric": name, "error": str(outcome)} for name in metric.facts]
    return [base | {"metric": name, "amount": m.amount, "weight": m.weight, "error": None}
            for name, m in outcome.items()]


def _value(value: T | UtteranceError) -> T | None:
    return None if isinstance(value, UtteranceError) else value


def _describe(utterance: Utterance, work: Work, words: WordOptions) -> dict[str, Any]:
    error = work.error("input", "audio", "hypothesis", "embedding")
    hypothesis = _value(work.hypothesis)
    row: dict[str, Any] = {
        "hypothesis": hypothesis and hypothesis.text,
        "error": error and str(error),
        "alignment": _alignment(utterance, hypothesis, words),
        "resampled": ", ".join(sorted(work.conversions)) or None,
        "seconds": None, "processing_seconds": work.seconds,
        "lag_ms": None if work.lag is None else 1000 * work.lag,
    }
    source, audio = _value(work.source), _value(work.audio)
    if source is not None:
        row |= {"source_rate": source.rate, "seconds": source.duration}
    if audio is not None:
        row |= {name: value if np.isfinite(value) else None
                for name, value in vars(waveform.levels(audio)).items()}
    return row


def _alignment(utterance: Utterance, hypothesis: Hypothesis | None,
               words: WordOptions) -> str | None:
    """What the report and matched pairs read."""
    if utterance.text is None or hypothesis is None:
        return None
    return words.align(utterance.text, hypothesis.text).to_json()


def _keep(work: Work, utterance: Utterance, cell: Cell, run: Path) -> dict[str, str]:
    """Saves what was heard and made where it is not the corpus's own recording."""
    name = f"{hashlib.sha256(utterance.id.encode()).hexdigest()[:20]}.flac"
    made = {"input_audio": (work.input, work.source, f"audio/{cell.condition_name}/{name}"),
            "output_audio": (work.audio, work.input,
                             f"audio/{cell.condition_name}/{cell.pipeline.name}/{name}")}
    kept = {}
    for column, (audio, before, relative) in made.items():
        if isinstance(audio, Audio) and audio is not before:
            with replacing(run / relative) as temporary:
                waveform.save(temporary, audio)
            kept[column] = relative
    return kept
