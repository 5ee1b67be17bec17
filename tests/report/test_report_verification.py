"""Speaker verification on the page."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from evalkit.report.page import write_report
from evalkit.report.tables import read_headline
from evalkit.report.verification import Verification, verification
from evalkit.run.record import summary
from evalkit.store.runfolder import RunFolder, write_json
from tests.report.conftest import FakeRun, Page


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 32 speakers of each accent, one of which the encoder cannot tell apart."""
    folder = tmp_path_factory.mktemp("verified")
    run = FakeRun(folder / "run", folder / "corpus", ["plain"], ["clean"], speakers=32)
    run.verify(weak="Scottish")
    return run.write()


def shown(folder: Path, column: str | None) -> Verification:
    run = RunFolder(folder)
    found = verification(run, read_headline(run.info(), run.summary(), {}), column)
    assert found is not None
    return found


def test_those_who_are_not_recognised_come_first(verified: Path) -> None:
    found = shown(verified, "accent")
    assert found.errors is not None and found.fairness is not None
    first, *others = found.errors.lines
    assert [cell.text for cell in first.cells[:3]] == ["Scottish", "plain", "clean"]
    rejected = [line.cells[4].key for line in (first, *others)]
    assert rejected[0] > 0.5
    assert max(rejected[1:]) < 0.3
    assert [line.cells[6].key for line in (first, *others)] == [32] * 3
    (fairness,) = found.fairness.lines
    assert fairness.cells[2].key < fairness.cells[3].key and fairness.cells[4].key < 0.05


def test_groups_too_small_are_shown_and_compared_with_none(fake_run: FakeRun) -> None:
    fake_run.verify()
    found = shown(fake_run.write(), "accent")
    assert found.fairness is None and found.errors is not None
    assert {line.cells[-1].text for line in found.errors.lines} == {"insufficient"}
    assert found.notes == ["3 of 3 groups are unknown or insufficient and have part in no "
                           "comparison"]


def test_every_condition_has_its_trade_off(fake_run: FakeRun) -> None:
    fake_run.verify()
    for row in fake_run.verified:
        if row["condition"] == "babble_5db" and row["pipeline"] == "plain":
            row["score"] = None
    found = shown(fake_run.write(), None)
    assert found.errors is None
    assert [condition for condition, _ in found.tradeoffs] == ["clean", "babble_5db"]
    both, one = (str(figure) for _, figure in found.tradeoffs)
    assert "plain" in both and "rnnoise" in both
    assert "plain" not in one and "rnnoise" in one


def test_the_page_and_its_tables_have_it(verified: Path, tmp_path: Path) -> None:
    page = Page(write_report(verified, tmp_path / "report"))
    assert "Speaker verification: one error against the other" in page.text
    assert "Who is mistaken for another, and who is not recognised" in page.text
    table = tmp_path / "report" / "tables" / "verification.csv"
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert rows[0]["accent"] == "Scottish"
    worst = float(rows[0]["Rejected wrongly, %, low"])
    assert 0.3 < worst < float(rows[0]["Rejected wrongly, %"])


def test_trials_without_a_score_are_failures(fake_run: FakeRun, tmp_path: Path) -> None:
    fake_run.verify()
    for row in fake_run.verified[:7]:
        row["score"] = None
    folder = fake_run.write()
    found = summary(RunFolder(folder))
    assert found["failures"] == [{"pipeline": "plain", "condition": "clean", "metric": "eer",
                                  "kind": "NoScore", "n": 7}]
    write_json(folder / "summary.json", found)
    page = Page(write_report(folder, tmp_path / "report"))
    assert "7 measurements failed" in page.text and "NoScore" in page.text
    with (tmp_path / "report" / "tables" / "verification.csv").open(encoding="utf-8") as file:
        assert sum(int(row["Failed"]) for row in csv.DictReader(file)) == 5  # of one accent


def test_a_run_without_trials_has_none_of_it(written: tuple[FakeRun, Path]) -> None:
    assert "Speaker verification: one error" not in Page(written[1]).text
