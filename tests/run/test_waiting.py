"""What a run waits for before it works: plug-ins that are never made, schedulers, workers."""

from __future__ import annotations

import http.server
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from evalkit.core import deadlines
from evalkit.core.errors import ConfigError, PluginError
from evalkit.run import executors
from evalkit.run.runner import Work, run
from evalkit.store.runfolder import RunFolder
from tests.run.runs import config

pytestmark = pytest.mark.usefixtures("outside")


def made(corpus: Path, out: Path, making: str, time_limit: float) -> RunFolder:
    """A run whose recognizer does ``making`` when it is made."""
    pipelines = [{"name": "plain", "recognizer": {"name": "deadly", "making": making}}]
    return run(config(corpus, pipelines=pipelines, metrics=["wer"], conditions=["clean"],
                      time_limit=time_limit), out)


class Silent(http.server.SimpleHTTPRequestHandler):
    """Logs nothing."""

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def http_server() -> Iterator[int]:
    """The port of a server that is no scheduler, such as a scheduler's dashboard."""
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Silent) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@pytest.mark.parametrize("making", ["loop", "sleep"])
def test_a_system_that_is_never_made_is_one_line(
        tiny_corpus: Path, tmp_path: Path, making: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(deadlines, "MAKING_LIMIT", 0.3)
    with pytest.raises(PluginError, match=r"recognizers plug-in 'deadly' cannot be used: not done "
                                          r"after 0.5 s; .* give it longer with time_limit$"):
        made(tiny_corpus, tmp_path / "run", making, 0.5)
    assert signal.getsignal(signal.SIGALRM) is signal.SIG_DFL
    assert not made(tiny_corpus, tmp_path / "run", "", 300).damages()


def test_a_scheduler_without_workers_is_said_again_and_again(
        tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    distributed = pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "LOOK", 0.2)
    monkeypatch.setattr(executors, "SAID_AGAIN", 0.5)
    said: list[str] = []
    with distributed.LocalCluster(n_workers=0, processes=False, dashboard_address=":0") as cluster:

        def say(line: str) -> None:
            said.append(line)
            if sum("has no workers" in each for each in said) == 2:
                cluster.scale(1)

        settings = config(tiny_corpus, pipelines=[{"name": "plain", "recognizer": "level"}],
                          conditions=["clean"], metrics=["wer"])
        folder = run(settings, tmp_path / "run", Work(scheduler=cluster.scheduler_address),
                     say=say)
    waits = [line for line in said if "has no workers; waiting for one" in line]
    assert len(waits) >= 2 and "said every 0.5 s" in waits[0]
    assert len(folder.outputs()) == 12


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "http"])
def test_a_scheduler_that_does_not_answer_is_one_line(
        tiny_corpus: Path, tmp_path: Path, address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("distributed")
    monkeypatch.setattr(executors, "PATIENCE", 2.0)
    with http_server() as port:
        where = f"tcp://127.0.0.1:{port}" if address == "http" else address
        with pytest.raises(ConfigError, match="no Dask scheduler answers there; give the address"):
            run(config(tiny_corpus), tmp_path / "run", Work(scheduler=where))
