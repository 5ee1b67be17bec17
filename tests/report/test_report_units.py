"""What a table says on the page and in CSV is one number in one unit."""

from __future__ import annotations

import csv
import re
from collections.abc import Iterator
from html import unescape
from pathlib import Path

import pytest

from evalkit.core.types import Fact
from evalkit.report.page import write_report
from evalkit.store.runfolder import RunFolder
from tests.worlds import FakeRun

NUMBER = re.compile(r"[−-]?[\d,]+(\.\d+)?")


OF_THE_PAGE = ("confused-words", "errors-by-word")
"""Tables whose rows are of the pipeline that the page is about, while CSV has those of all."""


def tables(index: Path) -> Iterator[tuple[str, list[dict[str, str]], list[list[str]]]]:
    """Of every table its name, its rows as CSV, and the cells of its rows on the page, of which the
    intervals are left away."""
    page = index.read_text(encoding="utf-8")
    for name, body in re.findall(r'id="table-([^"]+)">.*?<tbody>(.*?)</tbody>', page, re.DOTALL):
        if name in OF_THE_PAGE:
            continue
        plain = re.sub(r'<span class="(?:interval|mark)".*?</span>', "", body)
        rows = [[unescape(re.sub("<.*?>", "", cell)).strip()
                 for cell in re.findall(r"<t[dh][^>]*>(.*?)</t[dh]>", row, re.DOTALL)]
                for row in re.findall("<tr.*?</tr>", plain, re.DOTALL)]
        with (index.parent / "tables" / f"{name}.csv").open(encoding="utf-8") as file:
            yield name, list(csv.DictReader(file)), rows


@pytest.fixture(scope="module", params=["words and voices", "cohorts"])
def page(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Pages that hold every kind of table but those of mitigation."""
    if request.param == "cohorts":
        return Path(request.getfixturevalue("discovered")[1])
    folder = tmp_path_factory.mktemp("units")
    run = FakeRun(folder / "run", folder / "corpus", conditions=["clean"], speakers=9)
    run.verify(weak="Scottish")
    run.info["metrics"]["pesq_wb"] = Fact("MOS", True, "", 2)
    for row in run.scores[::7]:
        row |= {"amount": None, "weight": None, "error": "Odd: one of seven"}
    return write_report(run.write(), folder / "page", earlier=[run.folder])


def test_the_number_of_a_cell_is_that_of_the_page(page: Path) -> None:
    """To the decimals that the page shows, in every column of every table."""
    looked_at = 0
    for name, rows, shown in tables(page):
        assert len(rows) == len(shown)
        for row, cells in zip(rows, shown, strict=True):
            own = [value for key, value in row.items() if not key.endswith((", low", ", high"))]
            if len(own) != len(cells):  # parts of a cell of mitigation
                continue
            for value, cell in zip(own, cells, strict=True):
                number = NUMBER.match(cell)
                if number and number.group() == cell and re.fullmatch(r"-?[\d.e+-]+", value):
                    plain = cell.replace("−", "-").replace(",", "")
                    decimals = len(plain.partition(".")[2])
                    assert abs(float(value) - float(plain)) <= 0.5000001 * 10**-decimals, (
                        name, row, cell)
                    looked_at += 1
    assert looked_at > 40


def test_a_percentage_in_csv_is_one(page: Path) -> None:
    """By the scores themselves: as shares these would all be at most 1."""
    run = RunFolder(page.parent.parent / "run")
    scores = run.scores()
    good = scores[scores["error"].isna()].groupby(["metric", "pipeline", "condition"])
    sums = good[["amount", "weight"]].sum()
    for name, rows, _ in tables(page):
        for row in rows if name == "values" else []:
            key = row["Metric"], row["Pipeline"], row["Condition"]
            if key in sums.index:
                scale = {"%": 100.0, "MOS": 1.0}.get(row["Unit"])
                if scale:
                    assert float(row["Value"]) == pytest.approx(
                        scale * sums.loc[key, "amount"] / sums.loc[key, "weight"])
    found = [float(value) for _, rows, _ in tables(page) for row in rows
             for key, value in row.items() if value and key.endswith(("%", ", points"))]
    assert found and max(map(abs, found)) > 1
