"""Nothing is endless, and stopping stops: with real processes, through the installed program."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from evalkit.core.errors import RunError
from evalkit.core.processes import WorkerPool
from evalkit.run import halving
from evalkit.run.runner import Work, run
from evalkit.store.runfolder import RunFolder
from tests.conftest import installed
from tests.run.runs import config, tables

pytestmark = pytest.mark.usefixtures("outside")
ONE = Work(1)
EVALKIT = Path(sys.executable).parent / "evalkit"


def length(index: int) -> int:
    """Of a recording of the tiny corpus, in samples."""
    return round((0.8 + 0.05 * index) * 16_000)


def deadly(corpus: Path, out: Path, work: Work = ONE, *, metrics: Any = ("wer",),
           time_limit: float = 300, shard_size: int = 12, **options: Any) -> RunFolder:
    pipelines = [{"name": "plain", "recognizer": {
        "name": "deadly", "loads": str(out.with_suffix(".loads")), **options}}]
    return run(config(corpus, pipelines=pipelines, metrics=list(metrics), conditions=["clean"],
                      time_limit=time_limit, shard_size=shard_size), out, work)


def starts(out: Path) -> int:
    return len(set(out.with_suffix(".loads").read_text().split()))


def errors(folder: RunFolder, metric: str = "wer") -> dict[str, str]:
    """Of the utterances that have one."""
    table = folder.scores().query("metric == @metric").set_index("utterance_id")["error"]
    assert len(table) == 12
    return dict(table.dropna())


def workers() -> list[psutil.Process]:
    """All worker processes that this process started, or a process that it started."""
    return [each for each in psutil.Process().children(recursive=True)
            if each.status() != psutil.STATUS_ZOMBIE
            and "evalkit.core.worker" in " ".join(each.cmdline())]


@pytest.mark.parametrize(("what", "error", "alone", "in_batches"), [
    ("hold", "TimedOut: not done after 2 s", 1, 2),
    ("exit", "Crashed: the process that worked on this utterance died (exit code 0)", 2, 3)])
def test_what_never_ends_or_kills_costs_one_utterance(
        tiny_corpus: Path, tmp_path: Path, what: str, error: str, alone: int, in_batches: int
        ) -> None:
    """It is blamed in each shard that it is in: of what is given alone too, and of batches."""
    folder = deadly(tiny_corpus, tmp_path / "run", Work(1), time_limit=2, batch=2,
                    at=length(6), what=what)
    assert errors(folder) == {"u6": error}
    assert starts(tmp_path / "run") <= 1 + alone + in_batches
    assert not workers()


def test_a_metric_that_never_ends_costs_one_utterance(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = deadly(tiny_corpus, tmp_path / "run", time_limit=2,
                    metrics=["wer", {"name": "endless", "of": "u3"}])
    assert errors(folder) == errors(folder, "endless") == {"u3": "TimedOut: not done after 2 s"}


def test_other_workers_go_on_while_one_dies(tiny_corpus: Path, tmp_path: Path) -> None:
    folder = deadly(tiny_corpus, tmp_path / "run", Work(2), shard_size=6, at=length(2),
                    what="segfault", pause=0.2)
    assert list(errors(folder)) == ["u2"]
    assert starts(tmp_path / "run") <= 2 + 2


def test_a_death_by_chance_changes_nothing(tiny_corpus: Path, tmp_path: Path) -> None:
    calm = deadly(tiny_corpus, tmp_path / "calm", batch=4)
    shot = deadly(tiny_corpus, tmp_path / "shot", batch=4, at=length(6), what="kill",
                  marker=str(tmp_path / "marker"))
    assert (tmp_path / "marker").exists() and starts(tmp_path / "shot") == 2
    assert tables(calm.path) == tables(shot.path)


def test_another_limit_tries_again(tiny_corpus: Path, tmp_path: Path) -> None:
    deadly(tiny_corpus, tmp_path / "run", time_limit=2, at=length(6), what="sleep",
           marker=str(tmp_path / "marker"))
    again = deadly(tiny_corpus, tmp_path / "run", time_limit=30, at=length(6), what="sleep",
                   marker=str(tmp_path / "marker"))
    assert not errors(again)


@pytest.mark.parametrize("loading", ["loop", "abort"])
def test_a_system_that_cannot_be_loaded_is_one_line(
        tiny_corpus: Path, tmp_path: Path, loading: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(halving, "LOADING_LIMIT", 3.0)
    with pytest.raises(RunError, match=r"pipeline 'plain': (not loaded|its process died)"):
        deadly(tiny_corpus, tmp_path / "run", loading=loading)
    assert not workers()


def test_a_dask_cluster_minds_its_workers_too(tiny_corpus: Path, tmp_path: Path) -> None:
    distributed = pytest.importorskip("distributed")
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, processes=True,
                                  dashboard_address=":0") as cluster:
        work = Work(scheduler=cluster.scheduler_address)
        folder = deadly(tiny_corpus, tmp_path / "run", work, time_limit=2, shard_size=6,
                        at=length(2), what="segfault",
                        metrics=["wer", {"name": "endless", "of": "u9"}])
        assert {name: error.split(":")[0] for name, error in errors(folder).items()} == {
            "u2": "Crashed", "u9": "TimedOut"}
        psutil.wait_procs(workers(), timeout=5)
        assert not workers()
        _ends_with_its_cluster(cluster, work, tiny_corpus, tmp_path)


def _ends_with_its_cluster(cluster: Any, work: Work, corpus: Path, place: Path) -> None:
    marker = place / "marker"

    def close() -> None:
        while not marker.exists():
            time.sleep(0.1)
        cluster.close()

    def again(work: Work) -> RunFolder:
        return deadly(corpus, place / "gone", work, shard_size=2, at=length(9), what="sleep",
                      marker=str(marker))

    closing = threading.Thread(target=close)
    closing.start()
    with pytest.raises(RunError, match=r"--scheduler tcp://[^ ]+: it went away, or its workers "
                                       r"did .*; start the run again to go on$"):
        again(work)
    closing.join()
    psutil.wait_procs(workers(), timeout=5)
    assert not workers() and not errors(again(Work(0)))


class Going:
    """The installed program at work on something that never ends."""

    def __init__(self, corpus: Path, out: Path, jobs: int, what: str) -> None:
        marker, self.loads = out.with_name("marker"), out.with_name("loads")
        tree = {"corpus": corpus.name, "metrics": ["wer"], "shard_size": 6, "pipelines": [{
            "name": "plain", "recognizer": {"name": "deadly", "at": length(9), "what": what,
                                            "marker": str(marker), "loads": str(self.loads)}}]}
        settings = corpus.with_name("eval.yaml")
        settings.write_text(json.dumps(tree))
        self.command = [EVALKIT, "run", settings, "--out", out, "-j", str(jobs)]
        self.process = subprocess.Popen(self.command, stderr=subprocess.PIPE, text=True,
                                        start_new_session=True)
        self.wait_for(marker)
        self.children = psutil.Process(self.process.pid).children(recursive=True)

    def wait_for(self, path: Path) -> None:
        for _ in range(600):
            if path.exists():
                return
            time.sleep(0.1)
        self.process.kill()
        pytest.fail(f"{path.name} never came")

    def go_on(self) -> subprocess.CompletedProcess[str]:
        return subprocess.run(self.command, capture_output=True, text=True, check=False)


@pytest.fixture
def going(tiny_corpus: Path, tmp_path: Path) -> Iterator[Any]:
    begun: list[Going] = []

    def begin(jobs: int, what: str) -> Going:
        begun.append(Going(tiny_corpus, tmp_path / "run", jobs, what))
        return begun[-1]

    yield begin
    for each in begun:
        each.process.kill()
        each.process.communicate()


@pytest.mark.parametrize(("number", "code", "jobs", "what", "all_of_them"), [
    (signal.SIGINT, 130, 2, "hold", True), (signal.SIGTERM, 143, 1, "loop", False),
    (signal.SIGTERM, 143, 0, "loop", False)])
def test_stopping_stops(going: Any, tmp_path: Path, *, number: int, code: int, jobs: int,
                        what: str, all_of_them: bool) -> None:
    at_work = going(jobs, what)
    began = time.monotonic()
    (os.killpg if all_of_them else os.kill)(at_work.process.pid, number)
    said = at_work.process.communicate(timeout=20)[1]
    assert time.monotonic() - began < 5 and at_work.process.returncode == code
    last = said.splitlines()[-1]
    assert last.startswith(f"stopped by {signal.Signals(number).name}: ")
    assert "Traceback" not in said
    assert not psutil.wait_procs(at_work.children, timeout=2)[1]
    again = at_work.go_on()
    assert again.returncode == 0, again.stderr
    assert not errors(RunFolder(tmp_path / "run"))


def test_what_ignores_the_first_signal_ends_at_the_second() -> None:
    program = ("import time; from evalkit.cli import commands as cli, stopping\n"
               "def app(**_):\n    said = 'up'\n    with stopping.at_work(''):\n"
               "        while True:\n            try:\n"
               "                print(said, flush=True)\n                time.sleep(60)\n"
               "            except BaseException:\n                said = 'no'\n"
               "stopping.GRACE = 60\ncli.app = app\ncli.main()")
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, text=True) as process:
        assert process.stdout is not None and process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGINT)
        assert process.stdout.readline() == "no\n"
        process.send_signal(signal.SIGTERM)
        assert process.wait(30) == 143


@pytest.mark.parametrize("what", ["hold", "loop"])
def test_workers_end_with_their_parent(going: Any, what: str) -> None:
    at_work = going(2, what)
    at_work.process.kill()
    assert len(at_work.children) >= 1
    assert not psutil.wait_procs(at_work.children, timeout=5)[1]


def test_score_minds_its_metrics_too(tiny_corpus: Path, tmp_path: Path) -> None:
    heard = tmp_path / "heard.tsv"
    heard.write_text("".join(f"u{index}\ton on\n" for index in range(12)))
    words = ("score", "-m", tiny_corpus, "-y", heard, "-o", tmp_path / "run", "--metric",
             "lethal", "--metric", "wer")
    result = installed(*words)
    assert result.returncode == 0, result.stderr
    assert errors(RunFolder(tmp_path / "run"), "lethal") == {
        "u5": "Crashed: the process that worked on this utterance died (SIGKILL)"}


@pytest.mark.parametrize("name, code", [("SIGTERM", 143), ("SIGINT", 130)])
def test_what_a_signal_breaks_off_is_no_internal_error(name: str, code: int) -> None:
    """As an import that is broken off in C code: another error comes of it."""
    program = f"""
import signal
import evalkit.cli.commands
def app(**options):
    try:
        signal.raise_signal(signal.{name})
    except KeyboardInterrupt as stopped:
        raise ImportError("initialization failed") from stopped
evalkit.cli.commands.app = app
evalkit.cli.commands.main()
"""
    ended = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True,
                           timeout=60, check=False)
    assert ended.returncode == code
    assert ended.stderr.startswith(f"stopped by {name}") and ended.stderr.count("\n") == 1


def faults() -> int:
    """How many pages the system gave for arrays of 40 MB together, made again and again."""
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        _ = [np.ones(1 << 17) for _ in range(40)]
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before


@pytest.mark.skipif(not hasattr(ctypes.CDLL(None), "mallopt"), reason="glibc's")
def test_a_worker_uses_again_what_it_freed() -> None:
    with WorkerPool(1) as pool:
        assert pool.submit(faults).result() > 2 * pool.submit(faults).result()
