"""The section on streaming: latencies by group, and utterances as they were shown."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalkit
from evalkit.report.timelines import MOST_LANES, outline, spans
from evalkit.run.runner import run
from evalkit.store.events import EVENTS_TABLE
from tests.conftest import tone
from tests.report.conftest import Page
from tests.run.runs import config
from tests.streaming.logs import ENDS, SAID, event, lines, spoken
from tests.streaming.test_endpoint_curve import corpus as cut_off
from tests.streaming.test_planted import LATER, corpus

texts = st.lists(st.lists(st.sampled_from("abc"), max_size=4).map(" ".join), min_size=1, max_size=8)


@given(shown=texts)
def test_spans_are_what_was_shown(shown: list[str]) -> None:
    """At every moment the spans that stand are the text; those revoked are as they are counted."""
    found = spans([(float(i), text) for i, text in enumerate(shown)])
    last, revoked = len(shown) - 1, 0
    for i, (text, after) in enumerate(zip(shown, [*shown[1:], shown[-1]], strict=True)):
        there = sorted((span.lane, span.word) for span in found
                       if span.start <= i < span.end or (i == last and not span.revoked))
        assert [word for _, word in there] == text.split()
        same = next((k for k, (a, b) in enumerate(zip(text.split(), after.split(), strict=False))
                     if a != b), min(len(text.split()), len(after.split())))
        revoked += len(text.split()) - same
    assert sum(span.revoked for span in found) == revoked


def test_an_outline_is_of_the_loudest() -> None:
    wave = np.concatenate([np.zeros(4_000), tone(0.25)])
    found = outline(wave)
    assert max(found) == 1 and max(found[:140]) == 0
    assert outline(np.empty(0)) == [0.0] and not any(outline(np.full(9, np.nan)))


def test_latencies_stand_by_group_and_the_latest_are_named(tmp_path: Path) -> None:
    manifest, log = corpus(tmp_path, LATER)
    run = evalkit.score(manifest, {"live": log}, tmp_path / "run")
    page = Page(evalkit.report(run.path, tmp_path / "page", by="place"))
    rows = list(csv.DictReader((tmp_path / "page/tables/latencies.csv").open(encoding="utf-8")))
    assert [row["place"] for row in rows][:2] == ["all", "east"]
    assert "latest by place come those of east" in page.text
    assert "Half of the correct words of live" in page.text
    (report,) = evalkit.latencies(run.path, ["place"])
    for row, known in zip(rows, [report.everybody, *report.rows], strict=True):
        assert float(row["P90, ms"]) == known.quantiles[1].value
        assert float(row["P90, ms, low"]) == pytest.approx(known.quantiles[1].low)
    found = json.loads((tmp_path / "page/findings.json").read_text())["sections"]["streaming"]
    assert found["latencies"][0]["everybody"]["n_words"] == report.everybody.n_words


def test_an_utterance_is_shown_word_by_word(tmp_path: Path) -> None:
    hostile = "<script>alert(1)</script>"
    manifest = lines(tmp_path / "m.jsonl", [
        {"id": hostile, "speaker": "s", "text": SAID, "words": ENDS},
        {"id": "long", "speaker": "t", "text": SAID, "words": ENDS}])
    many = " ".join(f"w{i}" for i in range(MOST_LANES + 3))
    log = lines(tmp_path / "log.jsonl", [
        {"id": hostile, "events": [event(0.6, f"burn {hostile}"), event(1.2, "turn on the"),
                                   event(1.4, "turn on the light", "speculative"),
                                   event(2.0, SAID, "final")]},
        {"id": "long", "events": [event(1.0, many), event(2.0, SAID, "final")]}])
    run = evalkit.score(manifest, {"live": log}, tmp_path / "run")
    page = Page(evalkit.report(run.path, tmp_path / "page"))
    drawn = [tag for tag in page.of("svg") if tag.get("class") == "timeline"]
    kinds = [tag.get("class") for tag in page.of("g")]
    assert [tag["data-seconds"] for tag in drawn] == ["2.000", "2.000"]
    assert kinds.count("kept") == 2 * len(SAID.split())
    assert kinds.count("revoked") == 2 + MOST_LANES and "3 further words not shown" in page.text
    paths = [tag.get("class") for tag in page.of("path")]
    assert paths.count("result speculative") == 1 and paths.count("result final") == 2
    assert paths.count("end") == 2 * len(ENDS)
    assert len(page.scripts) == 1 and hostile in page.text


def test_a_run_that_streamed_nothing_has_no_such_section(written: tuple[object, Path]) -> None:
    assert "When do words come?" not in Page(written[1]).text


def test_who_is_cut_off_stands_by_group(tmp_path: Path) -> None:
    manifest, log = cut_off(tmp_path, 2.0)
    lines(manifest, [json.loads(line) | {"words_source": "an aligner, median error 8 ms"}
                     for line in manifest.read_text().splitlines()])
    scored = evalkit.score(manifest, {"live": log}, tmp_path / "run", metrics=["endpoint_delay"])
    page = Page(evalkit.report(scored.path, tmp_path / "page", by="place"))
    (report,) = evalkit.endpoints(scored.path, ["place"])
    rows = list(csv.DictReader((tmp_path / "page/tables/endpoints.csv").open(encoding="utf-8")))
    assert [row["place"] for row in rows] == [row.group for row in report.rows]
    for row, known in zip(rows, report.rows, strict=True):
        assert float(row["Cut off early, %"]) == pytest.approx(100 * known.early_cut.value)
        assert float(row["Delay, P90, ms"]) == known.delay[1].value
    assert "word times: an aligner, median error 8 ms" in page.text
    assert report.warnings == ["word times: an aligner, median error 8 ms"]
    assert "of those of place east" in page.text and "Who is cut off?" in page.text
    assert sum(tag.get("aria-labelledby") == "endpoints-1-title" for tag in page.of("svg")) == 1


def test_end_pointers_alone_show_no_words(tmp_path: Path) -> None:
    folder = run(config(spoken(tmp_path, (2, 1)), conditions=["clean"], metrics=["endpoint_delay"],
                        pipelines=[{"name": "alone", "endpointer": "energy"}]), tmp_path / "run")
    assert not folder.streamed(EVENTS_TABLE).empty
    page = Page(evalkit.report(folder.path, tmp_path / "page"))
    assert "Who is cut off?" in page.text and "When do words come?" not in page.text
