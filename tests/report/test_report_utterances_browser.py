"""The list of utterances of a page in a real browser."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.report.conftest import BAD
from tests.report.test_report_browser import (
    LEVELS,
    axe,
    browser,  # noqa: F401 -- a fixture
    playwright,
)
from tests.worlds import FakeRun


@pytest.fixture
def page(browser: playwright.Browser,  # noqa: F811
         looked_into: tuple[FakeRun, Path]) -> playwright.Page:
    """The page, which complains of nothing."""
    said: list[str] = []
    page = browser.new_context().new_page()
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.goto(looked_into[1].as_uri())
    yield page
    assert said == []


def test_utterances_are_found_by_keyboard_alone(page: playwright.Page,
                                                looked_into: tuple[FakeRun, Path]) -> None:
    run = looked_into[0]
    tools, status = page.locator("#explorer"), page.locator("#explorer [role=status]")
    items = page.locator("#explorer ol > li")
    assert items.count() == 2 and page.locator("#worst-of-all").is_hidden()

    def choose(label: str, option: str) -> list[str]:
        field = tools.get_by_role("combobox", name=label)
        field.focus()
        page.keyboard.type(option)
        page.keyboard.press("Tab")
        return items.locator("h4").all_inner_texts()

    choose("Pipeline", "plain")
    scottish = set(run.utterances.query("accent == 'Scottish'")["utterance_id"])
    shown = choose("Group", "accent Scottish")
    assert set(shown) == scottish and len(shown) == 2 * len(scottish)
    choose("Group", "everybody")
    assert {"u000"} <= set(choose("Errors", "loop")) < set(run.utterances["utterance_id"])
    assert "Loop: “on” 5 times in a row" in items.first.inner_text()
    assert len(choose("Errors", "words where")) == 2 and "thank" in items.first.inner_text()
    assert len(choose("Errors", "failed")) == 2
    assert "Failed: Odd: went wrong" in items.first.inner_text()
    choose("Errors", "any")
    tools.get_by_role("searchbox").focus()
    page.keyboard.type(f"on>{BAD}")
    assert len(items.all()) == 2 and BAD in items.first.inner_text()
    offered = tools.get_by_role("combobox", name="Beside it").locator("option:not([disabled])")
    assert offered.all_inner_texts() == ["nothing", "rnnoise"]
    choose("Beside it", "rnnoise")
    three = items.first.locator(".three")
    assert "[plain: <script>" in three.all_inner_texts()[2] + items.first.inner_text()
    assert three.count() == 1 + 10 and items.first.locator("audio[controls]").count() == 2
    choose("Pipeline", "rnnoise")
    assert offered.all_inner_texts() == ["nothing", "plain"] and not three.count()
    tools.get_by_role("button", name="Show all").press("Enter")
    assert status.inner_text().startswith("20 of 48 results")
    tools.get_by_role("button", name="Show 20 more").press("Enter")
    assert items.count() == 40 and page.evaluate("document.activeElement.tagName") == "LI"


def test_a_group_of_the_page_opens_its_utterances(page: playwright.Page,
                                                  looked_into: tuple[FakeRun, Path]) -> None:
    run, status = looked_into[0], page.locator("#explorer [role=status]")
    items = page.locator("#explorer ol > li")
    page.evaluate("""document.dispatchEvent(new CustomEvent("evalkit:select", {detail: {
        pipeline: "rnnoise", condition: "babble_5db", metric: "pesq_wb", by: "accent",
        group: "Scottish"}}))""")
    assert status.inner_text() == "4 of 4 results with rnnoise in babble_5db, accent Scottish."
    assert page.evaluate("document.activeElement.textContent") == "Utterances"
    assert "MOS-LQO" in items.first.inner_text()
    page.locator("#driving button").press("Enter")
    assert 0 < items.count() < 4
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    errors = sum(int(row["amount"]) for row in run.scores if row["metric"] == "wer" and (
        row["pipeline"], row["condition"]) == ("rnnoise", "babble_5db")
        and row["utterance_id"] in items.locator("h4").all_inner_texts())
    cells = [line.split("\t") for line in
             page.locator("#table-errors-by-word tbody tr").all_inner_texts()]
    assert sum(int(n) for line in cells for n in line[-3:]) == errors
    found = axe.Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found
            if v["impact"] in ("serious", "critical") or LEVELS & set(v["tags"])] == []
    page.emulate_media(media="print")
    assert page.locator("#explorer").is_hidden() and page.locator("#worst-of-all").is_visible()
