"""The section on quality against cost."""

from __future__ import annotations

import csv
import json
from io import StringIO
from pathlib import Path

import numpy as np
import pytest

from evalkit.report.page import write_report
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content
from evalkit.report.sections.cost import build
from evalkit.report.table import to_csv
from evalkit.store.runfolder import RunFolder
from tests.report.conftest import Page
from tests.worlds import FakeRun


def built(run: FakeRun) -> Content | None:
    """What the section says of a run."""
    return build(ReportedRun(RunFolder(run.write()), run.folder.parent / "out"))


def table(content: Content) -> list[dict[str, str]]:
    """Quality against cost, as its CSV has it."""
    return list(csv.DictReader(StringIO(to_csv(content.tables[0]))))


def pesq(run: FakeRun, pipeline: str) -> float:
    return np.mean([row["amount"] for row in run.scores
                    if row["metric"] == "pesq_wb" and row["pipeline"] == pipeline])


def test_a_mark_and_a_row_an_enhancer(fake_run: FakeRun, tmp_path: Path) -> None:
    fake_run.enhancing[0]["machine"] = "<script>alert(1)</script>"
    page, out = Page(write_report(fake_run.write(), tmp_path / "out")), tmp_path / "out"
    (row,) = csv.DictReader((out / "tables" / "cost.csv").open(encoding="utf-8"))
    findings = json.loads((out / "findings.json").read_text())["sections"]["cost"]
    gain = pesq(fake_run, "rnnoise") - pesq(fake_run, "plain")
    assert "What does quality cost?" in page.text
    assert float(row["Change of PESQ, wideband, MOS-LQO"]) == pytest.approx(gain)
    assert float(row["Change of PESQ, wideband, MOS-LQO, low"]) < gain
    assert float(row["Real-time factor"]) == pytest.approx(0.9 / 36)
    assert row["Weights"] == "87500" and row["Weights, MB"] == ""
    assert row["Multiply-accumulates, millions a second"] == "40"
    assert "(compiled in)" in page.text, "a dash says why"
    (enhancer,) = findings["enhancers"]
    assert enhancer["real_time_factor"] == pytest.approx(0.025)
    assert enhancer["elapsed_real_time_factor"] == pytest.approx(1.2 / 36)
    assert enhancer["gains"]["pesq_wb"]["value"] == pytest.approx(gain)
    assert len(enhancer["timed"]) == len(fake_run.conditions)
    assert "Change of PESQ, wideband against real-time factor" in page.source
    assert "mathdefault" not in page.source, "numbers of the axis are text"
    assert "Not all of it was timed on the same machine" in page.text
    assert "<script>alert(1)</script>" in page.text and len(page.of("script")) == 1


def test_a_run_without_an_enhancer_has_no_such_section(fake_run: FakeRun) -> None:
    fake_run.info["pipelines"]["rnnoise"]["enhancer"] = None
    assert built(fake_run) is None


def test_where_all_enhance_the_values_are_shown(fake_run: FakeRun) -> None:
    pipelines = fake_run.info["pipelines"]
    pipelines["plain"]["enhancer"] = pipelines["rnnoise"]["enhancer"] | {"name": "other"}
    content = built(fake_run)
    rows = table(content)
    assert [float(row["PESQ, wideband, MOS-LQO"]) for row in rows] == pytest.approx(
        [pesq(fake_run, "plain"), pesq(fake_run, "rnnoise")])
    assert rows[0]["Real-time factor"] == ""
    assert [str(item) for item in content.left_out] == [
        "quality against cost: 1 pipeline left out: no call of its enhancer was timed (plain)"]


def test_what_was_not_timed_has_no_mark(fake_run: FakeRun) -> None:
    for row in fake_run.enhancing:
        row["processor_seconds"] = 0.0
    content = built(fake_run)
    assert content.findings["enhancers"][0]["real_time_factor"] is None
    assert not content.shown.figures and not any(content.sentences)
    assert content.left_out[0].names == ("rnnoise",)


def test_pipelines_with_the_same_enhancer_are_one(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", tmp_path / "corpus", ["plain", "one", "two"])
    run.scores = [row for row in run.scores
                  if row["pipeline"] != "one" or row["metric"] != "pesq_wb"]
    content = built(run)
    assert [row["Pipeline"] for row in table(content)] == ["two [also in one]"]
    assert [each["others"] for each in content.findings["enhancers"]] == [["one"]]
    run.info["pipelines"]["two"]["enhancer"] = (
        run.info["pipelines"]["two"]["enhancer"] | {"stream_ms": 10.0})
    assert [row["Enhancer"] for row in table(built(run))] == [
        "rnnoise", "rnnoise [streamed, 10 ms at a time]"]


def test_the_sentence_names_the_best_and_the_cheapest(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", tmp_path / "corpus", ["plain", "dear", "cheap"])
    for name, system in (("dear", "a"), ("cheap", "b")):
        enhancer = run.info["pipelines"][name]["enhancer"]
        run.info["pipelines"][name]["enhancer"] = enhancer | {"name": system}
    for row in run.scores:
        if row["metric"] == "pesq_wb":
            row["amount"] = {"plain": 2.0, "dear": 2.5, "cheap": 2.25}[row["pipeline"]]
    for row in run.enhancing:
        row["processor_seconds"] = {"dear": 7.2, "cheap": 0.36}[row["pipeline"]]
    (sentence,) = built(run).sentences
    assert sentence.striptags() == (
        "Of the enhancers dear changes PESQ, wideband most for the better, by +0.50 MOS-LQO, and "
        "takes 0.2000 s of processor a second of audio; cheap, the cheapest, changes it by +0.25 "
        "MOS-LQO and takes 0.0100 s.")
