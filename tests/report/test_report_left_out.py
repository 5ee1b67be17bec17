"""What was left out is shown in one place, and odd utterances are no end of a page."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import pytest

from evalkit.api import score
from evalkit.report.page import write_report
from tests.report.conftest import Page


def scored(folder: Path, texts: list[str | None], heard: list[str | None], *,
           speakers: bool = True) -> Path:
    """A run of hypotheses; None stands for a text or hypothesis that there is not."""
    with (folder / "m.jsonl").open("w") as manifest, (folder / "h.jsonl").open("w") as given:
        for i, (text, hypothesis) in enumerate(zip(texts, heard, strict=True)):
            row = {"id": f"u{i:02}", "text": text, "accent": "ab"[i % 2]}
            manifest.write(json.dumps(row | ({"speaker": f"s{i // 2}"} if speakers else {})) + "\n")
            if hypothesis is not None:
                given.write(json.dumps({"id": f"u{i:02}", "hypothesis": hypothesis}) + "\n")
    return score(folder / "m.jsonl", {"asr": folder / "h.jsonl"}, folder / "run").path


@pytest.mark.parametrize(("text", "heard"), [
    ("", "uh"), ("", ""), (None, "uh"), ("on", None), ("...", "uh"), ("on", "")])
def test_odd_utterances_are_no_end_of_a_page(tmp_path: Path, text: str | None, heard: str | None
                                             ) -> None:
    run = scored(tmp_path, [*["turn on the light"] * 5, text],
                 [*["turn on a light"] * 5, heard])
    page = Page(write_report(run, tmp_path / "out"))
    assert "turn" in page.text


def test_missing_hypotheses_are_counted_once_and_named(tmp_path: Path) -> None:
    texts: list[str | None] = ["turn on the light"] * 40
    run = scored(tmp_path, texts, [t if i % 2 else None for i, t in enumerate(texts)])
    summary = json.loads((run / "summary.json").read_text())
    (failure,) = summary["failures"]
    assert (failure["n"], failure["of"]) == (20, 40)
    assert {"wer", "cer"} <= set(failure["metrics"])
    assert failure["why"].startswith("NoHypothesis: ") and failure["names"][0] == "u00"
    page = Page(write_report(run, tmp_path / "out"))
    assert "20 of 40 failed" in page.text and "NoHypothesis" in page.text
    with (tmp_path / "out" / "tables" / "left-out.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert ("utterance", "20") in {(row["What"], row["How many"]) for row in rows}
    with (tmp_path / "out" / "tables" / "failed-by-group.csv").open(encoding="utf-8") as file:
        assert [row["Share of the group, %"] for row in csv.DictReader(file)] == ["100"]
    found = json.loads((tmp_path / "out" / "findings.json").read_text())
    assert sum(item["n"] for item in found["sections"]["left-out"]["records"]) >= 20


def test_a_corpus_without_speakers_counts_none(tmp_path: Path) -> None:
    run = scored(tmp_path, ["turn on"] * 40, ["turn off"] * 40, speakers=False)
    page = Page(write_report(run, tmp_path / "out"))
    assert "0 speakers" not in page.text and "from resampling speakers" not in page.text
    assert "from resampling utterances" in page.text


@pytest.mark.parametrize(("row", "alarming"), [
    ("", False), ('{"text": "no id"}', True), ("no JSON", True),
    ('{"id": "u00", "text": "x"}', True)])
def test_only_what_the_numbers_lack_is_shown_in_red(tmp_path: Path, row: str, alarming: bool
                                                    ) -> None:
    scored(tmp_path, ["turn on"] * 40, ["turn off"] * 40)
    with (tmp_path / "m.jsonl").open("a") as manifest:
        manifest.write(f"{row}\n")
    run = score(tmp_path / "m.jsonl", {"asr": tmp_path / "h.jsonl"}, tmp_path / "run2").path
    html = write_report(run, tmp_path / "out").read_text(encoding="utf-8")
    assert "Left out of some part" in html  # groups of too few speakers
    assert ('class="alarm"' in html) == ("Missing from every number" in html) == alarming
