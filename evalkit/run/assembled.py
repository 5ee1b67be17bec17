"""The tables of a run that are made of all its shards."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from evalkit import __version__
from evalkit.core.errors import RunError, one_line
from evalkit.run.plan import Plan
from evalkit.run.tables import table_paths
from evalkit.run.vectors import of_one_length, told
from evalkit.store.events import (
    EMISSIONS,
    EMISSIONS_COLUMN,
    EMISSIONS_TABLE,
    EVENTS,
    EVENTS_COLUMN,
    EVENTS_TABLE,
    unfolded,
)
from evalkit.store.outputs import INDEX, INDEX_TABLE, OutputStore
from evalkit.store.runfolder import EMBEDDINGS, OUTPUTS, RunFolder
from evalkit.store.sealed import check, names_in, read_table, write_table, write_tables
from evalkit.store.seals import OUTPUTS_TABLE


def assemble(plan: Plan, out: Path, utterances: pa.Table) -> None:
    """Writes the tables of the run. Raises RunError for a shard's table that is no longer there or
    was changed since it was written."""
    paths = [table_paths(out, shard.key) for shard in plan.shards]
    embeddings, errors = of_one_length(pa.concat_tables(_tables(
        [p[2] for p in paths], EMBEDDINGS)).combine_chunks())
    outputs = _tables([p[1] for p in paths], OUTPUTS)
    write_tables(out / OUTPUTS_TABLE, (told(each, errors) for each in outputs), OUTPUTS)
    write_table(out / "embeddings.parquet", embeddings)
    write_table(out / "utterances.parquet", utterances)
    _write_streamed([p[1] for p in paths], out, plan)
    write_table(out / INDEX_TABLE, _index(plan))


def is_assembled(plan: Plan, out: Path) -> bool:
    """Whether ``out`` holds a finished run of these shards and this corpus, of this evalkit: then
    ``assemble`` would write the tables that are there, where they are whole."""
    try:
        record, index = RunFolder(out).record(), OutputStore(out).index()
    except RunError:
        return False
    return (record.evalkit == __version__ and record.corpus.digest == plan.corpus_digest
            and index == _index(plan).to_pylist())


def _index(plan: Plan) -> pa.Table:
    return pa.Table.from_pylist([
        {"pipeline": shard.cell.pipeline.name, "condition": shard.cell.condition_name,
         "first": shard.first, "utterances": len(shard.utterances), **shard.keys.stages,
         "tables": shard.key} for shard in plan.shards], INDEX)


def _speakers(plan: Plan) -> dict[str, str | None]:
    return {u.id: u.speaker for shard in plan.shards for u in shard.utterances}


def _write_streamed(paths: Sequence[Path], out: Path, plan: Plan) -> None:
    """Writes what streaming recognizers showed, and when words came; removes such tables of an
    earlier run where nothing was streamed."""
    streamed = [path for path in paths if EVENTS_COLUMN.name in names_in(path)]
    speakers = _speakers(plan) if streamed else {}
    for name, column, schema in ((EVENTS_TABLE, EVENTS_COLUMN, EVENTS),
                                 (EMISSIONS_TABLE, EMISSIONS_COLUMN, EMISSIONS)):
        if not streamed:
            (out / name).unlink(missing_ok=True)
            continue
        cell = [field for field in OUTPUTS if field.name in schema.names[:3]]
        rows = (row | {"speaker_id": speakers[row["utterance_id"]]} for path in streamed
                for row in read_table(path, schema=pa.schema([*cell, column])).to_pylist())
        write_table(out / name, pa.Table.from_pylist(list(unfolded(rows, column.name)), schema))


def _tables(paths: Sequence[Path], schema: pa.Schema) -> Iterator[pa.Table]:
    try:
        for path in paths:
            check(path)
            yield pq.read_table(path, schema=schema)
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{paths[0].parent}: was removed or changed while the run worked in it "
                       f"({one_line(error)}); start it again, it goes on where it was") from error
