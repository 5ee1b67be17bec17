"""Pages in a real browser: what a reader sees, sorts, filters, hears and prints."""

from __future__ import annotations

import shutil
import threading
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from benchmarks.hostile.strings import tried
from evalkit.report.page import write_report
from tests.worlds import FakeRun, hostile_run

playwright = pytest.importorskip("playwright.sync_api", reason="playwright is not installed")
axe = pytest.importorskip("axe_playwright_python.sync_playwright", reason="axe is not installed")

class Quiet(SimpleHTTPRequestHandler):
    """Serves files and says nothing of it."""

    def log_message(self, *_: object) -> None:
        pass


BROWSERS = ("chromium", "chromium-browser", "google-chrome")
PHONE = {"width": 360, "height": 740}
LEVELS = {f"wcag{version}{level}" for version in ("2", "21", "22") for level in ("a", "aa")}


@pytest.fixture(scope="module")
def browser() -> Iterator[playwright.Browser]:
    program = next(filter(None, map(shutil.which, BROWSERS)), None)
    if program is None:
        pytest.skip(f"no browser: none of {', '.join(BROWSERS)} is installed")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=program, args=[
            "--no-sandbox", "--autoplay-policy=no-user-gesture-required"])
        yield opened
        opened.close()


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory, discovered: tuple[FakeRun, Path]) -> Path:
    """The page of a run whose strings all try to break out."""
    folder = tmp_path_factory.mktemp("hostile")
    run = hostile_run(folder, "<b>by</b>", discovered[0].folder)
    for i, row in enumerate(run.utterances.index):
        run.utterances.loc[row, "audio"] = f"{i}.wav"
    for row in run.outputs:
        row["output_audio"] = None
    return write_report(run.write(audio=True), folder / "report", by="<b>by</b>")


@pytest.fixture(scope="module")
def strings(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the outputs of a run with hostile strings in every field are."""
    folder = tmp_path_factory.mktemp("strings")
    assert tried(0.05, 1, folder)[0].bad == ()
    return folder / "0"


@pytest.fixture
def index(request: pytest.FixtureRequest) -> Path:
    """The page of the fixture that a test names."""
    found = request.getfixturevalue(request.param)
    return found if isinstance(found, Path) else found[1]


EVERY_PAGE = pytest.mark.parametrize("index", ["written", "discovered", "hostile"], indirect=True)


@pytest.fixture
def said() -> list[str]:
    """What pages complained of."""
    return []


def opened(browser: playwright.Browser, index: Path, said: list[str], **options: object
           ) -> playwright.Page:
    """The page, with everything on it unfolded."""
    page = browser.new_context(**options).new_page()
    page.on("console", lambda message: said.append(message.text))
    page.on("pageerror", lambda error: said.append(str(error)))
    page.on("dialog", lambda dialog: (said.append(dialog.message), dialog.dismiss()))
    page.on("request", lambda r: said.append(r.url) if not r.url.startswith(
        (index.parent.as_uri(), "data:")) else None)
    page.goto(index.as_uri())
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true })")
    return page


def column(page: playwright.Page, table: str, number: int) -> list[str]:
    """The cells of a column that are to be seen."""
    rows = page.locator(f"#table-{table} tbody tr:visible")
    return [row.locator("td").nth(number).inner_text() for row in rows.all()]


@EVERY_PAGE
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_page_opens_without_complaint_and_without_the_network(
        browser: playwright.Browser, index: Path, scheme: str, said: list[str]) -> None:
    page = opened(browser, index, said, color_scheme=scheme)
    assert page.locator("h1").inner_text()
    assert page.evaluate("[...document.images].every((i) => i.complete && i.naturalWidth > 0)")
    assert said == []


@pytest.mark.parametrize("name", ["report/index.html", "history.html"])
def test_hostile_strings_do_nothing_in_a_browser(
        browser: playwright.Browser, strings: Path, name: str, said: list[str]) -> None:
    page = opened(browser, strings / name, said)
    for place in ("summary", "th", "[title]"):
        for element in page.locator(place).all()[:10]:
            element.dispatch_event("click")
            element.dispatch_event("mouseover")
    assert "e.org" in page.content()
    assert said == []


@pytest.mark.parametrize(("index", "scheme"), [
    ("discovered", "light"), ("discovered", "dark"), ("hostile", "dark")], indirect=["index"])
def test_no_barrier_of_level_a_or_aa(browser: playwright.Browser, index: Path, scheme: str,
                            said: list[str]) -> None:
    """Unfolded on a wide screen and, in the dark, folded on a phone, where lines are close."""
    screen = {"viewport": PHONE} if scheme == "dark" else {}
    page = opened(browser, index, said, color_scheme=scheme, **screen)
    if screen:
        page.evaluate("document.querySelectorAll('details').forEach(d => { d.open = false })")
    found = axe.Axe().run(page).response["violations"]
    assert [(v["id"], v["nodes"][0]["html"]) for v in found
            if v["impact"] in ("serious", "critical") or LEVELS & set(v["tags"])] == []


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_history_is_a_page_like_the_others(browser: playwright.Browser, strings: Path,
                                             scheme: str, said: list[str]) -> None:
    """No barrier, no scrolling to the side on a phone, and figures that are read there."""
    page = opened(browser, strings / "history.html", said, color_scheme=scheme, viewport=PHONE)
    found = axe.Axe().run(page).response["violations"]
    assert [v["id"] for v in found if v["impact"] in ("serious", "critical")
            or LEVELS & set(v["tags"])] == []
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]
    size = "(t) => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a"
    assert page.locator("figure svg text").first.evaluate(size) > 10


@EVERY_PAGE
def test_a_small_screen_scrolls_one_way_only(browser: playwright.Browser, index: Path,
                                             said: list[str]) -> None:
    page = opened(browser, index, said, viewport=PHONE)
    assert page.evaluate("document.documentElement.scrollWidth") <= PHONE["width"]


def test_the_first_screen_is_a_screen(browser: playwright.Browser, said: list[str],
                                      discovered: tuple[FakeRun, Path]) -> None:
    """Tiles and figure are above the fold, and on a phone within two screens and readable."""
    for width, height, shown in ((1280, 900, "wide"), (390, 2 * 844, "narrow")):
        page = opened(browser, discovered[1], said, viewport={"width": width, "height": height})
        assert page.locator(".tile").count() == 5
        figures = [svg.get_attribute("class") for svg in page.locator("svg.groups:visible").all()]
        assert figures == [f"groups {shown}"]
        box = page.locator(f"svg.{shown}").bounding_box()
        assert box["y"] + box["height"] <= height
        size = "(t) => parseFloat(getComputedStyle(t).fontSize) * t.getScreenCTM().a"
        assert page.locator(f"svg.{shown} text.name").first.evaluate(size) > 12


@EVERY_PAGE
def test_print_holds_everything_on_the_sheet(browser: playwright.Browser, index: Path,
                                             said: list[str]) -> None:
    page = browser.new_context(viewport={"width": 720, "height": 1020},
                               color_scheme="dark").new_page()
    page.goto(index.as_uri())
    page.emulate_media(media="print")
    assert page.locator("nav").is_hidden() and page.locator(
        "input:visible, audio:visible").count() == 0
    assert page.locator("#table-values td").first.is_visible()  # folded on the screen
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == "rgb(253, 253, 251)"
    assert page.evaluate("document.documentElement.scrollWidth") <= 720
    assert page.pdf(format="A4").startswith(b"%PDF")


def test_hostile_text_runs_nothing(browser: playwright.Browser, hostile: Path, said: list[str]
                                   ) -> None:
    page = opened(browser, hostile, said)
    page.wait_for_timeout(200)
    assert said == []
    assert page.locator("script:not([type])").count() == 1
    strange = "iframe, embed, object, svg script, img:not([src^='pictures/'])"
    assert page.locator(strange).count() == 0
    assert "<script>alert(1)</script>" in page.locator("h1").inner_text()


def test_a_table_sorts_by_mouse_and_by_keyboard(
        browser: playwright.Browser, discovered: tuple[FakeRun, Path], said: list[str]) -> None:
    page = opened(browser, discovered[1], said)
    header = page.locator("#table-cohorts th", has_text="Gap on discovery")
    header.get_by_role("button").click()
    assert header.get_attribute("aria-sort") == "ascending"
    rising = [float(value.replace("−", "-")) for value in column(page, "cohorts", 4)]
    assert rising == sorted(rising) and len(set(rising)) > 3
    page.keyboard.press("Enter")
    assert header.get_attribute("aria-sort") == "descending"
    falling = [float(value.replace("−", "-")) for value in column(page, "cohorts", 4)]
    assert falling == rising[::-1]
    page.locator("#table-cohorts th", has_text="Found among").get_by_role("button").click()
    assert header.get_attribute("aria-sort") is None
    assert column(page, "cohorts", 0) == sorted(column(page, "cohorts", 0))
    assert said == []


def test_a_table_filters(browser: playwright.Browser, written: tuple[FakeRun, Path],
                         said: list[str]) -> None:
    page = opened(browser, written[1], said)
    field = page.get_by_role("searchbox", name="Filter: Every metric")
    everything = column(page, "values", 0)
    field.fill("BABBLE rnnoise wer")
    shown = column(page, "values", 0)
    assert 0 < len(shown) < len(everything) and all(name.startswith("wer") for name in shown)
    assert set(column(page, "values", 1)) == {"rnnoise"}
    status = field.locator("xpath=ancestor::div").get_by_role("status")
    assert status.inner_text() == f"{len(shown)} of {len(everything)} rows"
    field.fill("")
    assert column(page, "values", 0) == everything
    assert said == []


def test_a_link_leads_to_its_finding(browser: playwright.Browser, said: list[str],
                                     discovered: tuple[FakeRun, Path]) -> None:
    page = opened(browser, discovered[1], said)
    page.locator("#finding-1-1 a").first.click()
    assert page.url.endswith("#finding-1-1")
    assert page.evaluate("document.querySelector(':target').id") == "finding-1-1"
    page.get_by_role("link", name="Are the differences real?").click()
    assert page.locator("#significance h2").is_visible()
    assert page.evaluate("[...document.querySelectorAll('a[href^=\"#\"]')].every("
                         "(a) => document.querySelector(a.getAttribute('href')))")


@pytest.mark.parametrize("served", [False, True], ids=["file", "http"])
def test_recordings_play(browser: playwright.Browser, written: tuple[FakeRun, Path],
                         served: bool) -> None:
    handler = partial(Quiet, directory=written[1].parent)
    with ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        page = browser.new_page()
        page.goto(f"http://127.0.0.1:{server.server_port}/" if served else written[1].as_uri())
        players = page.locator("audio")
        assert players.count() >= 10
        for player in players.all()[:3]:
            player.evaluate("(audio) => { audio.play() }")
            page.wait_for_function("(audio) => audio.currentTime > 0.1",
                                   arg=player.element_handle(), timeout=15_000)
        server.shutdown()


def test_marks_differ_in_more_than_hue(browser: playwright.Browser, said: list[str],
                                       written: tuple[FakeRun, Path]) -> None:
    page = opened(browser, written[1], said)
    lines = {page.locator(f".pair.{kind}").first.evaluate(
        "(e) => getComputedStyle(e).borderBottomStyle") for kind in "SDI"}
    assert lines == {"solid", "dotted", "dashed"}
