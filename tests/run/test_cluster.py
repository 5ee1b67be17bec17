"""A Dask scheduler and workers that are processes of their own, one of which is killed half-way."""

from __future__ import annotations

import os
import signal
import threading
import time
from pathlib import Path

import pytest

from evalkit.run.overlap import Work
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


def _kill(pid: int, scores: Path) -> None:
    """Once a few shards are done."""
    while len(list(scores.glob("*.parquet"))) < 2:
        time.sleep(0.02)
    os.kill(pid, signal.SIGKILL)
