"""Which utterances are given to a pipeline alone too, and what its batches changed of them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

import numpy as np
import pyarrow as pa

from evalkit.core.config import EvalConfig
from evalkit.core.errors import UtteranceError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.types import Utterance
from evalkit.run.measured import word_options
from evalkit.run.pipeline import WordOptions
from evalkit.run.plan import Plan, Shard
from evalkit.run.tables import table_paths
from evalkit.store.documents.batching import BatchEffect, Recounted
from evalkit.store.documents.run import Pipeline, depending
from evalkit.store.manifest import Manifest
from evalkit.store.outputs import Row
from evalkit.store.runfolder import CELL, EMBEDDINGS, OUTPUTS
from evalkit.store.sealed import check, read_table, write_table
from evalkit.store.seals import OUTPUTS_TABLE

ALONE = "alone.parquet"
"""What pipelines made of utterances that they were given alone."""
SCHEMA = pa.schema([
    *((name, pa.string()) for name in CELL), ("hypothesis", pa.string()),
    ("embedding", pa.list_(pa.float32())), ("error", pa.string())])


def effects(plan: Plan, run: Path, manifest: Manifest, config: EvalConfig) -> list[BatchEffect]:
    """What batches changed, by pipeline and condition: of the shards ``plan.alone``, which are
    done and whose results are kept in ALONE, or where that is None of what is kept there."""
    alone = _kept(plan, run)
    batched = _made_in_batches(run, {row["utterance_id"] for row in alone}) if alone else {}
    known, words = {u.id: u for u in manifest.utterances}, word_options(config)
    return [_effect(plan.pipelines[cell[0]], _Both([(row, batched[_cell(row)]) for row in rows]),
                    known, words)
            for cell, rows in groupby(alone, key=lambda row: (row["pipeline"], row["condition"]))]


def _kept(plan: Plan, run: Path) -> list[Row]:
    path = run / ALONE
    if plan.alone is not None:
        path.unlink(missing_ok=True)
    if plan.alone:
        write_table(path, pa.Table.from_pylist(_made_alone(plan.alone, run), SCHEMA))
    if not path.exists():
        return []
    check(path)
    return read_table(path, schema=SCHEMA).to_pylist()


def unseen(plan: Plan) -> list[LeftOut]:
    """The pipelines that hear batches, where nobody looked at what that changes."""
    names = () if plan.alone is None or plan.alone else tuple(
        name for name, parts in plan.pipelines.items() if _batch(parts) > 1)
    return [LeftOut("pipeline", "what batches change", "batch_check is 0", len(names),
                    names[:NAMED])] if names else []


def _batch(parts: Pipeline) -> int:
    """How many utterances are heard at a time at most."""
    return max(parts.batches.values(), default=1)


def _made_alone(shards: Sequence[Shard], run: Path) -> list[Row]:
    paths = [table_paths(run, shard.key) for shard in shards]
    return [*_by_cell(*(pa.concat_tables(read_table(path[i], schema=schema) for path in paths)
                        for i, schema in ((1, OUTPUTS), (2, EMBEDDINGS)))).values()]


def _made_in_batches(run: Path, names: set[str]) -> dict[tuple[str, ...], Row]:
    return _by_cell(*(read_table(run / name, filters=[("utterance_id", "in", names)])
                      for name in (OUTPUTS_TABLE, "embeddings.parquet")))


def _by_cell(outputs: pa.Table, embeddings: pa.Table) -> dict[tuple[str, ...], Row]:
    """Rows of SCHEMA, by pipeline, condition and utterance."""
    vectors = {_cell(row): row["embedding"] for row in embeddings.to_pylist()}
    return {_cell(row): row | {"embedding": vectors.get(_cell(row))}
            for row in outputs.select([*CELL, "hypothesis", "error"]).to_pylist()}


def _cell(row: Row) -> tuple[str, ...]:
    return tuple(row[name] for name in CELL)


@dataclass(frozen=True)
class _Both:
    """``rows`` of one pipeline and condition: alone, and in a batch."""

    rows: Sequence[tuple[Row, Row]]

    @property
    def whole(self) -> list[tuple[Row, Row]]:
        """Those without a failure."""
        return [(a, b) for a, b in self.rows if a["error"] is None and b["error"] is None]

    @property
    def otherwise(self) -> int:
        """How many transcripts differ."""
        return sum(a["hypothesis"] != b["hypothesis"] for a, b in self.rows)

    @property
    def distance(self) -> float | None:
        """The largest of two embeddings, None where there are none."""
        return max((_distance(a["embedding"], b["embedding"]) for a, b in self.whole
                    if a["embedding"] and b["embedding"]), default=None)


def _effect(parts: Pipeline, both: _Both, known: Mapping[str, Utterance], words: WordOptions
            ) -> BatchEffect:
    first, n = both.rows[0][0], len(both.rows)
    heard = "recognised" in depending(parts.batches)
    return BatchEffect(
        pipeline=first["pipeline"], condition=first["condition"], batch=_batch(parts), n=n,
        n_failed=n - len(both.whole), otherwise=both.otherwise if heard else None,
        counts=list(_recounted(both.whole, known, words)) if heard else [],
        distance=both.distance)


def _recounted(both: Sequence[tuple[Row, Row]], known: Mapping[str, Utterance],
               words: WordOptions) -> Iterator[Recounted]:
    for a, b in both:
        utterance = known[a["utterance_id"]]
        if utterance.text is None:
            continue
        try:
            alone, batch = (words.align(utterance.text, row["hypothesis"]).edits for row in (a, b))
        except UtteranceError:  # TooLong, which its scores say too
            continue
        yield Recounted(utterance_id=utterance.id, speaker_id=utterance.speaker,
                        words=alone.reference_length, alone=alone.errors, batch=batch.errors)


def _distance(one: Sequence[float], other: Sequence[float]) -> float:
    """The cosine distance of two vectors, 2 where they are not of one length."""
    if len(one) != len(other):
        return 2.0
    a, b = (np.asarray(vector) / np.linalg.norm(vector) for vector in (one, other))
    return float(np.clip(np.sum((a - b) ** 2) / 2, 0.0, 2.0))
