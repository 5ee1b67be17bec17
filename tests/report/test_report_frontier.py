"""Cost against error on the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from markupsafe import Markup
from matplotlib.figure import Figure

from evalkit.report.cost_figures import from_nothing
from evalkit.report.page import write_report
from tests.worlds import FakeRun


@pytest.mark.parametrize("n", [2, 3])
def test_three_recognizers_have_a_frontier(tmp_path: Path, n: int) -> None:
    names = ["<b>big", "$mid$", "tiny"][:n]
    run = FakeRun(tmp_path / "run", tmp_path, names, ["clean"], speakers=12)
    for i, name in enumerate(names):
        run.info["pipelines"][name] = {"recognizer": {
            "name": "x", "identity": f"x {i}", "cost": {
                "weights": 9 - i, "bytes": 90 - i, "macs_per_second": 1e7 / (1 + i)}}}
    page = write_report(run.write(), tmp_path / "page").read_text()
    assert ('id="frontier"' in page) == (n == 3)
    if n == 3:
        told = json.loads((tmp_path / "page" / "findings.json").read_text())["sections"]["frontier"]
        assert [each["pipeline"] for each in told["variants"]] == names[::-1]
        assert "<b>big" not in page and "Changes are from" in page
        assert _section(page).startswith(
            "No group could be tested: no two have enough speakers and utterances.")
        rows = (tmp_path / "page" / "tables" / "frontier-groups.csv").read_text().splitlines()
        assert len(rows) == 1 + 3 * len({row["group"] for row in told["groups"]})


@pytest.mark.parametrize(("values", "lowest"), [([0.0, 2.0], 0.0), ([-0.1, 2.0], None)])
def test_error_rates_begin_at_nothing(values: list[float], lowest: float | None) -> None:
    axes = Figure().subplots()
    axes.plot([1, 2], values)
    axes.margins(y=0.12)
    before = axes.get_ylim()[0]
    from_nothing(axes)
    assert before < 0 and axes.get_ylim()[0] == (before if lowest is None else lowest)


def test_the_cost_is_named(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", tmp_path, ["a", "b", "c"], ["clean"], speakers=40)
    for i, name in enumerate("abc"):
        run.info["pipelines"][name] = {"recognizer": {
            "name": "x", "identity": f"x {i}", "cost": {
                "weights": 9 + i, "bytes": 90 - 20 * i, "unknown": "untold"}}}
    for row in run.scores:
        row["amount"] += 2 * (row["metric"] == "wer" and row["pipeline"] == "a")
    page = write_report(run.write(), tmp_path / "page").read_text()
    assert _section(page).startswith("No group is seen to pay more than the others for a pipeline "
                                     "that takes less than a (size of weights).")
    assert " takes no more (size of weights) and errs less." in _section(page)


def _section(page: str) -> str:
    """Its sentences as text."""
    return Markup("<p>" + page.split('id="frontier"')[1].split("<p>", 1)[1]).striptags()
