"""A run's outputs with their scores, piece by piece: memory is that of a piece."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.core.errors import RunError
from evalkit.store.outputs import INDEX_TABLE, OutputStore
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import FILLED, SCHEMA, read_columns, score_tables
from evalkit.store.sealed import readable

PIECE = 20_000
"""Outputs of a piece, at least."""
COLUMNS = ["pipeline", "condition", "utterance_id", "hypothesis", "alignment", "error"]
KEYS = COLUMNS[:3]


class Piece(NamedTuple):
    """Rows of COLUMNS, and the scores of those and of no others."""

    outputs: pd.DataFrame
    scores: pd.DataFrame


def pieces(run: RunFolder) -> Iterator[Piece]:
    """The outputs of a run in their order. Raises RunError where a table is not as the run wrote
    it."""
    wrong = run.damages()
    if wrong:
        raise RunError(f"{run.path}: {wrong[0]}; run it again")
    run.check_scores()
    with readable(run.path / "outputs.parquet"):
        outputs = pq.ParquetFile(run.path / "outputs.parquet")
        shards = _shards(run.path, outputs.metadata.num_rows)
        batches = outputs.iter_batches(PIECE, columns=COLUMNS)
        sizes = [n for n, _ in shards]
        for rows, (_, paths) in zip(_taken(batches, sizes), shards, strict=True):
            scores = pa.concat_tables(read_columns(path, SCHEMA.names, FILLED, SCHEMA)
                                      for path in paths)
            yield Piece(rows.to_pandas(), scores.to_pandas())


def _shards(run: Path, n: int) -> list[tuple[int, list[Path]]]:
    """How many rows of outputs belong to which tables of scores: by the run's index, several
    shards together, or all at once where it has none that fits."""
    rows = OutputStore(run).index() if (run / INDEX_TABLE).exists() else []
    found = [(row["utterances"], run / "scores" / f"{row['tables']}.parquet") for row in rows]
    if sum(many for many, _ in found) != n or not all(path.exists() for _, path in found):
        return [(n, score_tables(run))]
    return list(_together(found))


def _together(shards: Iterable[tuple[int, Path]]) -> Iterator[tuple[int, list[Path]]]:
    """Shards in groups of PIECE rows."""
    size, paths = 0, list[Path]()
    for many, path in shards:
        size, paths = size + many, [*paths, path]
        if size >= PIECE:
            yield size, paths
            size, paths = 0, []
    if paths:
        yield size, paths


def _taken(batches: Iterable[pa.RecordBatch], sizes: Sequence[int]) -> Iterator[pa.Table]:
    """The rows of ``batches`` in tables of ``sizes``."""
    source, left = iter(batches), pa.table({name: pa.array([], pa.string()) for name in COLUMNS})
    for size in sizes:
        while len(left) < size:
            left = pa.concat_tables([left, pa.Table.from_batches([next(source)])])
        yield left.slice(0, size)
        left = left.slice(size)
