"""docs/scaling.md: its queries are run on a run folder as it is."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit

PAGE = (Path(__file__).parent.parent / "docs" / "scaling.md").read_text()
OWN = ("pipeline", "condition", "metric", "amount", "weight", "error")
"""Columns of scores that metadata have, too."""
BLOCKS = re.findall(r"^```python\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_other_programs_read_the_tables_as_they_are(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
        ) -> None:
    for package in ("duckdb", "polars"):
        pytest.importorskip(package)
    write_manifest(tmp_path / "m.jsonl", [
        {"id": f"u{n}", "text": "turn on the light", "speaker": f"s{n % 8}", "accent": "ab"[n % 2],
         **dict.fromkeys(OWN, "metadata")} for n in range(64)])
    for name, lost in (("old", 3), ("new", 0)):
        write_manifest(tmp_path / f"{name}.jsonl", [
            {"id": f"u{n}", "hypothesis": f"turn {'on' if n % 2 else 'off'} a light"}
            for n in range(lost, 64)])
    monkeypatch.chdir(tmp_path)
    done = evalkit("score", "-m", "m.jsonl", "-y", "old=old.jsonl", "-y", "new=new.jsonl", "-o",
                   "runs/v2")
    assert done.returncode == 0, done.stderr
    names: dict[str, Any] = {}
    assert len(BLOCKS) == 2
    _a_data_set_is_pruned()
    for block in BLOCKS:
        exec(compile(block, "docs/scaling.md", "exec"), names)
    assert "speakers" in capsys.readouterr().out
    words = RunFolder(Path("runs/v2")).scores().query("metric == 'wer'").merge(
        RunFolder(Path("runs/v2")).utterances()[["utterance_id", "accent"]])
    sums = words.groupby(["pipeline", "accent"])[["amount", "weight"]].sum()
    wanted = dict(sums["amount"] / sums["weight"])
    found = names["by_accent"].rows()
    assert {row[:2]: row[2] for row in found} == pytest.approx(wanted) and len(found) == 4
    assert {row[:2]: row[4] for row in found} == {
        ("old", "a"): 2, ("old", "b"): 1, ("new", "a"): 0, ("new", "b"): 0}
    query = re.search(r'"""(.*?)"""', BLOCKS[0], re.DOTALL)
    assert query and {row[:2]: row[2:] for row in names["duckdb"].sql(query[1]).fetchall()} == {
        row[:2]: pytest.approx(row[2:]) for row in found}


def _a_data_set_is_pruned() -> None:
    """Files of no other pipeline are looked at."""
    import duckdb
    import polars as pl

    done = evalkit("export", "dataset", "runs/v2", "--out", "v2.dataset")
    assert done.returncode == 0 and "in 2 files" in done.stdout, done.stderr
    assert "give a new folder" in evalkit("export", "dataset", "runs/v2", "-o", "v2.dataset").stderr
    inside = evalkit("export", "dataset", "runs/v2", "--out", "runs/v2/new")
    assert "is in the run folder" in inside.stderr and not Path("runs/v2/new").exists()
    wanted = RunFolder(Path("runs/v2")).scores().query("pipeline == 'new'")
    lazy = pl.scan_parquet("v2.dataset/scores", hive_partitioning=True
                           ).filter(pl.col("pipeline") == "new")
    assert "pipeline=old" not in lazy.explain() and lazy.collect()["amount"].sum() == (
        wanted["amount"].sum())
    query = ("FROM read_parquet('v2.dataset/scores/**/*.parquet', hive_partitioning=true) "
             "WHERE pipeline = 'new'")
    plan = duckdb.sql(f"EXPLAIN SELECT sum(amount) {query}").fetchall()[0][1]
    assert "Scanning Files: 1/2" in plan, plan
    assert duckdb.sql(f"SELECT count(*), sum(amount) {query}").fetchall() == [
        (len(wanted), wanted["amount"].sum())]
