"""The section on quality against cost."""

from __future__ import annotations

import csv
import json
import re
from io import StringIO
from pathlib import Path

import numpy as np
import pytest
from matplotlib.figure import Figure

from evalkit.report.cost_figures import SIDE, SIZE, apart, beside
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
    assert float(row["Real-time factor of the enhancer"]) == pytest.approx(0.9 / 36)
    assert row["Weights"] == "87500" and row["Weights, MB"] == ""
    assert row["Multiply-accumulates, millions a second"] == "40"
    assert "(compiled in)" in page.text, "a dash says why"
    (enhancer,) = findings["enhancers"]
    assert enhancer["real_time_factor"] == pytest.approx(0.025)
    assert enhancer["elapsed_real_time_factor"] == pytest.approx(1.2 / 36)
    assert enhancer["gains"]["pesq_wb"]["value"] == pytest.approx(gain)
    assert len(enhancer["timed"]) == len(fake_run.conditions)
    assert "Change of PESQ, wideband against real-time factor of the enhancer" in page.source
    assert "mathdefault" not in page.source, "numbers of the axis are text"
    assert "Not all of it was timed on the same machine" in page.text
    assert "<script>alert(1)</script>" in page.text and len(page.scripts) == 1


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
    assert rows[0]["Real-time factor of the enhancer"] == ""
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
    run.info["pipelines"]["two"]["enhancer"]["stream_ms"] = 59_000.0
    cells = built(run).tables[0].rows[1].cells
    assert cells["enhancer"].detail == "streamed, 59 s at a time, shorter recordings whole"
    assert cells["delay"].text == "10"
    assert cells["delay"].detail == "and up to 59000 until a piece is whole"


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


@pytest.fixture
def of_two_recognizers(tmp_path: Path) -> FakeRun:
    """Pipelines of the recognizers a, b and c: b's plain one has no PESQ, c has none, nothing
    changed what is heard in clean, and one utterance failed with b's enhancer alone."""
    run = FakeRun(tmp_path / "run", tmp_path / "corpus", ["a", "a+", "b", "b+", "c+"])
    run.info["conditions"]["clean"] = {"identity": "unchanged"}
    enhancer = run.info["pipelines"]["a+"]["enhancer"]
    for name, parts in run.info["pipelines"].items():
        parts["recognizer"] = {"name": name[0], "identity": name[0]}
        parts["enhancer"] = enhancer if "+" in name else None
    run.scores = [row for row in run.scores if row["metric"] != "pesq_wb" or "+" in row["pipeline"]
                  or (row["pipeline"], row["condition"]) == ("a", "babble_5db")]
    for row in run.scores:
        if (row["pipeline"], row["condition"], row["utterance_id"]) == ("b+", "babble_5db", "u000"):
            row.update(error="Crashed: it ended", amount=None, weight=None)
    return run


def test_errors_are_compared_behind_the_same_recognizer_alone(of_two_recognizers: FakeRun) -> None:
    content = built(of_two_recognizers)
    rows = {row["Pipeline"]: row for row in table(content)}
    assert list(rows) == ["a+", "b+", "c+"]
    assert rows["a+"]["Changed from"] == "a"
    assert rows["b+"]["Changed from"] == "a (PESQ, wideband); b (Word error rate)"
    assert rows["c+"]["Changed from"] == "a", "what is heard of all is the same"
    assert rows["c+"]["Change of word error rate, points"] == ""
    assert "no pipeline with the same recognizer" in content.tables[0].rows[2].cells[
        "gain-1"].undefined


def test_what_is_not_in_a_change_is_said(of_two_recognizers: FakeRun, tmp_path: Path) -> None:
    page = Page(write_report(of_two_recognizers.write(), tmp_path / "out"))
    left_out = list(map(str, built(of_two_recognizers).left_out))
    assert ("gains of c+ over a, clean: 1 metric left out: nothing changed the audio of a, so that "
            "it was not measured there (pesq_wb)") in left_out
    assert "Not in the change: pesq_wb (gains of b+ over a, clean): nothing changed" in page.text
    row = next(cells for cells in page.cells if cells[0] == "b+" and len(cells) == 10)
    assert row[3].endswith("1 failed") and row[4].endswith("1 failed")
    effect = next(cells for cells in page.cells if cells[0].startswith("b+ ")
                  and "in babble_5db" in cells[1])
    assert effect[2].endswith("1 failed")
    records = json.loads((tmp_path / "out" / "findings.json").read_text())["sections"]["left-out"]
    same = [item for item in records["records"] if item["where"] == "gains of a+ over a, clean"]
    assert [item["n"] for item in same] == [1], "two sections say it, and it is one thing"


def test_marks_that_would_hide_each_other_stand_side_by_side() -> None:
    axes = Figure(figsize=SIZE).subplots()
    axes.set(xlim=(0, 10), ylim=(0, 10))
    places = [(5.0, 5.0), (1.0, 1.0), (5.01, 5.0), (5.0, 9.0), (5.0, 5.01), (9.0, 9.0), (9.0, 9.0)]
    assert apart(axes, places) == [-SIDE, 0, SIDE, 0, 0, -SIDE / 2, SIDE / 2]
    marks = [[axes.vlines(x, y - 1, y + 1), *axes.plot([x], [y], marker="o")] for x, y in places]
    for made, points in zip(marks, apart(axes, places), strict=True):
        beside(axes, made, points)
    at = np.array([made[1].get_transform().transform(place)
                   for made, place in zip(marks, places, strict=True)])
    apart_by = np.abs(at[:, None] - at[None]).max(2) * 72 / axes.figure.dpi
    assert apart_by[~np.eye(len(at), dtype=bool)].min() > 0.99 * SIDE


def test_two_that_cost_and_give_the_same_are_both_seen(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", tmp_path / "corpus", ["plain", "one", "two"], ["clean"])
    enhancer = run.info["pipelines"]["two"]["enhancer"]
    run.info["pipelines"]["two"]["enhancer"] = enhancer | {"name": "other"}
    for row in run.scores:
        row["amount"] = {"plain": 2.0}.get(row["pipeline"], 2.5)
    (figure, *_) = [str(figure) for _, figure in built(run).shown.figures]
    marks = re.findall(r'<use [^>]*x="([\d.]+)" y="([\d.]+)"', figure)  # and the legend's
    levels = [y for _, y in marks]
    assert len(set(marks)) == len(marks) == 4 and {levels.count(y) for y in levels} == {2}
