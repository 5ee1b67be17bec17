"""The section on mitigation, from results.json files alone."""

from __future__ import annotations

import csv
import json
import math
from pathlib import Path
from typing import Any

import pytest

from evalkit.core.types import Interval
from evalkit.report import mitigation_worth as worth
from evalkit.report.mitigation import experiments, tables
from evalkit.report.page import write_report
from evalkit.report.table import Table
from evalkit.store.documents.mitigation import (
    ArmChange,
    MitigationResults,
    RecognitionArmResult,
    RecognitionResults,
    VerificationResults,
)
from evalkit.store.runfolder import RunFolder
from tests.worlds import FakeRun

HOSTILE = "<script>alert(1)</script>"
NORTH, SPLIT = [0, 50, 9, 60], [170, 0, -170, 9]


def interval(value: float, low: float = math.nan, high: float = math.nan) -> Interval:
    return Interval(value, low, high, math.nan, math.nan, 9, "t")


def arm(name: str, strength: float, north: float, south: float, keeps: bool = True
        ) -> RecognitionArmResult:
    def statistic(value: float, change: float | None) -> dict[str, Any]:
        return {"value": value, "by_seed": [value], "change": change, "low": -0.4, "high": None}

    return RecognitionArmResult.model_validate({
        "arm": name, "strength": strength, "keeps_overall": keeps, "seeds": [0],
        "statistics": {"overall": statistic(0.2, -0.1), "mean": statistic(0.2, -0.1),
                       "max": statistic(north, -0.25), "variance": statistic(0.0123, -0.5),
                       "target": statistic(north, -0.25), "others": statistic(south, 0.02),
                       "relative_gap": statistic(1.5, None)},
        "regions": [{"region": region, "rate": interval(rate, rate - 0.05, rate + 0.05),
                     "difference": interval(rate - 0.3, -0.15, 0.05)}
                    for region, rate in (("all", 0.2), (HOSTILE, north), ("south", south))]})


def recognition() -> RecognitionResults:
    size = {"utterances": 9, "speakers": 3}
    outline = {"geometry": {"type": "Polygon", "coordinates": []}}
    return RecognitionResults.model_validate({
        "kind": "recognition", "config": {}, "start": "12ab", "targets": [HOSTILE],
        "best": "south", "recommended": "ewc", "conclusion": f"Release it, {HOSTILE}.",
        "arms": [arm("none", 0.0, 0.3, 0.1), arm("ewc", 0.1, 0.225, 0.102),
                 arm("plain", 0.0, 0.2, 0.15, keeps=False)],
        "frontier": [{"arm": name, "strength": 0.1, "seed": 0, "overall": 0.2, "worst": worst,
                      "target": worst, "chosen": chosen}
                     for name, worst, chosen in (("none", 0.3, True), ("ewc", 0.22, True),
                                                 ("ewc", 0.25, False))],
        "cohorts": {"rule": {}, "on_dev": [], "outlines": {
            HOSTILE: outline | {"bbox": NORTH}, "south": outline | {"bbox": SPLIT}}},
        "splits": dict.fromkeys(("general", "adaptation", "selection", "test"), size),
        "tried": [], "trials": {}, "left_out": [], "wall_seconds": 1.0})


def verification() -> VerificationResults:
    def rate(value: float | None, low: float | None = None, high: float | None = None
             ) -> dict[str, Any]:
        return {"value": value, "low": low, "high": high, "warning": None}

    def rates(frr: float, far: float | None) -> dict[str, Any]:
        return {"n_targets": 9, "n_nontargets": 9, "n_speakers": 9, "eer": rate(0.1, 0.05, 0.15),
                "frr": rate(frr), "far": None if far is None else rate(far), "min_dcf": None}

    def seed(frr: float) -> dict[str, Any]:
        return {"seed": 0, "stopped": [], "weights": {}, "threshold": 0.5,
                "overall": rates(frr, 0.04), "gap": {}, "deviation": {},
                "groups": {"age": {"child": rates(2 * frr, 0.08), "adult": rates(frr, None)}}}

    def changed(before: float, after: float) -> dict[str, Any]:
        return {"before": before, "after": after, "value": after - before, "low": -0.03,
                "high": 0.01, "seeds": [after - before]}

    changes = {"overall": changed(0.1, 0.09), "age=child": changed(0.15, 0.12),
               "age=adult": changed(0.05, 0.05), "gap:age": changed(0.1, 0.07),
               "deviation:age": changed(0.05, 0.035)}
    return VerificationResults.model_validate({
        "kind": "verification", "config": {}, "splits": [], "left_out": [], "n_trials": 99,
        "arms": {"none": {"seeds": [seed(0.1)], "changes": {}},
                 "arw_pw": {"seeds": [seed(0.06), seed(0.08)], "changes": {"none": changes}}}})


@pytest.fixture
def run(fake_run: FakeRun) -> Path:
    folder = fake_run.write()
    for name, results in (("accents", recognition()), ("voices", verification())):
        path = folder / "mitigation" / name / "results.json"
        path.parent.mkdir(parents=True)
        MitigationResults(run=RunFolder(folder).digest(), results=results).write(path)
    return folder


def titles(table: Table) -> list[str]:
    return [column.title for column in table.columns[1:]]


def cells(table: Table, heading: str) -> list[tuple[str, str]]:
    row, = [row.cells for row in table.rows if row.cells["heading"].text == heading]
    return [(row[column.key].text, row[column.key].detail) for column in table.columns[1:]]


def headings(table: Table) -> list[str]:
    return [row.cells["heading"].text for row in table.rows]


def test_before_and_after_are_shown_with_their_intervals() -> None:
    statistics, regions = tables(recognition())
    by_column = dict(zip(titles(statistics), cells(statistics, "ewc 0.1"), strict=True))
    assert by_column["Worst region"] == ("22.5", "−25.0 (−40.0 to –)")
    assert by_column["Others"] == ("10.2", "+2.0 (−40.0 to –)")
    assert by_column["Variance, points²"][0] == "123.0"
    assert by_column["Targets over best"] == ("150.0", "– (−40.0 to –)")
    assert [interval for _, interval in cells(statistics, "none")] == [""] * 6
    assert headings(statistics)[2] == "plain (costs overall on dev)"
    assert cells(regions, f"{HOSTILE} (target)") == [
        ("30.0", "25.0 to 35.0"), ("22.5", "−7.5 (−15.0 to 5.0)"), ("20.0", "−10.0 (−15.0 to 5.0)")]


def test_equal_error_rates_of_every_group_stand_beside_the_start() -> None:
    summary, groups, threshold = tables(verification())
    assert titles(summary) == titles(groups) == titles(threshold) == ["none", "arw_pw"]
    assert headings(summary) == ["all", "gap over age", "deviation over age"]
    assert cells(summary, "gap over age") == [("10.0", ""), ("7.0", "−3.0 (−3.0 to 1.0)")]
    assert cells(groups, "age = child") == [("15.0", ""), ("12.0", "−3.0 (−3.0 to 1.0)")]
    assert cells(groups, "age = adult")[1] == ("5.0", "0.0 (−3.0 to 1.0)")
    assert [cells(threshold, name)[1][0] for name in ("all", "age = child", "age = adult")] == [
        "7.0 / 4.0", "14.0 / 8.0", "7.0 / –"]


@pytest.mark.parametrize(("overall", "gap", "said"), [
    ((-0.001, -0.003, 0.001), (-0.01, -0.02, -0.001), "worth having"),
    ((0.001, -0.002, 0.004), (-0.01, -0.02, -0.001), "whether all pay for it is unclear"),
    ((0.003, 0.001, 0.005), (-0.01, -0.02, -0.001), "a smaller gap at a cost for all"),
    ((0.003, 0.001, 0.005), (-0.01, -0.02, 0.02), "not worth having"),
    ((0.001, -0.002, 0.004), (-0.01, math.nan, math.nan), "no smaller gap is shown")])
def test_an_arm_is_judged_against_plain_training_by_its_intervals(
        overall: tuple[float, ...], gap: tuple[float, ...], said: str) -> None:
    def changed(value: float, low: float, high: float) -> dict[str, Any]:
        return {"before": 0.1, "after": 0.1 + value, "value": value, "low": low, "high": high,
                "seeds": [value]}

    results = verification()
    assert worth.conclusion(results) == ""  # nothing but the start to compare with
    results.arms["arw_pw"].changes["plain"] = {
        "overall": ArmChange.model_validate(changed(*overall)),
        "gap:age": ArmChange.model_validate(changed(*gap))}
    sentence = worth.conclusion(results)
    assert sentence.startswith("arw_pw against plain, by age: ") and said in sentence
    assert "gap −1.00 (" in sentence


def test_there_is_a_frontier_and_a_map_before_and_after(run: Path) -> None:
    recognizer, voices = experiments(RunFolder(run))
    frontier, whole, part = (title for title, _ in recognizer.figures)
    assert frontier == "Worst region against all test speakers"
    assert whole == "Map at the start and after ewc 0.1"
    assert part == f"{whole}, where most regions are"
    both = str(recognizer.figures[1][1])
    assert both.count(">30.0<") == 1 and both.count(">22.5<") == 1
    assert voices.figures == []


def test_the_page_holds_it_and_escapes_it(run: Path, tmp_path: Path) -> None:
    page = write_report(run, tmp_path / "report").read_text(encoding="utf-8")
    assert 'id="mitigation"' in page and "Release it, &lt;script&gt;" in page
    assert HOSTILE not in page
    again = write_report(run, tmp_path / "again").read_text(encoding="utf-8")
    assert page == again


def test_a_run_without_experiments_has_no_such_section(fake_run: FakeRun, tmp_path: Path
                                                       ) -> None:
    page = write_report(fake_run.write(), tmp_path / "report").read_text(encoding="utf-8")
    assert "Can the gaps be closed?" not in page


@pytest.mark.parametrize("change", [{"schema": 1}, {"results": None},
                                    {"results": {"kind": "speech"}}])
def test_results_of_another_kind_are_left_out_by_name(
        run: Path, tmp_path: Path, change: dict[str, Any]) -> None:
    path = run / "mitigation" / "accents" / "results.json"
    path.write_text(json.dumps(json.loads(path.read_text(encoding="utf-8")) | change))
    page = write_report(run, tmp_path / "report").read_text(encoding="utf-8")
    assert "mitigation/accents/results.json" in page
    assert "make it again with `evalkit mitigate`" in page


def test_csv_holds_changes_beside_values(run: Path, tmp_path: Path) -> None:
    write_report(run, tmp_path / "report")
    with (tmp_path / "report" / "tables" / "mitigation-1-2.csv").open(encoding="utf-8") as file:
        row = next(row for row in csv.DictReader(file) if row["region"] == "south")
    assert (row["none"], row["none, low"], row["none, high"]) == ("10", "5", "15")
    assert (row["ewc 0.1"], row["ewc 0.1, change"]) == ("10.2", "-19.8")
    assert (row["ewc 0.1, change, low"], row["ewc 0.1, change, high"]) == ("-15", "5")
