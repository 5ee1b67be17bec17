"""What enhancers cost: measured in the run, declared by the plug-in."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

from evalkit.core.clock import machine
from evalkit.core.errors import ConfigError, PluginError
from evalkit.core.plugins import create
from evalkit.core.types import Cost
from evalkit.run.declared import check_cost
from evalkit.run.runner import Work, run
from evalkit.store.documents.run import RunRecord
from evalkit.store.runfolder import RunFolder
from evalkit.systems.rnnoise import RNNoise
from tests.run.runs import config

pytestmark = pytest.mark.usefixtures("outside")
SLOW = """import shutil, sys, time
end = time.process_time() + 0.15
while time.process_time() < end: pass
shutil.copy(sys.argv[1], sys.argv[2])
"""


def go(manifest: Path, out: Path, *enhancers: object) -> RunFolder:
    pipelines = [{"name": "noisy"}, *({"name": f"e{i}", "enhancer": each}
                                      for i, each in enumerate(enhancers))]
    return run(config(manifest, pipelines=pipelines, metrics=["si_sdr"], conditions=[
        {"name": "hum", "noise": "stationary", "snr_db": 10}]), out, Work(0))


def test_what_enhancers_took_is_kept_and_said_once(tiny_corpus: Path, tmp_path: Path) -> None:
    first = go(tiny_corpus, tmp_path / "run", "late", {"name": "late", "nan": True})
    rows = first.outputs().set_index("pipeline")
    late, row = rows.loc["e0"], first.summary().enhancing[0]
    assert rows.loc["noisy", "enhancer_seconds"].isna().all()
    assert rows.loc["e1", "enhancer_seconds"].isna().all(), "what failed has no time"
    assert (late["enhancer_processor_seconds"] > 0).all()
    assert set(late["enhancer_machine"]) == {machine()}
    assert [each.pipeline for each in first.summary().enhancing] == ["e0"]
    assert (row.condition, row.machine, row.utterances) == ("hum", machine(), len(late))
    assert row.seconds == pytest.approx(late["seconds"].sum())
    assert row.processor_seconds == pytest.approx(late["enhancer_processor_seconds"].sum())
    again = go(tiny_corpus, tmp_path / "run", {"name": "late", "gain": 0.25}, "late")
    assert again.summary().enhancing[1].model_copy(update={"pipeline": "e0"}) == row


def test_the_time_of_a_command_is_that_of_its_process(tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "slow.py").write_text(SLOW)
    lines = tiny_corpus.read_text().splitlines()[:2]
    (tiny_corpus.parent / "two.jsonl").write_text("\n".join(lines))
    command = {"name": "command", "weights": 7, "macs_per_second": 3e9,
               "run": [sys.executable, str(tmp_path / "slow.py"), "{input}", "{output}"]}
    folder = go(tiny_corpus.parent / "two.jsonl", tmp_path / "run", command)
    assert folder.summary().enhancing[0].processor_seconds > 2 * 0.15
    system = folder.record().pipelines["e0"].enhancer
    assert system.cost == Cost(7, None, 3e9, "the options of the program do not say it")
    assert "weights" not in system.identity, "what is said of it changes nothing that it makes"


def test_a_cost_is_looked_at() -> None:
    for wrong in ({"weights": -1}, {"weights": True}, {"weights": 1.5}, {"bytes": "1"},
                  {"macs_per_second": float("nan")}, {"macs_per_second": 1e30}):
        with pytest.raises(ValueError, match=f"cost: {next(iter(wrong))} must be a number from 0"):
            Cost(**wrong, unknown="why")
    for missing in ({}, {"weights": 1, "bytes": 2}, {"unknown": " "}, {"unknown": None}):
        with pytest.raises(ValueError, match="where a number is None, unknown must say why"):
            Cost(**missing)
    with pytest.raises(ConfigError, match="cost: weights must be a number from 0"):
        create("enhancers", "command", {"run": "cat {input} {output}", "weights": -5})

    class Unpriced:
        cost = (1, 2, 3)

    with pytest.raises(PluginError, match="mine: cost must be a Cost"):
        check_cost(Unpriced(), "mine")
    check_cost(RNNoise(), "mine")


def test_a_cost_that_is_no_number_is_refused_where_a_run_is_read(tiny_corpus: Path,
                                                                 tmp_path: Path) -> None:
    folder = go(tiny_corpus, tmp_path / "run", "late")
    tree = json.loads((folder.path / "run.json").read_text())
    tree["pipelines"]["e0"]["enhancer"]["cost"]["weights"] = -3
    (folder.path / "run.json").write_text(json.dumps(tree))
    with pytest.raises(Exception, match="weights must be a number from 0"):
        RunRecord.read(folder.path / "run.json")
