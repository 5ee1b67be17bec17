"""Discovered cohorts: the table says what findings.json says, figures stand where they should."""

from __future__ import annotations

import json
import math
import re
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.types import Fact
from evalkit.report.cohort_words import plainly
from evalkit.report.colour_scale import HEAT, ColourScale, colour_scale
from evalkit.report.discovery import Discovery, discovery, people_of, who
from evalkit.report.maps import Window, _cut, coastlines, windows
from evalkit.report.page import write_report
from evalkit.store.documents.findings import Trait, Verdict
from evalkit.store.runfolder import RunFolder
from tests.report.conftest import Page
from tests.worlds import FakeRun

RATE = Fact("%", False, "", 2)


def findings_of(run: FakeRun) -> dict:
    return json.loads((run.folder / "findings.json").read_text())


def discovery_of(run: FakeRun) -> Discovery:
    folder = RunFolder(run.folder)
    findings = folder.findings()
    assert findings is not None
    return discovery(folder, findings)


# The table

def test_every_verdict_is_a_row_that_can_be_linked_to(discovered: tuple[FakeRun, Path]) -> None:
    run, index = discovered
    page = Page(index)
    verdicts = [(f, v) for f in findings_of(run)["finders"] for v in f["verdicts"]]
    assert {v["status"] for _, v in verdicts} >= {"confirmed"}
    ids = {attrs.get("id") for attrs in page.of("tr")}
    assert len([name for name in ids if (name or "").startswith("finding-")]) == len(verdicts)
    for finding, verdict in verdicts:
        row = next(row for row in page.cells if row[:1] and row[0].endswith(finding["finder"])
                   and row[1].startswith(plainly(verdict["cohort"])))
        assert row[4] == f"{100 * verdict['discovered_gap']:.2f}".replace("-", "−")
        assert row[2].endswith(f" {verdict['status']}") and not row[2][0].isalpha()
        if verdict["gap"]:
            gap = [f"{100 * verdict['gap'][name]:.2f}" for name in ("value", "low", "high")]
            assert row[6] == f"{gap[0]} {gap[1]} to {gap[2]}".replace("-", "−")


def test_the_summary_counts_what_was_confirmed(discovered: tuple[FakeRun, Path]) -> None:
    run, index = discovered
    found = discovery_of(run)
    assert found.confirmed
    assert f"{len(found.confirmed)} w" in Page(index).text
    gaps = [verdict.gap.value for verdict in found.confirmed if verdict.gap]
    assert gaps == sorted(gaps, reverse=True)
    assert "Caribbean" in found.confirmed[0].model_dump_json()


def test_the_findings_and_tables_stand_beside_the_page(discovered: tuple[FakeRun, Path]) -> None:
    run, index = discovered
    kept = json.loads((index.parent / "findings.json").read_text())
    assert kept["sections"]["groups"]["cohorts"] == findings_of(run)
    assert len(kept["summary"]) == 9 and kept["sections"]["groups"]["groups"]
    table = pd.read_csv(index.parent / "tables" / "cohorts.csv")
    verdicts = [v for f in findings_of(run)["finders"] for v in f["verdicts"]]
    assert table["Gap on discovery, points"].to_list() == pytest.approx(
        [100 * v["discovered_gap"] for v in verdicts])
    assert {"Gap on fresh speakers, points, low",
            "Gap on fresh speakers, points, high"} <= set(table)


def verdict(cohort: str, traits: list[Trait]) -> Verdict:
    return Verdict(cohort=cohort, status="insufficient", discovered_gap=0.1, gap=None,
                   relative_gap=math.nan, p_value=math.nan, p_adjusted=math.nan, who=traits)


def test_who_is_in_a_cohort_is_said_once() -> None:
    scots = Trait(column="accent", label="Scottish", share=0.833, elsewhere=0.09)
    assert who(verdict("cluster 2", [scots])) == "accent Scottish 83 % (elsewhere 9 %)"
    assert who(verdict("accent = Scottish", [scots])) == ""
    assert who(verdict("cluster 2", [])) == ""


def test_every_speaker_has_their_cohorts(discovered: tuple[FakeRun, Path]) -> None:
    run, _ = discovered
    folder = RunFolder(run.folder)
    findings = folder.findings()
    assert findings is not None
    people = people_of(folder, findings)
    assert len(people) == 180 and people["speaker_id"].is_monotonic_increasing
    errors = run.table().query("metric == 'wer'").groupby("speaker_id")[["amount", "weight"]].sum()
    assert people["rate"].to_numpy() == pytest.approx(
        (errors["amount"] / errors["weight"]).loc[people["speaker_id"]].to_numpy())
    members = RunFolder(run.folder).cohorts().set_index(["finder", "utterance_id"])["cohort"]
    first = run.utterances.drop_duplicates("speaker_id").set_index("speaker_id")["utterance_id"]
    for finder in ("tree", "clusters"):
        wanted = [members[finder][first[speaker]] for speaker in people["speaker_id"]]
        assert people[f"cohorts.{finder}"].to_list() == wanted


@pytest.mark.parametrize("spoil", [{"schema": 99}, {"finders": [{}]}])
def test_findings_of_another_making_are_left_out_by_name(
        fake_run: FakeRun, tmp_path: Path, spoil: dict,
        discovered: tuple[FakeRun, Path]) -> None:
    path = fake_run.write()
    for name in ("cohorts.parquet", "cohort_speakers.parquet"):
        (path / name).write_bytes((discovered[0].folder / name).read_bytes())
    (path / "findings.json").write_text(json.dumps(findings_of(discovered[0]) | spoil))
    page = write_report(path, tmp_path / "out").read_text(encoding="utf-8")
    assert "No cohorts were looked for" in page
    assert "findings.json" in page and "`evalkit cohorts`" in page


def test_a_run_without_findings_says_how_to_look(written: tuple[FakeRun, Path]) -> None:
    assert "No cohorts were looked for" in Page(written[1]).text


# Figures

def test_figures_have_titles_and_follow_the_page(discovered: tuple[FakeRun, Path]) -> None:
    found = discovery_of(discovered[0])
    titles = [title for title, _, _ in found.figures]
    assert titles == ["Gaps on discovery and on fresh speakers", "Map of the speakers",
                      "Detail: where most speakers live", "Speaker embeddings by word error rate",
                      "Speaker embeddings by cohort"]
    for _, _, svg in found.figures:
        assert not re.search(r"(fill|stroke): #(?!000000)", svg)
    assert f"var(--heat-{1})" in found.figures[3][2]


def test_the_page_holds_its_outlines_and_regions(discovered: tuple[FakeRun, Path]) -> None:
    page = Page(discovered[1])
    assert "Regions of the map" in page.text
    assert len(page.source) < 3_000_000
    ids = [attrs["id"] for _, attrs in page.tags if "id" in attrs]
    assert len(ids) == len(set(ids))


# The scale

@given(st.lists(st.floats(0, 2), min_size=1, max_size=40), st.booleans())
def test_classes_are_few_and_ordered_from_good_to_bad(values: list[float], higher: bool) -> None:
    array = np.array([*values, np.nan])
    heat = colour_scale(array, Fact("%", higher, "", 1))
    classes = heat.classes(array)
    assert classes[-1] == -1 and set(classes[:-1]) <= set(range(len(heat.labels)))
    assert len(heat.labels) <= len(HEAT)
    harm = -array[:-1] if higher else array[:-1]
    assert (np.diff(classes[:-1][np.argsort(harm, kind="stable")]) >= 0).all()


def test_edges_are_shown_round() -> None:
    assert ColourScale((0.1, 0.2), RATE).labels == ["< 10", "10 to 20", "≥ 20"]
    assert ColourScale((0.125,), RATE).labels == ["< 12.50", "≥ 12.50"]
    assert ColourScale((2.0, 3.0), Fact("MOS", True, "", 1)).labels == ["≥ 3", "2 to 3", "< 2"]


# The map

def area(ring: np.ndarray) -> float:
    x, y = ring.T
    return 0.5 * abs(np.dot(x, np.roll(y, -1)) - np.dot(y, np.roll(x, -1)))


def contains(ring: np.ndarray, x: float, y: float) -> bool:
    """By the number of edges that a ray to the east crosses."""
    (x0, y0), (x1, y1) = ring.T, np.roll(ring, -1, axis=0).T
    between = (y0 > y) != (y1 > y)
    with np.errstate(divide="ignore", invalid="ignore"):
        at = x0 + (y - y0) / (y1 - y0) * (x1 - x0)
    return bool(np.count_nonzero(between & (at > x)) % 2)


@pytest.mark.parametrize(("east", "north", "land"), [
    (-3.2, 55.9, True), (-76.8, 18.02, True), (-87.8, 41.9, True), (133.0, -25.0, True),
    (-40.0, 30.0, False), (3.0, 56.0, False), (-75.0, 15.0, False)])
def test_land_is_where_it_is(east: float, north: float, land: bool) -> None:
    window = Window(east - 8, north - 8, east + 8, north + 8)
    assert any(contains(ring, east, north) for ring in coastlines(window)) == land


def test_a_ring_is_cut_to_the_part_on_one_side() -> None:
    square = np.array([[0.0, 0.0], [4.0, 0.0], [4.0, 4.0], [0.0, 4.0]])
    assert area(_cut(square, 0, 1.0, 1)) == pytest.approx(12.0)
    assert area(_cut(square, 1, 1.0, -1)) == pytest.approx(4.0)
    assert len(_cut(square, 0, 5.0, 1)) == 0
    assert _cut(square, 0, -1.0, 1) == pytest.approx(square)


def test_coastlines_stay_near_their_window() -> None:
    window = Window(-10.0, 49.0, 3.0, 60.0)
    points = np.concatenate(list(coastlines(window)))
    assert points[:, 0].min() >= -10.7 and points[:, 0].max() <= 3.7
    assert 300 < len(points) < 3000


def test_a_second_map_shows_where_most_are() -> None:
    near = np.array([[-3.0, 56.0], [-1.0, 52.0], [0.0, 51.5], [-2.0, 53.5], [-2.5, 54.8]])
    whole, crowd = windows(np.vstack([near, [[-76.8, 18.0]]]))
    assert whole.west < -76.8 and crowd.west > -20
    assert crowd.west < -3.0 and crowd.east > 0.0
    assert len(windows(near)) == 1
    assert len(windows(near[:1])) == 1
