"""What is handed on: the model card, the bill of materials and the skeleton of technical
documentation of one run, and what may be published of it."""

from __future__ import annotations

import json
import math
import re
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import yaml

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Fact, Interval
from evalkit.exports.annex_iv import POINTS, technical_documentation
from evalkit.exports.card import model_card
from evalkit.exports.cells import Cell
from evalkit.exports.cyclonedx import bill_of_materials
from evalkit.exports.evidence import Asked, Evidence, evidence
from evalkit.exports.publication import Publication, published, read_salt, too_small
from evalkit.exports.sentences import of_gap, worst_groups
from evalkit.exports.subtraction import not_apart
from evalkit.store.documents.findings import Chance, Cohort, Finding, Findings, OnHalf, Verdict
from evalkit.store.manifest import write_manifest
from tests.conftest import evalkit

PARTS_OF_SCHEMA = Path(__file__).parent / "cyclonedx_1_6.json"
SALT = Publication(b"a secret of nobody's")
SIDES = {"south": 25, "north": 25, "east": 12, "west": 8}
"""Speakers by accent: too few of the west to publish, and so few of the others that theirs could
be worked out from the rest."""
SAID = "turn on the light"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A scored run in which the south is heard worst and two utterances failed."""
    folder = tmp_path_factory.mktemp("handed")
    rows, heard = [], []
    for side, many in SIDES.items():
        for speaker in range(many):
            for take in range(4):
                name = f"spk-{side}{speaker}-{take}"
                rows.append({"id": name, "speaker": f"spk-{side}{speaker}", "text": SAID,
                             "accent": side, "home": f"town of {side}{speaker}"})
                wrong = (speaker + take) % 3 == 0 or (side == "south" and take)
                heard.append({"id": name, "hypothesis": "turn a light" if wrong else SAID})
    write_manifest(folder / "m.jsonl", rows)
    write_manifest(folder / "h.jsonl", heard[2:])
    made = evalkit("score", "-m", "m.jsonl", "-y", "asr=h.jsonl", "-o", "run", cwd=folder)
    assert made.returncode == 0, made.stderr
    return folder / "run"


@pytest.fixture(scope="module")
def found(run: Path) -> Evidence:
    """Its evidence, with two cohorts that were confirmed, one of them of few speakers."""
    evident = evidence(Asked(run, title="Our | system"))
    return replace(evident, findings=findings(evident))


def findings(evident: Evidence) -> Findings:
    value = Interval(0.1, 0.05, 0.15, 0.02, 20, 30, "t")
    half = OnHalf(value=value, n=80, n_failed=0, n_speakers=30, share=0.5, weight=1.0,
                  sufficient=True)
    few = half.model_copy(update={"n_speakers": 9})
    cohorts = [Cohort(name="old & far", discovery=half, confirmation=half),
               Cohort(name="young", discovery=half, confirmation=few)]
    verdicts = [Verdict(cohort=each.name, status="confirmed", discovered_gap=0.1, gap=value,
                        relative_gap=0.3, p_value=0.01, p_adjusted=0.02, who=[])
                for each in cohorts]
    chance = Chance(gap=0.1, shuffles=9, low=0.0, median=0.0, high=0.1, p_value=0.1)
    finder = Finding(finder="tree", unit="speaker", projected=False, status="confirmed", options={},
                     rule={}, chance=chance, verdicts=verdicts, extremes=None, cohorts=cohorts,
                     regions=None)
    return Findings(metric="wer", fact=evident.facts["wer"], pipeline="asr", condition=None,
                    n_discovery=35, n_confirmation=35, overall=half, level=0.95, seed=0,
                    finders=[finder], columns={}, left_out=[], warnings=[])


def metadata(card: str) -> dict[str, Any]:
    return yaml.safe_load(card.split("---\n")[1])


def test_the_card_has_the_numbers_of_the_documents(run: Path, found: Evidence) -> None:
    """Those of summary.json, and of ``evalkit groups``."""
    card = model_card(found)
    model, = metadata(card)["model-index"]
    assert model["name"] == "Our | system"
    everybody, *groups = model["results"]
    summary = json.loads((run / "summary.json").read_text())
    known = {score["metric"]: score for score in summary["scores"]}
    for metric in everybody["metrics"]:
        score = known[metric["type"]]
        assert metric["value"] == round(100 * score["value"], 2)
        assert metric["args"]["speakers"] == score["n_speakers"] == 70
        assert metric["args"]["utterances"] == score["n"] == 278 and metric["args"]["failed"] == 2
    assert everybody["task"] == {"type": "automatic-speech-recognition"}
    report, = json.loads(evalkit("groups", run, "--by", "accent", "--json").stdout)
    assert len(groups) == len(report["rows"]) == 4
    for row, group in zip(report["rows"], groups, strict=True):
        assert group["dataset"]["args"] == {"accent": row["group"]}
        metric, = group["metrics"]
        assert metric["value"] == round(100 * row["value"]["value"], 2)
        assert metric["args"]["confidence_interval"] == [
            round(100 * row["value"][end], 2) for end in ("low", "high")]
        assert f"| {row['group']} | given | {metric['value']:.2f} |" in card
    assert "# Our \\| system" in card
    assert re.search(r"^- \*\*accent=south, given\*\*: Word error rate .* more than chance \(p ",
                     card, re.M)
    assert re.search(r"^- \*\*tree: old \\& far\*\*: Word error rate worse than elsewhere by "
                     r"10\.00 points \(95 % interval 5\.00 to 15\.00\)", card, re.M)
    assert "wer of asr, given: 2 utterances left out: NoHypothesis: h.jsonl has none" in card
    assert "1 column left out: more than 50 groups (home)" in card


def test_the_bill_of_materials_keeps_the_schema(found: Evidence) -> None:
    """Of every part of CycloneDX 1.6 that is written."""
    validator = pytest.importorskip("jsonschema").Draft7Validator(
        json.loads(PARTS_OF_SCHEMA.read_text()))
    text = bill_of_materials(found)
    assert text == bill_of_materials(found)
    bom = json.loads(text)
    assert not [error.message for error in validator.iter_errors(bom)]
    card = bom["components"][0]["modelCard"]
    south, = (metric for metric in card["quantitativeAnalysis"]["performanceMetrics"]
              if metric["slice"] == "condition=given, accent=south")
    cell, = (cell for cell in found.groups if cell.group == "south")
    assert south == {"type": "wer %", "value": f"{100 * cell.value:.2f}",
                     "slice": "condition=given, accent=south", "confidenceInterval": {
                         "lowerBound": f"{100 * cell.low:.2f}",
                         "upperBound": f"{100 * cell.high:.2f}"}}
    assert [each["groupAtRisk"] for each in card["considerations"]["fairnessAssessments"]] == [
        "condition=given, accent=south", "tree: old & far", "tree: young"]
    wrong = {**bom, "components": [{**bom["components"][0], "modelCard": {"metrics": []}}]}
    assert list(validator.iter_errors(wrong))


def test_the_skeleton_has_every_point_of_the_annex(found: Evidence) -> None:
    skeleton = technical_documentation(found)
    points = re.findall(r"^##+ (\d(?: \([a-h]\))?) ", skeleton, re.M)
    assert points == [point for point, *_ in POINTS]
    assert points == ["1", *(f"1 ({letter})" for letter in "abcdefgh"), "2",
                      *(f"2 ({letter})" for letter in "abcdefgh"), *"3456789"]
    for point, _, fill in POINTS:
        part = re.split(r"^##+ ", skeleton, flags=re.M)[1 + points.index(point)]
        assert ("To be filled in" in part) == (point not in {"1", "2"})
        assert (len(part.strip().splitlines()) > 3) == (fill is not None and point != "2 (c)")
    assert "| south | given |" in skeleton


def test_what_is_published_names_nobody_and_says_nothing_of_few(run: Path, found: Evidence) -> None:
    given = replace(found, left_out=[*found.left_out, LeftOut(
        "utterance", "cer of asr, given", "cannot read audio/spk-west1-2.wav: spk-west1", 1,
        ("spk-west1-2",))])
    safe = published(given, SALT)
    assert {cell.group for cell in safe.groups} == {"south", "north"}
    for make in (model_card, bill_of_materials, technical_documentation):
        whole, text = make(given), make(safe)
        assert all(word in whole for word in ("spk-west1", "west", "east", "young"))
        assert not re.search("spk-|west|east|young", text)
        assert SALT.digest("spk-west1-2") in text and "2 groups left out: fewer than 10" in text
        assert "publication: 1 cohort left out: fewer than 10 people" in text
        assert "old" in text and "south" in text
        assert make(published(given, SALT)) == text
    assert SALT.digest("a") != Publication(b"another secret of mine").digest("a")
    with pytest.raises(ConfigError, match="nothing was measured of 71 speakers or more"):
        published(found, Publication(SALT.salt, 71))


def test_no_gap_is_published_where_groups_are_left_out(found: Evidence) -> None:
    """All others together, less those that are shown, are those that are not."""
    assert any(math.isfinite(cell.gap) for cell in found.groups)
    safe = published(found, SALT)
    assert not any(math.isfinite(bound) for cell in safe.groups
                   for bound in (cell.gap, cell.gap_low, cell.gap_high))
    said = " ".join(of_gap(cell, safe.facts[cell.metric]) for cell in worst_groups(safe))
    assert "give away those that are not" in said and "worse than all others" not in said
    every = published(found, Publication(SALT.salt, 2))
    assert [cell.gap for cell in every.groups] == [cell.gap for cell in found.groups]


def test_the_worst_group_is_the_worst_that_is_compared(found: Evidence) -> None:
    """Also of trials, whose groups are not tested against one another."""
    cells = [Cell("eer", "clean", value, 0.0, 0.5, 99, 0, 9, "trials", by, group, status)
             for by, group, value, status in (
                 ("sex", "f", 0.1, "ok"), ("sex", "m", 0.2, "ok"),
                 ("sex", "x", 0.4, "insufficient"), ("age", "old", 0.3, "ok"))]
    worst, = worst_groups(replace(found, groups=cells, facts={"eer": found.facts["wer"]}))
    assert worst.group == "m"
    assert of_gap(worst, found.facts["wer"]) == (
        "Word error rate 20.00\u00a0% of 9 speakers: the worst of the groups, and not tested "
        "against the others")


@pytest.mark.parametrize(("people", "by", "gone"), [
    ({"a": 30, "b": 12}, "x", []),
    ({"a": 30, "b": 12, "c": 9}, "x", ["c", "b"]),
    ({"a": 30, "b": 12, "c": 1, "d": 2}, "x", ["c", "d", "b"]),
    ({"a": 30, "b": 12, "c": 6, "d": 5}, "x", ["d", "c"]),
    ({"a": 30, "b": 12, "c": 6, "d": 5}, "x, y", ["d", "c", "b", "a"])])
def test_what_is_left_out_cannot_be_worked_out(
        people: dict[str, int], by: str, gone: list[str]) -> None:
    """Of two groups or more, that have together as many people as one that is shown."""
    cells = [Cell("wer", condition, 0.1, 0.0, 0.2, 99, 0, n, by=by, group=group)
             for condition, more in (("clean", 3), ("noisy", 0))
             for group, n in ((name, many + more) for name, many in people.items())]
    assert too_small(cells, 10) == gone


@pytest.mark.parametrize(("people", "small", "gone"), [
    # the United Kingdom less England is the few from Scotland
    ({("uk", "english"): 20, ("uk", "scottish"): 3, ("ie", "irish"): 12, ("us", "us"): 20},
     ["scottish", "irish"], {"scottish", "irish", "english"}),
    # as many from Scotland that their sum may be known
    ({("uk", "english"): 20, ("uk", "scottish"): 6, ("uk", "welsh"): 6, ("us", "us"): 20},
     ["scottish", "welsh"], {"scottish", "welsh"}),
    # columns that cut across one another
    ({("x", "a"): 20, ("y", "a"): 20, ("x", "b"): 4, ("y", "b"): 4, ("x", "c"): 12, ("y", "c"): 1},
     ["b", "c"], {"b", "c"})])
def test_columns_do_not_give_one_another_away(
        people: dict[tuple[str, str], int], small: list[str], gone: set[str]) -> None:
    rows = [(country, accent, f"{country}-{accent}-{i}") for (country, accent), n in people.items()
            for i in range(n) for _ in range(2)]
    labels = pd.DataFrame(rows, columns=["country", "accent", "who"])
    labels.index = labels.index.map(str)
    found = not_apart(labels, {"accent": small, "country": []}, 10)
    assert set(found["accent"]) == gone
    known = {by: [set(part["who"]) for name, part in labels.groupby(by) if name not in found[by]]
             for by in found}
    for one, other in (("accent", "country"), ("country", "accent")):
        for whole in known[one]:
            inside = [part for part in known[other] if part <= whole]
            assert not inside or len(whole.difference(*inside)) not in range(1, 10)


@pytest.mark.parametrize("cells", [
    # the United Kingdom less England less those over 60 elsewhere in it is 5 people
    {("uk", "english", "young"): 20, ("uk", "other", "over 60"): 15, ("uk", "other", "young"): 5,
     ("us", "us", "young"): 20, ("fr", "other", "young"): 20},
    # no set lies within another, and x + y - (x or y alone) is twice those who are both
    {("1", "1", "0"): 4, ("1", "0", "1"): 20, ("0", "1", "1"): 20, ("0", "0", "0"): 30}])
def test_three_columns_do_not_give_away_what_two_do_not(cells: dict[tuple[str, ...], int]) -> None:
    rows = [(*groups, f"{groups}-{i}") for groups, n in cells.items() for i in range(n)]
    labels = pd.DataFrame(rows, columns=["a", "b", "c", "who"])
    every = {"a": [], "b": [], "c": []}
    assert not any(not_apart(labels.drop(columns=by), {
        other: [] for other in every if other != by}, 6).get(by) for by in every)
    found = not_apart(labels, every, 6)
    assert sum(map(len, found.values())) > 0
    shown = np.array([[float(cell[i] == name) for cell in cells] for i, by in enumerate("abc")
                      for name in {cell[i] for cell in cells} - set(found[by])]
                     + [[1.0] * len(cells)])
    few = np.array([n < 6 for n in cells.values()])
    assert np.linalg.matrix_rank(shown[:, ~few]) == np.linalg.matrix_rank(shown)


def made_up(labels: pd.DataFrame, gone: dict[str, list[str]], floor: int) -> list[tuple[str, ...]]:
    """By trying them all: the sets of combinations of labels with fewer people than ``floor`` that
    sums and differences of the groups that are shown make up."""
    columns = list(gone)
    people = labels.groupby(columns)["who"].unique()
    cells = people.index.to_frame()
    rows = [np.ones(len(cells)), *((cells[by] == name).to_numpy(float) for by in columns
                                   for name in set(cells[by]) - set(gone[by]))]
    _, sizes, spans = np.linalg.svd(np.array(rows))
    other = spans[int((sizes > 1e-9).sum()):]  # a set is made up where it is orthogonal to these
    return [tuple(map("".join, people.index[list(chosen)])) for k in range(1, 6)
            for chosen in combinations(range(len(cells)), k)
            if len(set().union(*people.iloc[list(chosen)])) < floor
            and np.allclose(other[:, list(chosen)].sum(axis=1), 0)]


@pytest.mark.parametrize("seed", range(8))
def test_no_few_people_can_be_made_up_of_what_is_shown(seed: int) -> None:
    """Whatever the columns have to do with one another, of speakers with several labels too."""
    rng = np.random.default_rng(seed)
    who = np.arange(60)
    labels = pd.DataFrame({"a": rng.integers(2, size=60), "b": rng.integers(3, size=60)})
    labels["c"] = labels["a"] * (rng.random(60) < 0.9)  # within "a", but for a few
    labels["d"] = np.where(labels["b"] == 0, rng.integers(2, size=60), labels["c"])
    labels = labels.astype(str).assign(who=who)
    if seed % 3 == 0:
        labels = pd.concat([labels, labels.iloc[:6].assign(d="1")], ignore_index=True)
    none: dict[str, list[str]] = {by: [] for by in "abcd"}
    gone = not_apart(labels, none, 6)
    assert not made_up(labels, gone, 6)
    assert any(set(labels[by]) - set(names) for by, names in gone.items())
    if not made_up(labels, none, 6):
        assert sum(map(len, gone.values())) <= 1  # for weighted sums, which made_up does not try


def test_groups_that_overlap_make_up_several_cells() -> None:
    """Half of x + y - (x or y alone) is those who are both, and by "d" neither half of them."""
    cells = {("1", "1", "0", "i"): 2, ("1", "1", "0", "j"): 2, ("1", "0", "1", "i"): 20,
             ("0", "1", "1", "j"): 20, ("0", "0", "0", "i"): 15, ("0", "0", "0", "j"): 15}
    labels = pd.DataFrame([(*groups, f"{groups}-{i}") for groups, n in cells.items()
                           for i in range(n)], columns=[*"abcd", "who"])
    none: dict[str, list[str]] = {by: [] for by in "abcd"}
    assert made_up(labels, none, 6) == [("110i", "110j")]
    gone = not_apart(labels, none, 6)
    assert any(gone.values()) and not made_up(labels, gone, 6)


def test_the_worst_that_is_shown_may_be_no_worse_than_the_others() -> None:
    """Where those that are worse may not be shown."""
    cell = Cell("wer", "clean", 0.1, 0.0, 0.2, 99, 0, 12, gap=-0.02, gap_low=-0.04, gap_high=0.01,
                p_adjusted=0.3)
    assert of_gap(cell, Fact("%", False, "", is_count=True)).endswith("no worse than all others")


def test_the_command(run: Path, tmp_path: Path) -> None:
    def export(*words: object) -> tuple[int, str]:
        done = evalkit("export", "card", run, *words, cwd=tmp_path)
        return done.returncode, done.stdout + done.stderr

    assert export("-o", "open.md") == (0, "open.md\n")
    assert export("-o", "shut.md", "--publish", "--salt", "salt") == (0, "shut.md\n")
    assert "west" in (tmp_path / "open.md").read_text()
    assert "west" not in (tmp_path / "shut.md").read_text()
    assert read_salt(tmp_path / "salt") == read_salt(tmp_path / "salt")
    assert (tmp_path / "salt").stat().st_mode & 0o77 == 0
    assert export("-o", "few.md", "--publish", "--salt", "salt", "--min-speakers", 5, "--by",
                  "accent")[0] == 0
    assert "west" in (tmp_path / "few.md").read_text()
    (tmp_path / "short").write_text("abc")
    for words, why in ((["--publish"], "add --salt FILE"),
                       (["--salt", "salt"], "are of --publish; add it"),
                       (["--publish", "--salt", "short"], "which can be guessed"),
                       (["--publish", "--salt", "no.md"], "would be overwritten by --out"),
                       (["--format", "html"], "--format html"),
                       (["--pipeline", "asd"], "--pipeline asd: there are asr"),
                       (["--by", "acent"], "did you mean 'accent'?")):
        code, said = export("-o", "no.md", *words)
        assert code == 2 and why in said and said.count("\n") == 1, said
    assert not (tmp_path / "no.md").exists()
