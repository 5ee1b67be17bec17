"""Sections: their order, and those of other packages."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit.core.errors import PluginError
from evalkit.core.types import Fact
from evalkit.report import plugin_sections
from evalkit.report.page import write_report
from evalkit.report.section import Content, Section
from evalkit.report.sections import SECTIONS, all_sections
from evalkit.report.table import Table
from tests.report.conftest import Page
from tests.worlds import FakeRun


def test_the_sections_and_their_order() -> None:
    assert [section.id for section in SECTIONS] == [
        "versions", "groups", "results", "ranks", "streaming", "endpoints", "significance",
        "enhancement", "examples", "mitigation", "cost", "recognizer-cost", "frontier",
        "definitions"]


def test_the_navigation_is_that_of_the_sections(written: tuple[FakeRun, Path]) -> None:
    page = Page(written[1])
    shown = [attrs["id"] for attrs in page.of("section")]
    known = {section.id for section in SECTIONS}
    assert [name for name in shown if name in known] == [
        "groups", "results", "significance", "enhancement", "examples", "cost", "definitions"]
    assert shown[-2:] == ["left-out", "definitions"]
    assert [a["href"] for a in page.of("a") if (a["href"] or "")[1:] in shown] == [
        "#left-out", *(f"#{name}" for name in shown), "#left-out"]


@pytest.mark.usefixtures("outside")
def test_the_page_says_what_batches_changed(written: tuple[FakeRun, Path]) -> None:
    page = Page(written[1])
    assert ("2 of 9 utterances were transcribed otherwise than alone; word error rate 10.00\xa0% "
            "alone, 12.22\xa0% in the batch (+2.22 points") in page.text
    assert "What batches change (1 row)" in page.text


def test_a_section_of_another_package_is_text_everywhere(fake_run: FakeRun, tmp_path: Path
                                                         ) -> None:
    for row in fake_run.outputs:
        where = {key: row[key] for key in ("pipeline", "condition", "utterance_id")}
        fake_run.score(where, "s", "hypothesis_length", len(row["hypothesis"].split()), 1)
    fake_run.info["metrics"]["hypothesis_length"] = Fact("words", None, "Words")
    brief = tmp_path / "summary.md"
    page = Page(write_report(fake_run.write(), tmp_path / "out", markdown=brief))
    assert [attrs["id"] for attrs in page.of("section")][-3:] == [
        "outside-words", "left-out", "definitions"]
    assert len(page.scripts) == 1
    assert page.text.count("<script>alert('outside')</script>") >= 8
    assert "<b>" in page.text  # the sentence of the summary, too
    words = sum(len(row["hypothesis"].split()) for row in fake_run.outputs)
    with (tmp_path / "out" / "tables" / "outside-words.csv").open(encoding="utf-8") as file:
        assert sum(int(row["Words"]) for row in csv.DictReader(file)) == words
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert findings["sections"]["outside-words"] == {"words": words}
    text = brief.read_text()
    assert "| plain | " in text and "<script>" not in text.replace("\\<", "")


def use(monkeypatch: pytest.MonkeyPatch, section: object) -> None:
    """Makes ``section`` the one that is installed."""
    monkeypatch.setattr(plugin_sections, "available", lambda group: {"mine": group})
    monkeypatch.setattr(plugin_sections, "load", lambda group, name: section)


def failing(_: object) -> Content:
    raise KeyError("x\ny")


MINE = Section("mine", "Mine", lambda _: Content(["text"]))


@pytest.mark.parametrize(("section", "message"), [
    (failing, "is a function; it must be an evalkit.report.section.Section"),
    (replace(MINE, build=failing), "sections plug-in 'mine' failed"),
    (replace(MINE, build=lambda _: Content(findings={"x": object()})), "plug-in 'mine' failed"),
    (replace(MINE, id="groups"), "two sections of the report have the id 'groups'"),
    (replace(MINE, build=lambda _: Content(tables=[Table("../x", "T", [], [])])),
     "plug-in 'mine' failed: .*table '../x'"),
])
def test_a_section_that_fails_is_named_in_one_line(
        fake_run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, section: object,
        message: str) -> None:
    use(monkeypatch, section)
    with pytest.raises(PluginError, match=message) as caught:
        write_report(fake_run.write(), tmp_path / "out")
    assert "\n" not in str(caught.value) and not (tmp_path / "out").exists()


def test_a_section_that_has_nothing_to_say_is_left_out(
        fake_run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    use(monkeypatch, replace(MINE, build=lambda _: None))
    page = Page(write_report(fake_run.write(), tmp_path / "out"))
    assert [section.id for section in all_sections()][-2:] == ["mine", "definitions"]
    assert "Mine" not in page.text


def test_an_id_is_an_anchor() -> None:
    with pytest.raises(ValueError, match="an id is of small letters"):
        replace(MINE, id='x" onclick="y')
