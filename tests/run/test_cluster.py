"""A Dask scheduler and workers that are processes of their own, one of which is killed half-way."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from evalkit.core.errors import ConfigError
from evalkit.run import executors
from evalkit.run.corpora import run_corpora
from evalkit.run.overlap import Work, portion_said
from evalkit.run.runner import run
from tests.run.runs import config, tables

pytestmark = pytest.mark.usefixtures("outside")


def test_a_worker_that_is_killed_changes_nothing(tiny_corpus: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    pipelines = [{"name": "plain", "recognizer": {
        "name": "deadly", "loads": str(tmp_path / "loads"), "pause": 0.1}}]
    settings = config(tiny_corpus, pipelines=pipelines, metrics=["wer"], conditions=["clean"],
                      shard_size=1)
    whole = run(settings, tmp_path / "whole", Work(0))
    (tmp_path / "loads").unlink()
    with distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True,
                                  dashboard_address=":0") as cluster:
        with distributed.Client(cluster) as client:
            first, second = client.run(os.getpid).values()
        killing = threading.Thread(target=_kill, args=(first, tmp_path / "run" / "scores"))
        killing.start()
        folder = run(settings, tmp_path / "run", Work(scheduler=cluster.scheduler_address))
        killing.join()
        assert not Path(f"/proc/{first}").exists() and Path(f"/proc/{second}").exists()
    assert tables(folder.path) == tables(whole.path)
    assert len(set((tmp_path / "loads").read_text().split())) >= 2


def test_where_no_scheduler_answers_nothing_is_begun(tiny_corpus: Path, tmp_path: Path,
                                                     monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "PATIENCE", 0.5)
    pipelines = [{"name": "plain", "recognizer": "level"}]
    settings = config(tiny_corpus, pipelines=pipelines, metrics=["wer"], conditions=["clean"])
    with pytest.raises(ConfigError, match="no Dask scheduler answers there"):
        run(settings, tmp_path / "run", Work(scheduler="tcp://127.0.0.1:1"))
    with pytest.raises(ConfigError, match="no Dask scheduler answers there"):
        run_corpora({"x": settings}, tmp_path / "run", Work(scheduler="tcp://127.0.0.1:1"),
                    say=lambda line: None)
    assert not (tmp_path / "run").exists()
    run(settings, tmp_path / "run", Work(0, portion=portion_said("1/1")))


def _kill(pid: int, scores: Path) -> None:
    """Once a few shards are done."""
    while len(list(scores.glob("*.parquet"))) < 2:
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
