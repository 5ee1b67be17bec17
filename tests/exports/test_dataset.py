"""A run's scores as a data set that is divided by folders."""

from __future__ import annotations

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.dataset as ds
import pytest

from evalkit.core.errors import ConfigError
from evalkit.exports.dataset import export_dataset
from evalkit.run.given import score
from evalkit.store.runfolder import RunFolder

NAMES = "v1+b", "07", "7"


def test_what_is_divided_is_all_there(tmp_path: Path) -> None:
    """As Arrow reads it, names of folders among it."""
    (tmp_path / "m.jsonl").write_text("".join(
        json.dumps({"id": f"u{i}", "text": "turn on", "speaker": f"s{i}"}) + "\n"
        for i in range(3)))
    (tmp_path / "h.tsv").write_text("u0\tturn\nu1\tturn on\nu2\ton\n")
    run = score(tmp_path / "m.jsonl", dict.fromkeys(NAMES, tmp_path / "h.tsv"), tmp_path / "run",
                metrics=["wer"], normaliser="none")
    made = export_dataset(run.path, tmp_path / "out")
    scores = pa.Table.from_pandas(run.scores(), preserve_index=False)
    assert made == (len(scores), len(NAMES))
    text = pa.string()
    read = ds.dataset(tmp_path / "out" / "scores", partitioning=ds.partitioning(
        pa.schema([("pipeline", text), ("condition", text)]), flavor="hive")).to_table()
    key = ["pipeline", "utterance_id", "metric"]
    assert rows(read, key) == rows(scores, key)
    assert set(read["pipeline"].to_pylist()) == set(NAMES)
    assert (tmp_path / "out" / "utterances.parquet").read_bytes() == (
        RunFolder(run.path).path / "utterances.parquet").read_bytes()
    with pytest.raises(ConfigError, match="is there already"):
        export_dataset(run.path, tmp_path / "out")


def rows(table: pa.Table, key: list[str]) -> list[dict[str, object]]:
    """In order of ``key``, texts as texts."""
    found = table.select(sorted(table.column_names)).to_pylist()
    return sorted(found, key=lambda row: [row[name] for name in key])
