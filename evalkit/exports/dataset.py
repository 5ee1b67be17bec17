"""A run's scores as a data set that others divide by its folders: DuckDB, Polars and Spark leave
out of reading what a query does not ask for (Hive's layout, `pipeline=…/condition=…`)."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple
from urllib.parse import quote

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from evalkit.core.errors import ConfigError
from evalkit.core.files import replacing_folder
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import each_table

FOLDERS = ["pipeline", "condition"]
UTTERANCES = "utterances.parquet"


class Dataset(NamedTuple):
    """How many ``rows`` of scores are in how many ``files``."""

    rows: int
    files: int


def export_dataset(run: Path, out: Path) -> Dataset:
    """Writes ``scores/pipeline=…/condition=…/*.parquet`` and ``utterances.parquet`` into the new
    folder ``out``, a shard in memory at a time. Names are in the folders as in a URL (%2F for /).
    Raises ConfigError where there is something at ``out`` or it is in the run folder,
    RunError for a run that is not whole."""
    if out.exists():
        raise ConfigError(f"--out {out}: is there already; give a new folder")
    if run.resolve() in out.resolve().parents:
        raise ConfigError(f"--out {out}: is in the run folder; give one elsewhere")
    folder, rows, files = RunFolder(run), 0, 0
    folder.check_scores()
    with replacing_folder(out) as made:
        for number, table in enumerate(each_table(run)):
            rows += len(table)
            for place, part in _divided(table):
                path = made / "scores" / place / f"{number:06d}-0.parquet"
                path.parent.mkdir(parents=True, exist_ok=True)
                pq.write_table(part, path, compression="zstd")
                files += 1
        shutil.copyfile(run / UTTERANCES, made / UTTERANCES)
    return Dataset(rows, files)


def _divided(table: pa.Table, names: Sequence[str] = FOLDERS) -> Iterator[tuple[Path, pa.Table]]:
    """The rows of each folder, without the columns ``names`` that it names. By hand: after Arrow's
    own writer of data sets, and its threads, a process now and then aborts as it ends."""
    if not names:
        yield Path(), table
        return
    name, *others = names
    for value in pc.unique(table[name]).to_pylist():
        rows = table.filter(pc.equal(table[name], value)).drop_columns([name])
        for place, part in _divided(rows, others):
            yield f"{name}={quote(value, safe='')}" / place, part
