"""Cost against error on the page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

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
        rows = (tmp_path / "page" / "tables" / "frontier-groups.csv").read_text().splitlines()
        assert len(rows) == 1 + 3 * len({row["group"] for row in told["groups"]})
