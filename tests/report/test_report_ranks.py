"""Which system is best, on the page: of many pipelines, and of many runs."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pandas as pd
import pytest

from evalkit.report.page import write_report
from evalkit.report.rank_figure import group_figures, rank_figures
from evalkit.report.ranks import _too_few, in_all, ranks_of
from evalkit.report.reported import ReportedRun
from evalkit.report.run_names import system_names
from evalkit.report.sections.ranks import build
from evalkit.store.runfolder import RunFolder
from tests.report.conftest import Page
from tests.worlds import FakeRun


@pytest.fixture(scope="module")
def page(tmp_path_factory: pytest.TempPathFactory) -> Page:
    """Four pipelines, of which "deaf" hears nothing and two are the same."""
    folder = tmp_path_factory.mktemp("ranks")
    run = FakeRun(folder / "run", folder / "corpus", pipelines=["a", "b", "deaf"], speakers=8)
    run.scores = [row | ({"amount": row["weight"]} if row["pipeline"] == "deaf"
                         and row["metric"] == "wer" else {}) for row in run.scores]
    for name, rows in (("outputs", run.outputs), ("scores", run.scores)):
        setattr(run, name, rows + [row | {"pipeline": "twin"} for row in rows
                                   if row["pipeline"] == "a"])
    run.pipelines.append("twin")
    run.info["pipelines"] |= {"twin": run.info["pipelines"]["a"]}
    return Page(write_report(run.write(), folder / "report", by="gender"))


def test_the_page_ranks_its_pipelines(page: Page) -> None:
    with (page.path.parent / "tables" / "ranks.csv").open(encoding="utf-8") as file:
        rows = {row["System"]: row for row in csv.DictReader(file)}
    assert (rows["deaf"]["Rank"], rows["deaf"]["Rank, last"]) == ("4", "4")
    assert "twin" in rows["a"]["Not told apart from"].split(", ")
    assert rows["deaf"]["Not told apart from"] == "none"
    findings = json.loads((page.path.parent / "findings.json").read_text())
    everybody, *groups = findings["sections"]["ranks"]["ranks"]
    assert [group["group"] for group in groups] == ["F", "M"]
    assert {each["system"] for each in everybody["systems"]} == {"a", "b", "deaf", "twin"}
    assert "Of 4 systems the best by word error rate is" in page.text
    assert page.text.count("Ranks by gender") == 2


def test_the_figure_joins_what_is_not_told_apart(page: Page) -> None:
    """A dot a member, a line a bracket, on the wide and on the narrow figure."""
    run = ReportedRun(RunFolder(page.path.parents[1] / "run"), page.path.parent, "gender")
    ranks = ranks_of(run)
    assert ranks is not None
    joined = sum(map(len, ranks.everybody.brackets))
    for figure in rank_figures(ranks):
        assert str(figure) in page.source
        assert figure.count('class="joined"') == joined
        assert figure.count('class="bracket"') == len(ranks.everybody.brackets) > 0


def test_every_group_has_a_figure_of_its_own(page: Page) -> None:
    run = ReportedRun(RunFolder(page.path.parents[1] / "run"), page.path.parent, "gender")
    ranks = ranks_of(run)
    assert ranks is not None
    figures = dict(group_figures(ranks))
    assert list(figures) == ["F", "M"]
    for name, figure in figures.items():
        assert str(figure) in page.source and f"their ranks, gender {name}" in figure
        assert figure.count('class="mark"') == 4


def test_systems_without_an_utterance_in_common_are_said_to_have_no_ranks(
        fake_run: FakeRun, tmp_path: Path) -> None:
    """Each heard a half: every one has values, and no ranking would be of the same speech."""
    other = FakeRun(tmp_path / "other", tmp_path / "corpus")
    half = set(other.utterances["utterance_id"][::2])
    for run, kept in ((fake_run, True), (other, False)):
        run.scores = [row for row in run.scores if (row["utterance_id"] in half) == kept]
    content = build(ReportedRun(RunFolder(fake_run.write()), tmp_path,
                                earlier=[RunFolder(other.write())]))
    assert content is not None and content.tables == ()
    assert content.shown == content.sentences[0]
    assert "The 4 systems are not ranked: there is no utterance" in content.shown.striptags()


def test_few_systems_have_no_ranks(written: tuple[FakeRun, Path]) -> None:
    assert "Which system is best?" not in Page(written[1]).text


def test_runs_side_by_side_are_ranked_together(fake_run: FakeRun, tmp_path: Path) -> None:
    other = FakeRun(tmp_path / "other", tmp_path / "corpus")
    run = ReportedRun(RunFolder(fake_run.write()), tmp_path, earlier=[RunFolder(other.write())])
    ranks = ranks_of(run)
    assert ranks is not None and {each.system for each in ranks.everybody.systems} == {
        "plain of other", "rnnoise of other", "plain of run", "rnnoise of run"}


def test_systems_have_no_longer_names_than_they_need() -> None:
    assert system_names([("v1", "small"), ("v2", "large")])["v2", "large"] == "large"
    assert system_names([("v1", "small"), ("v2", "small")])["v2", "small"] == "v2"
    assert system_names([("v1", "a"), ("v1", "b"), ("v2", "a")])["v2", "a"] == "a of v2"


def test_what_not_all_systems_have_is_named() -> None:
    rows = pd.DataFrame([
        {"system": s, "condition": "clean", "utterance_id": u, "error": error}
        for s, u, error in (("a", "1", None), ("a", "2", None), ("b", "1", None),
                            ("b", "2", "crashed"), ("c", "1", "crashed"))])
    common, lost = in_all(rows)  # what is left out
    assert list(common["utterance_id"]) == ["1", "1"]
    assert [(item.what, item.names) for item in lost] == [("pipeline", ("c",)),
                                                          ("utterance", ("2",))]


def test_groups_that_are_not_ranked_are_named() -> None:
    lost = list(_too_few(pd.Series({"F": "ok", "M": "insufficient", "unknown": "unknown"})))
    assert [(item.what, item.names) for item in lost] == [("group", ("M",)),
                                                          ("group", ("unknown",))]
