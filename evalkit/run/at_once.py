"""Shards in which texts are compared and nothing else: tables are made of columns, not of rows.

What is not plain of such a shard (an utterance without a text or a hypothesis, an empty reference,
a very long text) is worked through as everything else is (evalkit.run.shard), and its rows are put
where they belong: a table is the same, byte for byte, whichever way it was made."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc

from evalkit.core.clock import NOTHING, machine
from evalkit.core.types import Utterance
from evalkit.metrics import at_once
from evalkit.metrics.at_once import Counting
from evalkit.run import ended
from evalkit.run.batches import attempt
from evalkit.run.compared import Comparison
from evalkit.run.made import Made
from evalkit.run.measured import Asked
from evalkit.run.plan import Cell, Given, Shard
from evalkit.run.shard import make, metric_of
from evalkit.run.tables import ShardResult, output_row, process_rows, table_paths
from evalkit.run.values import taken_text
from evalkit.store import scores
from evalkit.store.outputs import HEARD_BESIDE, SCHEMAS, OutputStore, Row
from evalkit.store.runfolder import EMBEDDINGS, OUTPUTS
from evalkit.store.sealed import write_table

HEARD = SCHEMAS["recognised"]
MEASURED = SCHEMAS["measured"]


def process_shard(shard: Shard, run: Path, part: tuple[Utterance, ...] | None = None,
                  before: Made | None = None) -> ShardResult:
    """Makes what of the shard is missing and writes it and its tables under ``run``. All but
    ``part`` of it was made ``before``."""
    store = OutputStore(run)
    whole = part is None or len(part) == len(shard.utterances)
    heard = _heard(shard, store) if whole and _is_of_texts(shard, store) else None
    return (process_rows(shard, run, part, before) if heard is None else
            _write(Comparison(shard, heard), store))


def _is_of_texts(shard: Shard, store: OutputStore) -> bool:
    cell = shard.cell
    return (shard.keys.stages.keys() == {"recognised"}
            and (shard.given is not None or cell.outputs_only) and not cell.words.has_readings
            and all(at_once.is_counted(metric_of(asked)) for asked in cell.metrics)
            and not ended.errors(shard, store))


def _heard(shard: Shard, store: OutputStore) -> pa.Table | None:
    """The rows of HEARD, which are kept; None where they are not, or are of more than texts."""
    key = shard.keys.stages["recognised"]
    kept = store.table("recognised", key)
    if kept is None and shard.given is not None:
        kept = _recalled(shard.utterances, shard.given)
        store.keep("recognised", key, kept)
    is_whole = kept is not None and kept.schema.names == HEARD.names and (
        kept["utterance_id"].to_pylist() == [u.id for u in shard.utterances])
    return kept if is_whole else None


def _recalled(utterances: Sequence[Utterance], given: Given) -> pa.Table:
    """What evalkit.run.stages.recognise notes of hypotheses that are looked up."""
    found = [attempt(taken_text, text, "the hypothesis") for text in given]
    texts = [text if isinstance(text, str) else None for text in found]
    columns = {
        "utterance_id": [u.id for u in utterances], "text": texts,
        "resampled": [[]] * len(texts), "processing_seconds": [NOTHING.elapsed] * len(texts),
        "processor_seconds": [NOTHING.processor] * len(texts), "machine": [machine()] * len(texts),
        "error": [None if isinstance(text, str) else str(text) for text in found]}
    return pa.table([columns.get(field.name, [None] * len(texts)) for field in HEARD],
                    schema=HEARD)


def _write(comparison: Comparison, store: OutputStore) -> ShardResult:
    """The tables of a shard, the scores last."""
    shard = comparison.shard
    odd = tuple(shard.utterances[i] for i in comparison.odd)
    made = make(replace(shard, utterances=odd), store.run) if odd else Made()
    of = []
    for key, metric in zip(shard.keys.measured, comparison.metrics, strict=True):
        of.append(_measured(comparison, metric, made.scores.get(key, {})))
        store.keep("measured", key, of[-1].table)
    outputs = _outputs(comparison, made)
    score_path, output_path, embedding_path = table_paths(store.run, shard.key)
    write_table(output_path, outputs)
    write_table(embedding_path, EMBEDDINGS.empty_table())
    write_table(score_path, _scores(comparison, of))
    failed = len(outputs) - outputs["error"].null_count
    return ShardResult(shard.key, len(outputs), failed, 0.0, shard.cell.alone)


@dataclass(frozen=True)
class _Columns:
    """Rows of a table, and of which utterance of the shard each is."""

    table: pa.Table
    places: np.ndarray

    @classmethod
    def of_rows(cls, rows: Sequence[Row], places: Sequence[int], schema: pa.Schema) -> _Columns:
        return cls(pa.Table.from_pylist(list(rows), schema), np.array(places, np.int64))


def _in_order(*parts: _Columns) -> _Columns:
    """All rows, by their utterances; those of one in the order of ``parts``."""
    table = pa.concat_tables([each.table for each in parts])
    places = np.concatenate([each.places for each in parts])
    order = np.argsort(places, kind="stable")
    return _Columns(table.take(order).combine_chunks(), places[order])


def _measured(comparison: Comparison, metric: Counting, made: Mapping[str, Sequence[Row]]
             ) -> _Columns:
    """The rows of ``metric``; those of utterances that are not plain were ``made``."""
    names, (amounts, weights) = at_once.counted(metric, comparison.edits(metric))
    plain, n, utterances = comparison.plain, len(names), comparison.shard.utterances
    ids = pa.array([utterances[i].id for i in plain], pa.string())
    counts = pa.table([
        ids.take(np.repeat(np.arange(len(plain)), n)),
        pa.array(names, pa.string()).take(np.tile(np.arange(n), len(plain))),
        amounts.ravel(), weights.ravel(), pa.nulls(n * len(plain), pa.string())],
        schema=MEASURED)
    rows = [(i, row) for i in comparison.odd for row in made.get(utterances[i].id, ())]
    others = _Columns.of_rows([row for _, row in rows], [i for i, _ in rows], MEASURED)
    return _in_order(_Columns(counts, np.repeat(plain, n)), others)


def _scores(comparison: Comparison, of: Sequence[_Columns]) -> pa.Table:
    """The shard's part of the scores table, ``of`` what its metrics measured."""
    cell, utterances = comparison.shard.cell, comparison.shard.utterances
    speakers = pa.array([u.speaker for u in utterances], pa.string())
    return _in_order(*(_Columns(_named(columns, asked, speakers, cell), columns.places)
                      for columns, asked in zip(of, cell.metrics, strict=True))).table


def _named(columns: _Columns, asked: Asked, speakers: pa.Array, cell: Cell) -> pa.Table:
    """Of one metric, under the names that the run has for its scores."""
    table, n = columns.table, len(columns.places)
    found = pc.dictionary_encode(table["metric"]).combine_chunks()
    names = pa.array([asked.named(name) for name in found.dictionary.to_pylist()], pa.string())
    return pa.table([
        _same(cell.pipeline.name, n), _same(cell.condition_name, n), table["utterance_id"],
        speakers.take(columns.places), names.take(found.indices), table["amount"],
        table["weight"], table["error"]], schema=scores.SCHEMA)


def _same(value: str, n: int) -> pa.Array:
    return pa.array([value], pa.string()).take(np.zeros(n, np.int64))


def _outputs(comparison: Comparison, made: Made) -> pa.Table:
    """The shard's rows of OUTPUTS."""
    shard, plain, odd = comparison.shard, comparison.plain, comparison.odd
    heard, n = comparison.heard.take(plain), len(plain)
    columns = {
        "pipeline": _same(shard.cell.pipeline.name, n),
        "condition": _same(shard.cell.condition_name, n), "utterance_id": heard["utterance_id"],
        "hypothesis": heard["text"], **{name: heard[name] for name, _ in HEARD_BESIDE},
        "alignment": pa.array(comparison.aligned[0], pa.string()),
        "processing_seconds": heard["processing_seconds"].fill_null(0.0)}
    table = pa.table([columns.get(field.name, pa.nulls(n, field.type)) for field in OUTPUTS],
                     schema=OUTPUTS)
    rows = [output_row(shard, shard.utterances[i], made) for i in odd]
    return _in_order(_Columns(table, plain), _Columns.of_rows(rows, odd, OUTPUTS)).table
