"""A shard's part of the run's tables, put together from its outputs and scores."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pyarrow as pa

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Utterance
from evalkit.metrics.emission import timeline
from evalkit.run.ended import ENDED
from evalkit.run.endpointed import endpoints_in, with_endpoints
from evalkit.run.events import events_in, rows_of
from evalkit.run.hypotheses import hypothesis_in
from evalkit.run.made import Made
from evalkit.run.pipeline import WordOptions
from evalkit.run.plan import Shard
from evalkit.run.shard import begun, keep, make
from evalkit.run.unchanged import is_unchanged
from evalkit.run.word_times import as_heard
from evalkit.store import scores
from evalkit.store.events import EMISSIONS_COLUMN, EVENTS_COLUMN, with_column
from evalkit.store.outputs import HEARD_BESIDE, STAGES, OutputStore, Row, audio_name
from evalkit.store.runfolder import EMBEDDINGS, OUTPUTS
from evalkit.store.sealed import note_of, write_table

LEVELS = ("level_dbfs", "peak_dbfs", "clipping", "dc")


@dataclass(frozen=True)
class ShardResult:
    """What a worker reports of a finished shard; its tables are on disk. ``alone`` tells those
    that are heard to see what batches change."""

    key: str
    utterances: int
    failed: int
    seconds: float
    alone: bool = False


def table_paths(run: Path, key: str) -> tuple[Path, Path, Path]:
    """Where a shard's scores, outputs and embeddings are. The scores are written last."""
    rest = run / "shards"
    return (run / "scores" / f"{key}.parquet", rest / f"{key}.outputs.parquet",
            rest / f"{key}.embeddings.parquet")


def has_ended(shard: Shard, run: Path) -> bool:
    """Whether the shard's tables, which are there, say that some utterance ended its process."""
    return note_of(table_paths(run, shard.key)[0]) == ENDED


def process_rows(shard: Shard, run: Path, part: tuple[Utterance, ...] | None = None,
                 before: Made | None = None) -> ShardResult:
    """Makes what of the shard is missing and writes it and its tables under ``run``. All but
    ``part`` of it was made ``before``."""
    return write_shard(shard, _made(shard, run, part, before), run)


def process_outputs(shard: Shard, run: Path, part: tuple[Utterance, ...] | None = None,
                    before: Made | None = None) -> None:
    """The same without the tables, of a shard of which nothing is measured."""
    keep(shard, _made(shard, run, part, before), OutputStore(run))


def _made(shard: Shard, run: Path, part: tuple[Utterance, ...] | None, before: Made | None
          ) -> Made:
    made, parts = begun(shard, run) if part is None else (before or Made(), [part])
    for each in filter(None, parts):
        made.extend(make(replace(shard, utterances=each), run))
    return made


def write_shard(shard: Shard, made: Made, run: Path) -> ShardResult:
    """Keeps what is new, then writes the three tables of a shard, the scores last."""
    keep(shard, made, OutputStore(run))
    outputs = [output_row(shard, utterance, made) for utterance in shard.utterances]
    embeddings = [_cell(shard, u) | {"embedding": row["embedding"]} for u in shard.utterances
                  if (row := made.outputs.get("embedded", {}).get(u.id)) and not row["error"]]
    score_path, output_path, embedding_path = table_paths(run, shard.key)
    schema = with_column(OUTPUTS, outputs, EVENTS_COLUMN, EMISSIONS_COLUMN)
    write_table(output_path, pa.Table.from_pylist(outputs, schema))
    write_table(embedding_path, pa.Table.from_pylist(embeddings, EMBEDDINGS))
    write_table(score_path, pa.Table.from_pylist(_scores(shard, made), scores.SCHEMA),
                ENDED if made.ended else "")
    failed = sum(row["error"] is not None for row in outputs)
    seconds = sum(row["seconds"] or 0.0 for row in outputs)
    return ShardResult(shard.key, len(shard.utterances), failed, seconds, shard.cell.alone)


def _cell(shard: Shard, utterance: Utterance) -> Row:
    return {"pipeline": shard.cell.pipeline.name, "condition": shard.cell.condition_name,
            "utterance_id": utterance.id}


def _scores(shard: Shard, made: Made) -> list[Row]:
    """By the names that the run has for them; none of audio that nothing changed."""
    asked = list(zip(shard.keys.measured, shard.cell.metrics, strict=True))
    return [_cell(shard, u) | {"speaker_id": u.speaker} | row | {
        "metric": each.named(row["metric"])}
        for u in shard.utterances for key, each in asked for row in made.scores[key][u.id]
        if not is_unchanged(row, shard.cell)]


def output_row(shard: Shard, utterance: Utterance, made: Made) -> Row:
    """The utterance's row of OUTPUTS."""
    rows = {stage: made.outputs[stage][utterance.id] for stage in STAGES if stage in made.outputs}
    heard, shown = rows.get("heard", {}), rows.get("enhanced", rows.get("heard", {}))
    hypothesis, lag = rows.get("recognised", {}).get("text"), shown.get("lag")
    return _cell(shard, utterance) | _audio(shard, utterance, rows) | {
        "hypothesis": hypothesis,
        **{name: rows.get("recognised", {}).get(name) for name, _ in HEARD_BESIDE},
        "alignment": _alignment(utterance, hypothesis, shard.cell.words),
        **_streamed(as_heard(utterance, rows.get("heard")),
                    _events(rows), shard.cell.words),
        "error": next((row["error"] for row in rows.values() if row["error"]), None),
        "source_rate": heard.get("source_rate"), "seconds": heard.get("seconds"),
        "resampled": _conversions(rows.values()),
        "processing_seconds": sum(row.get("processing_seconds") or 0.0 for row in rows.values()),
        "lag_ms": None if lag is None else 1000 * lag,
        **_timed(rows.get("enhanced")), **_heard(rows.get("recognised")),
        **{name: shown.get(name) for name in LEVELS}}


def _timed(enhanced: Row | None) -> Row:
    """What the enhancer took; nothing where there is none, or where it gave nothing."""
    if enhanced is None or enhanced["error"] is not None:
        return {}
    return {"enhancer_seconds": enhanced["processing_seconds"],
            "enhancer_processor_seconds": enhanced["processor_seconds"],
            "enhancer_machine": enhanced["machine"]}


def _heard(recognised: Row | None) -> Row:
    """What the recognizer took; nothing where it gave nothing, or its results were looked up."""
    if recognised is None or recognised["error"] is not None or recognised["peak_bytes"] is None:
        return {}
    return {"recognizer_seconds": recognised["processing_seconds"],
            "recognizer_processor_seconds": recognised["processor_seconds"],
            "recognizer_machine": recognised["machine"],
            "recognizer_peak_bytes": recognised["peak_bytes"]}


def _conversions(rows: Iterable[Row]) -> str | None:
    """Every change of the sampling rate on the way, such as "48000>16000"."""
    resampled = {each for row in rows for each in row.get("resampled") or ()}
    return ", ".join(sorted(resampled)) or None


def _alignment(utterance: Utterance, hypothesis: str | None, words: WordOptions) -> str | None:
    """What the report and matched pairs read; None where there is none to show."""
    if utterance.text is None or hypothesis is None:
        return None
    try:
        return words.align(utterance.text, hypothesis).to_json()
    except UtteranceError:  # TooLong, which its scores say too
        return None


def _events(rows: dict[str, Row]) -> list[Row] | None:
    """What was shown on the way, and the end-points of an end-pointer; None where nobody looked."""
    recognised, endpointed = rows.get("recognised"), rows.get("endpointed")
    if endpointed is None or endpointed["error"] is not None:
        return None if recognised is None else recognised.get("events")
    heard = hypothesis_in(recognised) if recognised and recognised["error"] is None else None
    return rows_of(with_endpoints(heard, endpoints_in(endpointed["endpoints"])).events)


def _streamed(utterance: Utterance, events: list[Row] | None, words: WordOptions) -> Row:
    """What was shown on the way, and when the words came whose times are known."""
    if events is None:
        return {}
    try:
        came = timeline(utterance, events_in(events), words).emissions
    except UtteranceError:  # its scores say so
        came = []
    return {"events": events, "emissions": [each._asdict() for each in came]}


def _audio(shard: Shard, utterance: Utterance, rows: dict[str, Row]) -> dict[str, Any]:
    """Where the audio is which was kept, that is not the corpus's own recording."""
    kept: dict[str, str] = {}
    if not shard.cell.keep_audio:
        return kept
    if rows.get("heard", {}).get("changed"):
        kept["input_audio"] = audio_name(shard.keys.stages["heard"], utterance.id, ".flac")
    if "enhanced" in rows and not rows["enhanced"]["error"]:
        kept["output_audio"] = audio_name(shard.keys.stages["enhanced"], utterance.id, ".flac")
    return kept
