"""What a page can show: every selection is what evalkit's own tables say, and follows the controls
of the page in a browser."""

from __future__ import annotations

import base64
import json
import shutil
import zlib
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pandas as pd
import pytest

from evalkit.core.text import number, span
from evalkit.report import selections as module
from evalkit.report.reported import ReportedRun
from evalkit.report.selection import selected
from evalkit.report.selections import Selections, selections
from evalkit.statistics.groups import group_table
from evalkit.store.runfolder import RunFolder
from tests.report.conftest import Page
from tests.worlds import FakeRun, hostile_run

AXES = ("pipeline", "condition", "metric", "by")


def known(run: ReportedRun) -> Selections:
    start = selected(run)
    assert start is not None
    return selections(run, start)


def views(index: Path) -> list[dict[str, str]]:
    """What the page's script chooses among."""
    page = index.read_text(encoding="utf-8")
    text = page.split('id="selections">')[1].split("</script>")[0]
    found: list[dict[str, str]] = json.loads(zlib.decompress(base64.b64decode(
        json.loads(text)["views"])))
    return found


@pytest.fixture(scope="module")
def run(discovered: tuple[FakeRun, Path]) -> ReportedRun:
    return ReportedRun(RunFolder(discovered[0].folder), Path())


def test_every_selection_is_what_the_table_of_groups_says(
        run: ReportedRun, discovered: tuple[FakeRun, Path]) -> None:
    """And so are the words of the page, of every pipeline, condition, metric and grouping."""
    found, facts = known(run), run.headline.facts
    shown = {tuple(view[axis] for axis in AXES): view for view in views(discovered[1])}
    assert list(shown) == [tuple(each.key.values()) for each in found.every]
    scored = [each for each in found.every if each.report is not None]
    several = {(each.metric, each.by) for each in scored}
    assert several >= {("wer", "accent"), ("wer", "gender"), ("pesq_wb", "accent")}
    for each in scored[::5]:
        report = group_table(
            run.scores, run.utterances, [each.by], metric=each.metric, fact=facts[each.metric],
            pipeline=each.pipeline, condition=each.condition or None, allowed=[each.by])
        table = Page.of_text(shown[tuple(each.key.values())]["table"])
        cells = [row for row in table.cells if row][1:]
        assert len(cells) == len(report.rows)
        for cell, row in zip(cells, report.rows, strict=True):
            fact, value = facts[each.metric], row.value
            assert cell[0] == row.group
            assert cell[1] == f"{number(value.value, fact)} {span(value.low, value.high, fact)}"
        rows = each.report.rows if each.report else []
        assert [(row.gap.p_adjusted, row.gap.difference) for row in rows if row.gap] == [
            (row.gap.p_adjusted, row.gap.difference) for row in report.rows if row.gap]


def test_all_groups_are_a_table(written: tuple[FakeRun, Path]) -> None:
    run = ReportedRun(RunFolder(written[0].folder), Path())
    table = pd.read_csv(written[1].parent / "tables" / "selections.csv")
    assert len(table) == sum(len(each.report.rows) for each in known(run).every if each.report)
    assert {"Metric", "By", "Condition", "Value", "Gap to the others", "Unit"} < set(table)
    assert "all together" in set(table["Condition"])


def test_of_too_many_the_most_important_are_kept_and_the_others_named(
        run: ReportedRun, monkeypatch: pytest.MonkeyPatch) -> None:
    """A metric with a grouping has all of its pipelines and conditions, or is left out."""
    whole = known(run)
    monkeypatch.setattr(module, "MOST_ROWS", 0)
    few = known(run)
    assert {(each.metric, each.by) for each in few.every} == {
        ("wer", "accent"), *((each.metric, each.by) for each in whole.every
                             if each.metric == "eer")}
    lost = {name for item in few.left_out for name in item.names}
    assert "wer by gender" in lost and not whole.left_out
    assert {f"{each.metric} by {each.by}" for each in whole.every
            if each.by and each.metric != "eer"} == lost | {"wer by accent"}


def test_hostile_labels_stay_text_in_what_is_packed(
        tmp_path: Path, discovered: tuple[FakeRun, Path]) -> None:
    from evalkit.report.page import write_report

    hostile = hostile_run(tmp_path, "<b>by</b>", discovered[0].folder)
    index = write_report(hostile.write(), tmp_path / "out", by="<b>by</b>")
    found = views(index)
    assert any("<script>" in view["pipeline"] for view in found)
    for view in found:
        for part in ("lead", "tiles", "figure", "table", "said"):
            page = Page.of_text(view[part])
            assert not {"script", "img", "iframe"} & {tag for tag, _ in page.tags}
            assert not any(name.startswith("on") for _, attrs in page.tags for name in attrs)
            assert not set(view[part]) & set("\x00\x1b\u202e\u2066")


# In a browser

playwright: Any = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")


def test_tiles_figure_and_table_follow_the_controls(written: tuple[FakeRun, Path]) -> None:
    """By keyboard, by the address, and by opening a group."""
    program = next(filter(None, map(shutil.which, ("chromium", "google-chrome"))), None)
    if program is None:
        pytest.skip("no browser is installed")
    with playwright.sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page, said = browser.new_context(viewport={"width": 1280, "height": 900}).new_page(), []
        page.on("pageerror", lambda error: said.append(str(error)))
        page.add_init_script("window.heard = []; document.addEventListener('evalkit:select', "
                             "(event) => heard.push(event.detail))")
        page.goto(written[1].as_uri())
        _ask_for_what_another_has(page)
        _choose_each(page, {tuple(view[axis] for axis in AXES): view
                            for view in views(written[1])})
        _open_a_group(page)
        _save_figures(page)
        page.goto("about:blank")
        page.goto(written[1].as_uri() + "#pipeline=rnnoise&by=gender&metric=none-such")
        page.wait_for_function("() => heard.length === 1")
        assert page.evaluate("[heard[0].pipeline, heard[0].metric, heard[0].by]") == [
            "rnnoise", "wer", "gender"]
        assert said == []
        browser.close()


def _ask_for_what_another_has(page: Any) -> None:
    """A grouping that a metric does not have comes back with a metric that has it."""
    start = page.evaluate("({...heard[0]})")
    for metric in ("eer", start["metric"]):
        heard = page.evaluate("heard.length")
        page.locator("#choose-metric").select_option(metric)
        page.wait_for_function("(before) => heard.length > before", arg=heard)
    assert page.evaluate("heard.at(-1)") == start
    page.evaluate("heard.splice(1)")


def _choose_each(page: Any, known: dict[tuple[str, ...], dict[str, str]]) -> None:
    """Every control, by keyboard: what is shown is what evalkit drew for it."""
    chosen = page.evaluate("({...heard[0]})")
    for axis in AXES:
        control = page.locator(f"#choose-{axis}")
        heard = page.evaluate("heard.length")
        control.focus()
        page.keyboard.press("ArrowDown")
        if control.input_value() == chosen[axis]:
            page.keyboard.press("ArrowUp")
        page.wait_for_function("(before) => heard.length > before", arg=heard)
        detail = page.evaluate("heard.at(-1)")
        assert detail[axis] == control.input_value() != chosen[axis]
        view = known[tuple(detail[name] for name in AXES)]
        for part in ("lead", "tiles", "table", "reach", "said"):
            place = page.locator(f"[data-part={part}]")
            assert " ".join(place.text_content().split()) == " ".join(
                Page.of_text(view[part]).text.split())
        assert page.locator("svg.groups:visible title").text_content() in Page.of_text(
            view["figure"]).text
        assert f"{axis}=" in page.url
        assert page.evaluate("document.activeElement.id") == f"choose-{axis}"
        chosen = detail


def _open_a_group(page: Any) -> None:
    row = page.locator("svg.groups:visible [data-group]").nth(1)
    name = row.get_attribute("data-group")
    row.focus()
    page.keyboard.press("Enter")
    assert page.evaluate("heard.at(-1).group") == name and "group=" in page.url
    other = page.locator(".selected [data-group]").first
    other.click()
    assert page.evaluate("heard.at(-1).group") == other.inner_text() != name
    assert page.locator("[aria-pressed=true]").count() >= 2


def _save_figures(page: Any) -> None:
    """That of groups and another, alone: without a variable or a class of the page."""
    page.evaluate("document.querySelectorAll('details').forEach((one) => { one.open = true })")
    for figure in (page.locator("[data-part=figure] figure"), page.locator("#groups figure").first):
        with page.expect_download() as saved:
            figure.get_by_role("button", name="Save as SVG").click()
        svg = saved.value.path().read_text(encoding="utf-8")
        assert saved.value.suggested_filename.endswith(".svg") and "var(" not in svg
        tree = ElementTree.fromstring(svg)
        assert tree.find("{http://www.w3.org/2000/svg}title") is not None
        below = " ".join(line.text or "" for line in tree.findall("{http://www.w3.org/2000/svg}text"))
        caption = " ".join(figure.locator("figcaption").text_content().split())
        assert below.endswith(caption.removesuffix(" Save as SVG Save as PNG"))
        assert (figure.locator("svg:visible").get_attribute("data-axis") or "") in below
        with page.expect_download() as saved:
            figure.get_by_role("button", name="Save as PNG").click()
        png = saved.value.path().read_bytes()
        width = int.from_bytes(png[16:20], "big")
        box = figure.locator("svg:visible").bounding_box()
        assert png.startswith(b"\x89PNG") and width == pytest.approx(2 * box["width"], abs=2)
