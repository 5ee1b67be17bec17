"""Shards of texts alone are compared in columns: the same bytes as utterance by utterance."""

from __future__ import annotations

from pathlib import Path

import pytest

import evalkit
from evalkit.core.errors import ManifestError
from evalkit.run import at_once
from evalkit.store import sealed
from evalkit.store.manifest import write_manifest
from evalkit.systems import precomputed

SAID = ["turn on the light", "turn off", "", "...", "你好 world", "naïve café", None, "a " * 1500,
        "It's 5 o'clock", "stop", "one two three four", "ﬁne", "yes"]
HEARD = ["turn of the light", "turn off", "um", "x", "你 好 word", "naive cafe", "hello",
         "a " * 1400, "its five clock", None, "one three four five", "fine", "\x1b yes"]


def tables(run: Path) -> dict[str, bytes]:
    return {str(path.relative_to(run)): path.read_bytes() for path in run.rglob("*.parquet")}


def score(folder: Path, name: str) -> Path:
    return evalkit.score(folder / "m.jsonl", {"v": folder / "h.jsonl"}, folder / name,
                         metrics=["wer", "cer", "mixed_error_rate"], costs="sclite",
                         normaliser=["basic", "none"]).path


def test_tables_are_the_same_in_columns_and_in_rows(tmp_path: Path,
                                                    monkeypatch: pytest.MonkeyPatch) -> None:
    write_manifest(tmp_path / "m.jsonl", [
        {"id": f"u{i}", "text": text, "speaker": f"s{i % 3}", "accent": "x"}
        for i, text in enumerate(SAID)])
    write_manifest(tmp_path / "h.jsonl", [{"id": f"u{i}", "hypothesis": text}
                                          for i, text in enumerate(HEARD) if text is not None])
    written = list[int]()
    monkeypatch.setattr(at_once, "_write", lambda comparison, store, write=at_once._write: (
        written.append(len(comparison.plain)), write(comparison, store))[1])
    columns = score(tmp_path, "columns")
    assert written == [7]
    with monkeypatch.context() as patch:
        patch.setattr(at_once, "_is_of_texts", lambda shard, store: False)
        rows = score(tmp_path, "rows")
    assert tables(columns) == tables(rows)
    assert (columns / "summary.json").read_bytes() == (rows / "summary.json").read_bytes()
    evalkit.rescore(columns, normaliser="basic_turkish")
    assert written == [7, 7]
    with monkeypatch.context() as patch:
        patch.setattr(at_once, "_is_of_texts", lambda shard, store: False)
        evalkit.rescore(rows, normaliser="basic_turkish")
    assert tables(columns) == tables(rows)


def test_a_long_file_is_read_by_another_process(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                                ) -> None:
    path = tmp_path / "h.jsonl"
    write_manifest(path, [{"id": "u1", "hypothesis": "turn on"}])
    monkeypatch.setattr(precomputed, "LONG", 0)
    file = precomputed.Hypotheses(path)
    with monkeypatch.context() as patch, precomputed.read_ahead([file]):
        patch.setattr(precomputed, "read_transcripts", None)
        assert file.texts(["u1"]) == ["turn on"]
    path.write_text("no JSON\n")
    with precomputed.read_ahead([file]), pytest.raises(ManifestError, match=r"h.jsonl:1: Expec"):
        _ = file.ids


def test_a_long_table_is_written_in_groups(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                           ) -> None:
    import pyarrow as pa
    import pyarrow.parquet as pq

    monkeypatch.setattr(sealed, "GROUP", 4)
    parts = [pa.table({"a": [i] * 3}) for i in range(5)]
    sealed.write_tables(tmp_path / "t.parquet", parts, parts[0].schema)
    assert sealed.is_whole(tmp_path / "t.parquet")
    read = pq.ParquetFile(tmp_path / "t.parquet")
    assert [read.metadata.row_group(i).num_rows for i in range(read.num_row_groups)] == [6, 6, 3]
    assert read.read()["a"].to_pylist() == [i for i in range(5) for _ in range(3)]
    monkeypatch.undo()
    sealed.write_tables(tmp_path / "t.parquet", parts, parts[0].schema)
    once = (tmp_path / "t.parquet").read_bytes()
    sealed.write_table(tmp_path / "t.parquet", pa.concat_tables(parts).combine_chunks())
    assert (tmp_path / "t.parquet").read_bytes() == once
