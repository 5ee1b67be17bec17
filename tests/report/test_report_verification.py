"""Speaker verification on the page."""

from __future__ import annotations

import csv
from pathlib import Path

import pytest

from evalkit.report.headline import read_headline
from evalkit.report.page import write_report
from evalkit.report.verification import VerificationByGroup, by_group, tradeoffs
from evalkit.run.failures import failures
from evalkit.store.overview import overview
from evalkit.store.runfolder import RunFolder
from tests.report.conftest import Page
from tests.worlds import FakeRun


@pytest.fixture(scope="module")
def verified(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run of 32 speakers of each accent, one of which the encoder cannot tell apart."""
    folder = tmp_path_factory.mktemp("verified")
    run = FakeRun(folder / "run", folder / "corpus", ["plain"], ["clean"], speakers=32)
    run.verify(weak="Scottish")
    return run.write()


def errors_of(folder: Path, column: str | None) -> VerificationByGroup | None:
    run = RunFolder(folder)
    return by_group(run, read_headline(run.record(), run.summary(), {}), column)


def test_those_who_are_not_recognised_come_first(verified: Path) -> None:
    shown = errors_of(verified, "accent")
    assert shown is not None
    first, *others = [row.cells for row in shown.errors.rows]
    assert [first[key].text for key in ("group", "pipeline", "condition")] == [
        "Scottish", "plain", "clean"]
    rejected = [cells["miss"].value or 0.0 for cells in (first, *others)]
    assert rejected[0] > 50
    assert max(rejected[1:]) < 30
    assert [cells["n_speakers"].value for cells in (first, *others)] == [32] * 3
    (fairness,) = [row.cells for row in shown.fairness.rows]
    assert (fairness["fdr"].value or 1) < (fairness["expected_fdr"].value or 0)
    assert (fairness["p_fdr"].value or 0) < 0.05


def test_groups_too_small_are_shown_and_compared_with_none(fake_run: FakeRun) -> None:
    fake_run.verify()
    shown = errors_of(fake_run.write(), "accent")
    assert shown is not None and not shown.fairness.rows
    assert {row.cells["status"].text for row in shown.errors.rows} == {"insufficient"}
    assert {(item.what, item.n) for item in shown.left_out} == {("group", 3)}
    assert all(row.cells["miss"].detail == "" for row in shown.errors.rows)


def test_every_condition_has_its_trade_off(fake_run: FakeRun) -> None:
    fake_run.verify()
    for row in fake_run.verified:
        if row["condition"] == "babble_5db" and row["pipeline"] == "plain":
            row["score"] = None
    folder = fake_run.write()
    assert errors_of(folder, None) is None
    figures = tradeoffs(RunFolder(folder), fake_run.headline())
    assert [condition for condition, _ in figures] == ["clean", "babble_5db"]
    both, one = (str(figure) for _, figure in figures)
    assert "plain" in both and "rnnoise" in both
    assert "plain" not in one and "rnnoise" in one


def test_the_page_and_its_tables_have_it(verified: Path, tmp_path: Path) -> None:
    page = Page(write_report(verified, tmp_path / "report"))
    assert "Speaker verification: one error against the other" in page.text
    assert "who is mistaken for another, who is not recognised" in page.text
    table = tmp_path / "report" / "tables" / "verification.csv"
    rows = list(csv.DictReader(table.open(encoding="utf-8")))
    assert rows[0]["accent"] == "Scottish"
    worst = float(rows[0]["Rejected wrongly, %, low"])
    assert 30 < worst < float(rows[0]["Rejected wrongly, %"]) <= 100


def test_trials_without_a_score_are_failures(fake_run: FakeRun, tmp_path: Path) -> None:
    fake_run.verify()
    for row in fake_run.verified[:7]:
        row["score"] = None
    folder = fake_run.write()
    run = RunFolder(folder)
    told = failures(folder, overview(folder).failed, run.trials(), run.record().metrics)
    found = told[0]
    assert (len(told), found.metrics, found.kind, found.n) == (1, ["eer"], "NoScore", 7)
    assert len(found.names) == 5 and " and " in found.names[0]
    fake_run.summary().model_copy(update={"failures": told}).write(folder / "summary.json")
    page = Page(write_report(folder, tmp_path / "report"))
    assert f"7 of {found.of} failed" in page.text and "NoScore" in page.text
    with (tmp_path / "report" / "tables" / "verification.csv").open(encoding="utf-8") as file:
        assert sum(int(row["Failed"]) for row in csv.DictReader(file)) == 5  # of one accent


def test_a_run_without_trials_has_none_of_it(written: tuple[FakeRun, Path]) -> None:
    assert "Speaker verification: one error" not in Page(written[1]).text
