"""A run's scores as a data set that others divide by its folders: DuckDB, Polars and Spark leave
out of reading what a query does not ask for (Hive's layout, `pipeline=…/condition=…`)."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import NamedTuple

import pyarrow as pa
import pyarrow.dataset as ds

from evalkit.core.errors import ConfigError
from evalkit.core.files import replacing_folder
from evalkit.store.runfolder import RunFolder
from evalkit.store.scores import SCHEMA, each_table

FOLDERS = pa.schema([SCHEMA.field(name) for name in ("pipeline", "condition")])
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
    folder, rows, files = RunFolder(run), 0, list[str]()
    folder.check_scores()
    with replacing_folder(out) as made:
        for number, table in enumerate(each_table(run)):
            rows += len(table)
            ds.write_dataset(
                table, made / "scores", format="parquet", use_threads=False,
                partitioning=ds.partitioning(FOLDERS, flavor="hive"),
                basename_template=f"{number:06d}-{{i}}.parquet",
                existing_data_behavior="overwrite_or_ignore",
                file_options=ds.ParquetFileFormat().make_write_options(compression="zstd"),
                file_visitor=lambda file: files.append(file.path))
        shutil.copyfile(run / UTTERANCES, made / UTTERANCES)
    return Dataset(rows, len(files))
