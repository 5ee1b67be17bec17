"""Whom enhancement helps and harms: the section's words, tables, figures and ledger."""

from __future__ import annotations

import csv
import json
import re
from pathlib import Path

import pytest

import evalkit
from evalkit.core.types import Fact
from evalkit.report.page import write_report
from evalkit.report.reported import ReportedRun
from evalkit.report.sections.enhancement import build
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit as command
from tests.report.conftest import Page
from tests.worlds import FakeRun

HARM = {"Scottish": 3, "Caribbean": 0, "General American": 0}


@pytest.fixture(scope="module")
def harmed(tmp_path_factory: pytest.TempPathFactory) -> FakeRun:
    """A run whose enhancer, under babble, makes three errors more in every Scottish utterance and
    helps nobody; PESQ of the plain pipeline is not measured where nothing changed its audio, and
    the accent of two speakers is unknown."""
    folder = tmp_path_factory.mktemp("harmed")
    run = FakeRun(folder / "run", folder / "corpus", speakers=16)
    run.info["conditions"]["clean"] = {"identity": "unchanged"}
    run.info["metrics"]["cer"] = Fact("%", False, "", is_count=True)
    accent = dict(zip(run.utterances["utterance_id"], run.utterances["accent"], strict=True))
    plain = {(row["condition"], row["utterance_id"], row["metric"]): row["amount"]
             for row in run.scores if row["pipeline"] == "plain"}
    for row in run.scores:
        if row["pipeline"] == "rnnoise":
            key = row["condition"], row["utterance_id"], row["metric"]
            more = HARM[accent[row["utterance_id"]]] * (row["condition"] == "babble_5db")
            row["amount"] = plain[key] + (more if row["metric"] == "wer" else 0.0)
    run.scores = [row for row in run.scores if (row["pipeline"], row["condition"], row["metric"])
                  != ("plain", "clean", "pesq_wb")]
    run.scores += [row | {"metric": "cer"} for row in run.scores if row["metric"] == "wer"]
    few = run.utterances["speaker_id"].isin(["s00", "s10"])
    run.utterances.loc[few, "accent"] = None
    run.utterances["place"] = run.utterances["accent"].map(
        {"Scottish": "Leith", "Caribbean": "Kingston", "General American": "Chicago"})
    run.write()
    return run


@pytest.fixture(scope="module")
def shown(harmed: FakeRun, tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("shown")
    return write_report(harmed.folder, out / "report", markdown=out / "brief.md")


def table(page: Path, name: str) -> list[dict[str, str]]:
    with (page.parent / "tables" / f"{name}.csv").open(encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_harm_is_said_and_who_is_harmed(shown: Path) -> None:
    text = " ".join(Page(shown).text.split())
    assert ("By word error rate: in clean, rnnoise changes nothing (0.00 points; 5 of 5 groups "
            "unchanged); in babble_5db, rnnoise harms (+") in text
    rows = {row["Metric"]: row for row in table(shown, "enhancement-effect")}
    assert rows["Word error rate [in babble_5db]"]["By accent"] == (
        "harmed: Scottish; unchanged: 2; 1 not judged")
    assert rows["Word error rate [in clean]"]["By gender"] == "all 2 unchanged"
    fares = {row["Metric"]: row for row in table(shown, "enhancement-standing")}
    assert fares["Word error rate [in babble_5db]"]["By accent"].startswith(
        "worse than the others: Scottish; better than the others: ")
    assert fares["Word error rate [in babble_5db]"]["By gender"].startswith(
        "no clear difference [any difference: p = ")
    brief = (shown.parents[1] / "brief.md").read_text()
    assert "Does anybody fare worse by enhancement than the others? In 1 of " in brief


def test_page_command_and_library_have_the_same_numbers(harmed: FakeRun, shown: Path) -> None:
    report, = evalkit.gains(harmed.folder, "accent", metric="wer", condition="babble_5db")
    rows = {row["Group"]: row for row in table(shown, "enhancement")
            if (row["Condition"], row["Grouped by"], row["Metric"]) == (
                "babble_5db", "accent", "Word error rate")}
    assert list(rows) == [row.group for row in report.rows]
    assert rows["unknown"]["Against no enhancement"] == "unknown"
    scottish = report.rows[0]
    assert rows["Scottish"]["Change"] == f"{100 * scottish.change.value:.10g}"
    assert rows["Scottish"]["Change, low"] == f"{100 * scottish.change.low:.10g}"
    printed = command("groups", harmed.folder, "--by", "accent", "--gain-over", "auto",
                      "--metric", "wer", "--condition", "babble_5db", "--json")
    assert json.loads(printed.stdout) == [report.to_dict()]
    found = json.loads((shown.parent / "findings.json").read_text())["sections"]["enhancement"]
    assert report.to_dict() in found["gains"]
    assert found["pairs"] == {"rnnoise": "plain"}


def test_what_is_not_compared_is_said(harmed: FakeRun, shown: Path) -> None:
    found = build(ReportedRun(RunFolder(harmed.folder), shown.parent))
    assert found is not None
    left_out = list(map(str, found.left_out))
    assert ("gains of rnnoise over plain, clean: 1 metric left out: nothing changed the audio of "
            "plain, so that it was not measured there (pesq_wb)") in left_out
    assert "groups: 1 column left out: makes the same groups as accent (place)" in left_out
    assert ("gains: 1 metric left out: a rate beside the first; `evalkit groups --gain-over auto "
            "--metric` has it (cer)") in left_out
    assert "Not compared: pesq_wb (gains of rnnoise over plain, clean)" in " ".join(
        Page(shown).text.split())


def test_a_figure_a_metric_and_condition_with_a_line_at_nothing(shown: Path) -> None:
    page = Page(shown)
    titles = re.findall(r"<title id=\"gain-\d-title\">(.*?)</title>", page.source)
    assert titles == ["Change of word error rate in clean by group",
                      "Change of word error rate in babble_5db by group",
                      "Change of PESQ, wideband in babble_5db by group"]
    for side in ("← help", "harm →", "Scottish (15)", "unknown (2)", "everybody (48)"):
        assert side in page.text


def test_runs_without_an_enhancer_have_no_such_section(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", tmp_path, ["plain", "other"], ["clean"])
    for pipeline in run.info["pipelines"].values():
        pipeline["enhancer"] = None
    assert build(ReportedRun(RunFolder(run.write()), tmp_path)) is None


def test_an_enhancer_without_a_baseline_is_named(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", tmp_path, ["plain", "rnnoise"], ["clean"])
    run.info["pipelines"]["plain"]["recognizer"] = {"name": "other", "identity": "other"}
    page = Page(write_report(run.write(), tmp_path / "report"))
    assert "Not compared: rnnoise (gains): no pipeline has the same recognizer" in page.text
    result = command("groups", run.folder, "--by", "gender", "--gain-over", "auto")
    assert result.returncode == 2
    assert "name one by --gain-over" in result.stderr


@pytest.mark.parametrize(("options", "said"), [
    (["--gain-over", "plian"], "did you mean 'plain'?"),
    (["--gain-over", "plain", "--pipeline", "plain"], "--pipeline names another one"),
    (["--gain-over", "plain", "--metric", "nope"], "no metric 'nope'"),
    (["--gain-over", "auto", "--metric", "pesq_wb", "--condition", "clean"],
     "conditions that can be compared: babble_5db; gains of rnnoise over plain, clean: 1 metric "
     "left out: nothing changed the audio of plain")])
def test_what_cannot_be_compared_is_one_line(harmed: FakeRun, options: list[str], said: str
                                             ) -> None:
    result = command("groups", harmed.folder, "--by", "accent", *options)
    assert result.returncode == 2
    line, = (line for line in result.stderr.splitlines() if line.startswith("error: "))
    assert said in line


def test_the_table_of_the_terminal_has_both_answers(harmed: FakeRun) -> None:
    printed = command("groups", harmed.folder, "--by", "accent", "--gain-over", "plain",
                      "--metric", "wer").stdout
    line, = (line for line in printed.splitlines() if line.startswith("Scottish"))
    assert "harmed" in line and line.rstrip().endswith("worse")
    assert "gains by accent: wer of rnnoise against plain, all conditions" in printed
    assert "no label (unknown)" in printed
