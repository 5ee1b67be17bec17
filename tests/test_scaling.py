"""docs/scaling.md: its queries are run on a run folder as it is, and its jobs in a shell."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterable, Sequence
from importlib.util import find_spec
from pathlib import Path
from shutil import which
from typing import Any

import pandas as pd
import pytest
import yaml

from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit
from tests.run.runs import tables

PAGE = (Path(__file__).parent.parent / "docs" / "scaling.md").read_text()


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


OWN = ("pipeline", "condition", "metric", "amount", "weight", "error")
"""Columns of scores that metadata have, too."""
LOST = {"07": 3, "007": 0}
"""Utterances of which each pipeline says nothing: two names, and one number."""
Rates = dict[tuple[str, ...], Any]
"""By pipeline, condition and perhaps accent: WER, perhaps speakers, and failures."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the page's commands are given: with a run, and the data set of it."""
    tmp_path = tmp_path_factory.mktemp("scaling")
    write_manifest(tmp_path / "m.jsonl", [
        {"id": f"u{n}", "text": "turn on the light", "speaker": f"s{n % 8}", "accent": "ab"[n % 2],
         **dict.fromkeys(OWN, "metadata")} for n in range(64)])
    given = []
    for name, lost in LOST.items():
        write_manifest(tmp_path / f"{name}.jsonl", [
            {"id": f"u{n}", "hypothesis": f"turn {'on' if (n + lost) % 3 else 'off'} a light"}
            for n in range(lost, 64)])
        given += ["-y", f"{name}={name}.jsonl"]
    done = evalkit("score", "-m", "m.jsonl", *given, "-o", "runs/v2", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    done = evalkit("export", "dataset", "runs/v2", "--out", "v2.dataset", cwd=tmp_path)
    assert done.returncode == 0 and "in 2 files" in done.stdout, done.stderr
    return tmp_path


@pytest.fixture(autouse=True)
def there(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)


def wanted(*by: str) -> Rates:
    """WER and failures by evalkit's own tables."""
    run = RunFolder(Path("runs/v2"))
    words = run.scores().query("metric == 'wer'").merge(
        run.utterances()[["utterance_id", "accent"]]).groupby(["pipeline", "condition", *by])
    sums = words[["amount", "weight"]].sum()
    rates = pd.DataFrame({"wer": sums["amount"] / sums["weight"], "failed": words["error"].count()})
    assert len(rates) == 2 ** (1 + len(by)) and rates["failed"].sum() == sum(LOST.values())
    return {row[:-2]: pytest.approx(row[-2:]) for row in rates.reset_index().itertuples(index=False,
                                                                                       name=None)}


def rated(rows: Iterable[Sequence[Any]], by: int) -> Rates:
    return {tuple(row[:by]): (row[by], row[-1]) for row in rows}


def query(block: str) -> str:
    """The SQL in it."""
    found = re.search(r'"""(.*?)"""', block, re.DOTALL)
    assert found
    return found[1]


def test_duckdb_and_polars_find_what_evalkit_finds(
        capsys: pytest.CaptureFixture[str]) -> None:
    for package in ("duckdb", "polars"):
        pytest.importorskip(package)
    names: dict[str, Any] = {}
    for block in blocks("python"):
        exec(compile(block, "docs/scaling.md", "exec"), names)
    assert "speakers" in capsys.readouterr().out
    of_dataset, _, of_run, _ = blocks("python")
    sql = names["duckdb"].sql
    assert rated(sql(query(of_dataset)).fetchall(), 2) == wanted()
    assert rated(names["rates"].rows(), 2) == wanted()
    assert rated(sql(query(of_run)).fetchall(), 3) == wanted("accent")
    assert rated(names["by_accent"].rows(), 3) == wanted("accent")
    plan = sql("EXPLAIN " + query(of_dataset).replace("WHERE", "WHERE pipeline = '007' AND")
               ).fetchall()[0][1]
    assert "Scanning Files: 1/2" in plan, plan
    plan = names["dataset"].filter(names["pl"].col("pipeline") == "007").explain()
    assert "pipeline=007" in plan and "pipeline=07" not in plan


@pytest.mark.skipif(not (find_spec("pyspark") and which("java")), reason="Spark is not here")
def test_spark_finds_what_evalkit_finds() -> None:
    from pyspark.sql import SparkSession

    of_dataset, of_run = (block for block in blocks("py") if "spark." in block)
    session = SparkSession.builder.master("local[1]").config("spark.ui.enabled", "false")
    with session.config("spark.sql.shuffle.partitions", "1").getOrCreate() as spark:
        for block, by in ((of_dataset, ()), (of_run, ("accent",))):
            exec(compile(block, "docs/scaling.md", "exec"), {"spark": spark})
            assert rated(spark.sql(query(block)).collect(), 2 + len(by)) == wanted(*by)


def test_a_data_set_is_a_new_folder_elsewhere() -> None:
    assert "give a new folder" in evalkit("export", "dataset", "runs/v2", "-o", "v2.dataset").stderr
    inside = evalkit("export", "dataset", "runs/v2", "--out", "runs/v2/new")
    assert "is in the run folder" in inside.stderr and not Path("runs/v2/new").exists()


def test_an_array_and_pods_make_the_shards_of_a_run() -> None:
    """A job of the array the first of two, a pod the second, each in a shell."""
    Path("eval.yaml").write_text(json.dumps({
        "corpus": "m.jsonl", "metrics": ["wer"], "shard_size": 32,
        "pipelines": [{"name": "v", "recognizer": {"name": "precomputed", "path": "07.jsonl"}}]}))
    assert evalkit("run", "eval.yaml", "-o", "runs/whole", "-j", "0").returncode == 0
    script, spec = blocks("sh")[0], yaml.safe_load(blocks("yaml")[0])["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    assert "--array=1-64 " in script and spec["completions"] == 64
    jobs = [started("job", script, SLURM_ARRAY_TASK_ID="1"),
            started("pod", container["command"][2], JOB_COMPLETION_INDEX="1")]
    said = [job.communicate()[1] for job in jobs]
    assert [job.returncode for job in jobs] == [0, 0], said
    done = evalkit("merge", "runs/pod.1", "runs/job.1", "--out", "runs/merged")
    assert done.returncode == 0, done.stderr
    assert tables(Path("runs/merged")) == tables(Path("runs/whole"))


def started(name: str, script: str, **environment: str) -> subprocess.Popen[str]:
    """The script, of two shards in folders of that name, as it is given to a shell."""
    for shown, small in (("runs/v2", f"runs/{name}"), ("/64", "/2"), ("--workers 4", "-j 0")):
        assert shown in script
        script = script.replace(shown, small)
    path = f"{Path(sys.executable).parent}:{os.environ['PATH']}"
    return subprocess.Popen(["sh", "-c", script], env=os.environ | {"PATH": path} | environment,
                            stderr=subprocess.PIPE, text=True)
