"""The section on mitigation, from results.json files alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from evalkit.core.errors import RunError
from evalkit.report.mitigation import experiments, tables
from evalkit.report.page import write_report
from evalkit.report.table import Table
from evalkit.store.runfolder import RunFolder, write_json

HOSTILE = "<script>alert(1)</script>"
NORTH, SPLIT = [0, 50, 9, 60], [170, 0, -170, 9]


def interval(value, low=None, high=None) -> dict:
    return {"value": value, "low": low, "high": high, "warning": None}


def arm(name: str, strength: float, north: float, south: float, keeps: bool = True) -> dict:
    def statistic(value: float, change: float | None) -> dict:
        return {"value": value, "by_seed": [value], "change": change, "low": -0.4, "high": None}

    return {"arm": name, "strength": strength, "keeps_overall": keeps, "seeds": [0],
            "statistics": {"overall": statistic(0.2, -0.1), "mean": statistic(0.2, -0.1),
                           "max": statistic(north, -0.25), "variance": statistic(0.0123, -0.5),
                           "target": statistic(north, -0.25), "others": statistic(south, 0.02),
                           "relative_gap": statistic(1.5, None)},
            "regions": [{"region": region, "rate": interval(rate, rate - 0.05, rate + 0.05),
                         "difference": interval(rate - 0.3, -0.15, 0.05)}
                        for region, rate in (("all", 0.2), (HOSTILE, north), ("south", south))]}


def recognition() -> dict:
    names = (HOSTILE, "south")
    return {"schema": 1, "kind": "recognition", "recommended": "ewc", "targets": [HOSTILE],
            "conclusion": f"Release it, {HOSTILE}.",
            "arms": [arm("none", 0.0, 0.3, 0.1), arm("ewc", 0.1, 0.225, 0.102),
                     arm("plain", 0.0, 0.2, 0.15, keeps=False)],
            "frontier": [{"arm": name, "strength": 0.1, "seed": 0, "overall": 0.2, "worst": worst,
                          "target": worst, "chosen": chosen}
                         for name, worst, chosen in (("none", 0.3, True), ("ewc", 0.22, True),
                                                     ("ewc", 0.25, False))],
            "cohorts": {"regions": {"type": "FeatureCollection", "features": [
                {"type": "Feature", "properties": {"name": name}, "bbox": bounds}
                for name, bounds in zip(names, (NORTH, SPLIT), strict=True)]}}}


def verification() -> dict:
    def rates(frr: float, far: float) -> dict:
        return {"eer": interval(0.1, 0.05, 0.15), "frr": interval(frr), "far": interval(far)}

    def seed(frr: float) -> dict:
        return {"seed": 0, "overall": rates(frr, 0.04),
                "groups": {"age": {"child": rates(2 * frr, 0.08), "adult": rates(frr, None)}}}

    def changed(before: float, after: float) -> dict:
        return {"before": before, "after": after, "value": after - before, "low": -0.03,
                "high": 0.01, "seeds": [after - before]}

    changes = {"overall": changed(0.1, 0.09), "age=child": changed(0.15, 0.12),
               "age=adult": changed(0.05, 0.05), "gap:age": changed(0.1, 0.07),
               "deviation:age": changed(0.05, 0.035)}
    return {"schema": 1, "kind": "verification", "arms": {
        "none": {"seeds": [seed(0.1)]},
        "arw_pw": {"seeds": [seed(0.06), seed(0.08)], "changes": {"none": changes}}}}


@pytest.fixture
def run(fake_run):
    folder = fake_run.write()
    write_json(folder / "mitigation" / "accents" / "results.json", recognition())
    write_json(folder / "mitigation" / "voices" / "results.json", verification())
    return folder


def titles(table: Table) -> list[str]:
    return [column.title for column in table.columns[1:]]


def cells(table: Table, heading: str) -> list[tuple[str, str]]:
    row, = [row.cells for row in table.rows if row.cells["heading"].text == heading]
    return [(row[column.key].text, row[column.key].detail) for column in table.columns[1:]]


def headings(table: Table) -> list[str]:
    return [row.cells["heading"].text for row in table.rows]


def test_before_and_after_are_shown_with_their_intervals():
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


def test_equal_error_rates_of_every_group_stand_beside_the_start():
    summary, groups, threshold = tables(verification())
    assert titles(summary) == titles(groups) == titles(threshold) == ["none", "arw_pw"]
    assert headings(summary) == ["all", "gap over age", "deviation over age"]
    assert cells(summary, "gap over age") == [("10.0", ""), ("7.0", "−3.0 (−3.0 to 1.0)")]
    assert cells(groups, "age = child") == [("15.0", ""), ("12.0", "−3.0 (−3.0 to 1.0)")]
    assert cells(groups, "age = adult")[1] == ("5.0", "0.0 (−3.0 to 1.0)")
    assert [cells(threshold, name)[1][0] for name in ("all", "age = child", "age = adult")] == [
        "7.0 / 4.0", "14.0 / 8.0", "7.0 / –"]


def test_there_is_a_frontier_and_a_map_before_and_after(run):
    recognizer, voices = experiments(RunFolder(run))
    frontier, whole, part = (title for title, _ in recognizer.figures)
    assert frontier == "Worst region against all test speakers"
    assert whole == "Map at the start and after ewc 0.1"
    assert part == f"{whole}, where most regions are"
    both = str(recognizer.figures[1][1])
    assert both.count(">30.0<") == 1 and both.count(">22.5<") == 1
    assert voices.figures == []


def test_the_page_holds_it_and_escapes_it(run, tmp_path):
    page = write_report(run, tmp_path / "report").read_text(encoding="utf-8")
    assert 'id="mitigation"' in page and "Release it, &lt;script&gt;" in page
    assert HOSTILE not in page
    again = write_report(run, tmp_path / "again").read_text(encoding="utf-8")
    assert page == again


def test_a_run_without_experiments_has_no_such_section(fake_run, tmp_path):
    page = write_report(fake_run.write(), tmp_path / "report").read_text(encoding="utf-8")
    assert "Can the gaps be closed?" not in page


@pytest.mark.parametrize("change", [{"schema": 2}, {"arms": None}, {"kind": 3}])
def test_results_of_another_kind_are_refused(run, tmp_path: Path, change):
    path = run / "mitigation" / "accents" / "results.json"
    write_json(path, json.loads(path.read_text(encoding="utf-8")) | change)
    with pytest.raises(RunError) as refused:
        write_report(run, tmp_path / "report")
    assert "\n" not in str(refused.value)
