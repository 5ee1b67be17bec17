"""Tables as CSV, versions side by side, the Markdown summary, pictures of sound."""

from __future__ import annotations

import csv
import io
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import soundfile
from markdown_it import MarkdownIt
from PIL import Image

from evalkit.core.errors import RunError
from evalkit.core.text import in_markdown
from evalkit.core.types import Fact, Interval
from evalkit.report.cohort_words import plainly
from evalkit.report.page import write_report
from evalkit.report.reported import ReportedRun
from evalkit.report.sections.examples import changed_rows, rank
from evalkit.report.sections.significance import comparisons, pairs
from evalkit.report.spectrograms import HEIGHT, HIGHEST, WIDTH, picture, spectrogram
from evalkit.report.summary import ALPHA
from evalkit.report.table import Cell, Column, Row, Table, counted, measured, texts, to_csv
from evalkit.report.version_table import _verdict, versions
from evalkit.statistics.systems import compare_systems
from evalkit.store.runfolder import RunFolder
from tests.report.conftest import Page
from tests.worlds import HOSTILE, FakeRun

RATE = Fact("%", False, "", 1)


# CSV

def table_of(columns: dict[str, str], *rows: dict[str, Cell]) -> Table:
    return Table("t", "T", [Column(key, title) for key, title in columns.items()],
                 [Row(cells) for cells in rows])


def rows_of(table: Table) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(to_csv(table))))


def test_csv_holds_values_in_full_in_the_unit_of_the_header_and_bounds_apart() -> None:
    table = table_of({"name": "name", "rate": "rate, %", "n": "n"},
                     {"rate": measured(1 / 3, RATE, 0.25, 0.5), "name": Cell("a"),
                      "n": counted(7)},
                     {"n": counted(None), "rate": measured(math.nan, RATE), "name": Cell("b")})
    assert rows_of(table) == [
        {"name": "a", "rate, %": "33.33333333", "rate, %, low": "25", "rate, %, high": "50",
         "n": "7"},
        {"name": "b", "rate, %": "", "rate, %, low": "", "rate, %, high": "", "n": ""}]


def test_csv_loses_nothing_that_the_page_shows() -> None:
    table = table_of({"a": "A", "b": "B"}, {
        "a": Cell("rnnoise", "sha256 12ab"),
        "b": Cell("22.5", "−25.0 (−40.0 to –)", value=22.5,
                  parts={"change": -25.0, "change, low": -40.0, "change, high": math.nan})})
    assert rows_of(table) == [{"A": "rnnoise [sha256 12ab]", "B": "22.5", "B, change": "-25",
                               "B, change, low": "-40", "B, change, high": ""}]


def test_columns_that_say_nothing_are_in_the_csv_alone() -> None:
    table = table_of({"n_speakers": "Speakers", "status": "Status", "p": "p", "q": "q"},
                     *({"n_speakers": counted(0), "status": Cell("compared"), "p": Cell("–"),
                        "q": Cell("–", undefined="too few")} for _ in range(2)))
    assert [column.key for column in table.telling] == ["q"]
    assert list(rows_of(table)[0]) == ["Speakers", "Status", "p", "q"]


def test_a_row_that_does_not_fit_its_columns_is_refused() -> None:
    for cells in ({"a": Cell("1")}, {"a": Cell("1"), "b": Cell("2"), "c": Cell("3")}):
        with pytest.raises(ValueError, match=r"'t'.*\['a', 'b'\]"):
            table_of({"a": "A", "b": "B"}, cells)
    with pytest.raises(ValueError, match="rows do not fit"):
        Table("t", "T", [Column("a", "A"), Column("a", "B")], [])


@pytest.mark.parametrize("text", [
    "|=1+1", "|+1", "|-1", "|@SUM(A1)", "\t|=1", "|=cmd|' /C calc'!A0", " \u00a0|-2+3", "\n|=A1",
    "|\uff1d1+1", "\u3000|\uff20A1", "|+", "a;|=1+1", "a; |@b;c", "a\tb\t|-1", "a\n\n |=1;|=2",
    "a=1", "a - b", "1;2", "'=1", "a|b", "", "\u22122"])
def test_no_text_is_a_formula_in_a_header_or_a_row(text: str) -> None:
    """An apostrophe stands where | is before a sign; ; and tabs part cells in some countries."""
    shown, plain = (re.sub(r"\|(?=[=+@\uff1d\uff20-])", sign, text) for sign in ("'", ""))
    row, = rows_of(table_of({"name": plain}, texts(name=plain)))
    assert row == {shown: shown}


def test_a_metadata_key_is_no_formula(fake_run: FakeRun, tmp_path: Path) -> None:
    key = "=cmd|'/C calc'!A0"
    fake_run.utterances = fake_run.utterances.rename(columns={"accent": key})
    write_report(fake_run.write(), tmp_path / "out", by=key)
    header = next(csv.reader((tmp_path / "out" / "tables" / "groups.csv").open(encoding="utf-8")))
    assert header[0] == f"'{key}"


def test_hostile_text_stays_in_its_field() -> None:
    names = [*HOSTILE, 'a,"b"\r\nc']
    shown = rows_of(table_of({"x": "x", "y": "y"}, *(texts(x=name, y="end") for name in names)))
    assert [row["y"] for row in shown] == ["end"] * len(names)
    assert shown[0]["x"] == HOSTILE[0]


def test_the_tables_of_a_page_are_its_rows(written: tuple[FakeRun, Path]) -> None:
    page, folder = Page(written[1]), written[1].parent / "tables"
    names = {path.stem for path in folder.iterdir()}
    assert names == {(attrs.get("href") or "")[len("tables/"):-len(".csv")]
                     for attrs in page.of("a") if (attrs.get("href") or "").startswith("tables/")}
    shown = {(attrs.get("id") or "")[6:] for attrs in page.of("table")}
    of_csv = {"groups", "selections", "differences-by-condition"}  # what is selected is shown
    assert names - shown == names & of_csv
    table = pd.read_csv(folder / "groups.csv")
    scores = written[0].table().merge(written[0].utterances[["utterance_id", "accent"]])
    errors = scores[scores["metric"] == "wer"].groupby(["accent", "pipeline", "condition"])
    sums = errors[["amount", "weight"]].sum()
    for row in table.to_dict("records"):
        key = row["accent"], row["Pipeline"], row["Condition"]
        assert row["Word error rate, %"] == pytest.approx(
            100 * sums.loc[key, "amount"] / sums.loc[key, "weight"])


# Pipelines two by two

def test_pairs_say_what_the_comparison_says(written: tuple[FakeRun, Path]) -> None:
    run = written[0]
    table = pairs(comparisons(run.table(), run.headline()), run.headline())
    assert [row.cells["metric"].text for row in table.rows].count("Word error rate") == 2
    marks = {row.cells["better"].text for row in table.rows
             if not (row.cells["p"].value or 0) < 0.05}
    assert marks == {"may be chance"}
    rows = run.table().query("metric == 'wer' and condition == 'clean'")
    a, b = (rows[rows["pipeline"] == name] for name in ("rnnoise", "plain"))
    difference = compare_systems(a, b, fact=run.headline().facts["wer"]).difference
    first = table.rows[0].cells
    assert (first["a"].text, first["b"].text) == ("rnnoise", "plain")
    assert first["difference"].value == 100 * difference.value
    assert first["difference"].parts == {"low": 100 * difference.low,
                                         "high": 100 * difference.high}


def test_one_pipeline_has_no_pairs(tmp_path: Path) -> None:
    run = FakeRun(tmp_path / "run", tmp_path, ["plain"])
    assert not pairs(comparisons(run.table(), run.headline()), run.headline()).rows


# The most changed

def test_the_most_changed_come_worse_first_and_once() -> None:
    counts = {"before": [0, 5, 5, 5, 5, 2, 2], "after": [9, 8, 0, 5, 4, 2, None]}
    scores = pd.DataFrame([
        {"pipeline": pipeline, "condition": "c", "utterance_id": f"u{i}", "metric": "wer",
         "amount": n, "weight": 10.0} for pipeline, row in counts.items()
        for i, n in enumerate(row)])
    errors = rank(scores, Fact("%", False, "", is_count=True))
    changed = changed_rows(errors, "before")
    assert changed["utterance_id"].to_list() == ["u0", "u1", "u2", "u4"]
    assert changed["change"].to_list() == pytest.approx([0.9, 0.3, -0.5, -0.1])
    assert changed_rows(errors, "after").iloc[0]["utterance_id"] == "u2"
    quality = rank(scores, Fact("MOS", True, ""))
    assert changed_rows(quality, "before")["utterance_id"].to_list() == ["u2", "u4", "u0", "u1"]


# Versions

@pytest.fixture
def two_versions(tmp_path: Path) -> tuple[Path, Path]:
    """v2 makes an error more in every utterance of "rnnoise" under "clean"."""
    folders = []
    for name in ("v1", "v2"):
        run = FakeRun(tmp_path / name, tmp_path / "corpus", speakers=8)
        for row in run.scores:
            if name == "v2" and (row["metric"], row["pipeline"], row["condition"]) == (
                    "wer", "rnnoise", "clean"):
                row["amount"] += 1
        folders.append(run.write())
    return folders[0], folders[1]


def later(first: Path, last: Path) -> ReportedRun:
    return ReportedRun(RunFolder(last), last, earlier=[RunFolder(first)])


def test_versions_stand_side_by_side(two_versions: tuple[Path, Path]) -> None:
    table = versions(later(*two_versions)).tables[0]
    assert [column.title for column in table.columns[3:6]] == ["v1", "v2", "Change"]
    rows = {tuple(row.cells[key].text for key in ("metric", "pipeline", "condition")): row.cells
            for row in table.rows}
    worse = rows["Word error rate", "rnnoise", "clean"]
    assert worse["change"].value == pytest.approx(10) and worse["verdict"].text == "worse"
    assert (worse["run 1"].value or 0) - (worse["run 0"].value or 0) == pytest.approx(10)
    same = rows["Word error rate", "plain", "clean"]
    assert same["change"].value == 0 and same["n"].text == "48"
    assert same["verdict"].text == "may be chance" and same["verdict"].detail == ""
    noise = Interval(0.004, -0.002, 0.01, 0.003, 39.0, 40, "t")
    assert _verdict(noise, 0.2, Fact("%", False, ""), ALPHA / 4).detail == (
        "could have shown 1.04 points; about 210 more speakers would settle it")
    assert _verdict(noise, 0.2, Fact("%", False, ""), ALPHA / 4, "utterances").detail.endswith(
        "about 210 more utterances would settle it")
    trials = rows["Equal error rate", "plain", "clean"]
    assert (trials["verdict"].text, trials["n"].text) == ("not compared", "0")
    assert trials["change"].undefined.startswith("not the same trials have a score in both")


def test_a_page_of_versions_is_about_the_last(two_versions: tuple[Path, Path], tmp_path: Path
                                              ) -> None:
    v1, v2 = two_versions
    target = tmp_path / "summary.md"
    page = Page(write_report(v2, tmp_path / "out", earlier=[v1], markdown=target))
    assert "What changed?" in page.text
    assert (tmp_path / "out" / "tables" / "versions.csv").exists()
    text = target.read_text()
    assert "| Word error rate | rnnoise | clean |" in text and "▲ worse" in text
    assert text.startswith("### evalkit: accents\n\n- Since v1, word error rate of plain has not ")
    assert "\n- 2 pipelines were run" in text


def test_the_same_name_twice_is_numbered(two_versions: tuple[Path, Path]) -> None:
    table = versions(later(two_versions[0], two_versions[0])).tables[0]
    assert [column.title for column in table.columns[3:5]] == ["1. v1", "2. v1"]


def test_a_version_that_is_missing_is_named(two_versions: tuple[Path, Path], tmp_path: Path
                                            ) -> None:
    with pytest.raises(RunError, match="v0"):
        write_report(two_versions[1], tmp_path / "out", earlier=[tmp_path / "v0"])
    assert not (tmp_path / "out").exists()


# Markdown

def test_the_brief_lists_every_confirmed_cohort(discovered: tuple[FakeRun, Path],
                                                tmp_path: Path) -> None:
    folder, target = discovered[0].folder, tmp_path / "summary.md"
    write_report(folder, tmp_path / "out", markdown=target)
    findings = RunFolder(folder).findings()
    assert findings is not None
    confirmed = [(finding.finder, in_markdown(plainly(verdict.cohort)))
                 for finding in findings.finders for verdict in finding.verdicts
                 if verdict.status == "confirmed"]
    text = target.read_text()
    table = text[text.index("**Cohorts that fresh speakers confirmed**"):].split("\n\n")[1]
    rows = [line.split(" | ") for line in table.splitlines() if line.startswith("| ")][2:]
    assert confirmed and all(finder in row[0] and row[1].startswith(cohort)
                             for row, (finder, cohort) in zip(rows, confirmed, strict=True))
    assert all(row[2] == "● confirmed" for row in rows)


def test_the_brief_has_no_table_of_cohorts_where_none_is_confirmed(
        fake_run: FakeRun, tmp_path: Path) -> None:
    write_report(fake_run.write(), tmp_path / "out", markdown=tmp_path / "summary.md")
    assert "confirmed" not in (tmp_path / "summary.md").read_text()


@pytest.mark.parametrize("text", [*HOSTILE, "[x](javascript:alert(1))", "![i](//e.org/i)",
                                  "a | b", "**b** _i_ `c` ~~s~~ # h", "<!-- x --> &lt;"])
def test_markdown_shows_names_as_they_are(text: str) -> None:
    html = MarkdownIt("commonmark").enable("table").render(
        f"| name | end |\n| --- | --- |\n| {in_markdown(text)} | end |\n")
    assert html.count("<td>") == 2
    assert not any(f"<{tag}" in html for tag in ("a ", "img", "em", "strong", "code", "b>",
                                                 "script"))


def test_markdown_mentions_nobody() -> None:
    assert "@everybody" not in in_markdown("cc @everybody")


# Pictures of sound

def tone(pitch: float, rate: int = 16_000, seconds: float = 1.0) -> np.ndarray:
    return 0.3 * np.sin(2 * np.pi * pitch * np.arange(round(seconds * rate)) / rate)


@pytest.mark.parametrize("rate", [8000, 16_000, 48_000])
@pytest.mark.parametrize("pitch", [500.0, 3000.0])
def test_a_tone_is_a_line_at_its_height(pitch: float, rate: int) -> None:
    shades = picture(tone(pitch, rate), rate)
    assert shades is not None and shades.shape == (HEIGHT, WIDTH)
    darkest = shades.mean(axis=1).argmin()
    assert HIGHEST * (1 - darkest / (HEIGHT - 1)) == pytest.approx(pitch, abs=HIGHEST / HEIGHT)
    if rate == 8000:
        assert (shades[:HEIGHT // 2 - 2] == 255).all()  # nothing is above half the rate


def test_time_runs_to_the_right() -> None:
    shades = picture(np.concatenate([tone(1000), np.zeros(16_000)]), 16_000)
    assert shades is not None
    assert shades[:, :WIDTH // 2 - 5].min() == 0 and shades[:, WIDTH // 2 + 5:].min() == 255


@pytest.mark.parametrize("samples", [np.zeros(16_000), np.ones(100), np.full(16_000, np.nan)])
def test_what_cannot_be_drawn_is_not(samples: np.ndarray) -> None:
    assert picture(samples, 16_000) is None


def test_a_part_of_a_file_becomes_a_small_png(tmp_path: Path) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.concatenate([np.zeros(16_000), tone(2000)]), 16_000)
    png = spectrogram(path, 1.0, 1.0)
    image = np.asarray(Image.open(io.BytesIO(png)).convert("L"))
    expected = picture(tone(2000), 16_000)
    assert expected is not None
    assert np.abs(image.astype(int) - expected).max() <= 8
    assert png == spectrogram(path, 1.0, 1.0) and len(png) < 22_000
    assert spectrogram(path, 99.0, 1.0) == b""


def test_a_file_that_is_no_audio_has_no_picture(tmp_path: Path) -> None:
    (tmp_path / "a.wav").write_bytes(b"RIFF, so to say")
    assert spectrogram(tmp_path / "a.wav") == spectrogram(tmp_path / "gone.wav") == b""
