"""A page of two versions: what changed, for whom, and what the gates say."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from evalkit import api
from evalkit.compare.comparison import compare
from evalkit.compare.gates import read_gates
from evalkit.compare.series import asked_place
from evalkit.compare.together import together
from evalkit.core.errors import ConfigError
from evalkit.report import gate_words
from evalkit.report.change_words import for_whom, tile, what_changed
from evalkit.report.changed import Changed, Since
from evalkit.report.page import write_report
from evalkit.report.reported import ReportedRun
from evalkit.report.selection import selected
from evalkit.report.selections import selections
from evalkit.statistics.gains import Rule, gain_tables
from evalkit.store.documents.comparison import Comparison
from evalkit.store.runfolder import RunFolder
from tests.report.conftest import Page
from tests.worlds import FakeRun

GATES = """gates:
  - {metric: wer, scope: overall, tolerance: {absolute: 0.02}}
  - {metric: wer, scope: every accent, tolerance: {absolute: 0.02}, on_inconclusive: fail}
"""


def changed_rows(run: FakeRun) -> Iterator[dict[str, object]]:
    """Scottish speakers have two more errors an utterance, the others one less."""
    scottish = set(run.utterances.loc[run.utterances["accent"] == "Scottish", "utterance_id"])
    for row in run.scores:
        more = 2.0 if row["utterance_id"] in scottish else -1.0
        amount = row["amount"] + more * (row["metric"] == "wer")
        yield row | {"amount": max(amount, 0.0)}


@pytest.fixture(scope="module")
def versions(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Two versions, of sixteen speakers an accent with two utterances each under two conditions."""
    folder = tmp_path_factory.mktemp("versions")
    for name in ("v1", "v2"):
        run = FakeRun(folder / name, folder / "corpus", speakers=16)
        if name == "v2":
            run.scores = list(changed_rows(run))
        run.write()
    (folder / "gates.yaml").write_text(GATES)
    return folder / "v1", folder / "v2"


@pytest.fixture(scope="module")
def change(versions: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Changed:
    v1, v2 = versions
    run = ReportedRun(RunFolder(v2), tmp_path_factory.mktemp("page"), "accent", [RunFolder(v1)])
    found = Since(run, v1).changed(selected(run))
    assert found is not None
    return found


def test_changes_over_all_conditions_are_those_of_gains(versions: tuple[Path, Path],
                                                        change: Changed) -> None:
    """The sums of a comparison and the rows of the scores give the same numbers."""
    rows = [scores[(scores["metric"] == "wer")
                   & (scores["pipeline"] == change.selection.pipeline)]
            for scores in (RunFolder(path).scores() for path in versions)]
    utterances = RunFolder(versions[1]).utterances()
    report, = gain_tables(*rows, utterances, [["accent"]], Rule(change.fact))
    expected = {row.group: row for row in [report.everybody, *report.rows]}
    for row in (change.everybody, *change.groups):
        other = expected.pop(row.group)
        assert row.change.value == pytest.approx(other.change.value)
        assert (row.before, row.after, row.n) == pytest.approx((other.before, other.after, other.n))
        assert row.effect == other.effect
        assert row.p_adjusted == pytest.approx(other.p_adjusted, abs=0.01)
    assert not expected


def test_words_put_the_worst_first(change: Changed) -> None:
    assert [row.effect for row in change.groups] == ["harmed", "helped", "helped"]
    assert change.groups[0].group == "Scottish"
    said = for_whom(change).striptags()
    assert said.startswith("It became worse for accent Scottish (+")
    assert "; better for accent " in said and "unclear" not in said
    assert "Since v1, word error rate of" in what_changed(change).striptags()


def test_what_changed_follows_what_is_selected(versions: tuple[Path, Path], tmp_path: Path
                                               ) -> None:
    """Another grouping has its own groups, and one condition its own values."""
    v1, v2 = versions
    run = ReportedRun(RunFolder(v2), tmp_path, "accent", [RunFolder(v1)])
    start, since = selected(run), Since(run, v1)
    assert start is not None and start.report is not None
    gender = next(each for each in selections(run, start).every
                  if each.by == "gender" and each.condition == "clean")
    found = since.changed(gender)
    assert found is not None and found.column == "gender"
    assert {row.group for row in found.groups} <= set(run.utterances["gender"])
    cell = f"metric == 'wer' and condition == 'clean' and pipeline == '{gender.pipeline}'"
    before, after = (RunFolder(path).scores().query(cell) for path in versions)
    assert found.everybody.before == pytest.approx(before["amount"].sum() / before["weight"].sum())
    assert found.everybody.after == pytest.approx(after["amount"].sum() / after["weight"].sum())
    assert tile(found).question == "What changed?"


def test_what_may_be_chance_is_said_to_be(change: Changed) -> None:
    unsure = [replace(row, effect="unclear") for row in (change.everybody, *change.groups)]
    found = replace(change, found=replace(change.found, everybody=unsure[0], groups=unsure[1:]))
    assert "which may be chance" in what_changed(found).striptags()
    assert for_whom(found).striptags().startswith("Of no single accent is a change certain; the "
                                                  "largest is +")
    assert (tile(found).answer, tile(found).tone) == ("Unclear", "unsure")
    same = replace(change, found=replace(change.found, everybody=replace(
        change.everybody, effect="unchanged")))
    assert "has not changed" in what_changed(same).striptags()


def test_the_page_says_first_what_changed_and_whether_it_may_ship(
        versions: tuple[Path, Path], tmp_path: Path) -> None:
    v1, v2 = versions
    page = Page(write_report(v2, tmp_path / "out", by="accent", earlier=[v1],
                             gates=v1.parent / "gates.yaml"))
    lead = page.text[page.text.index("Since v1"):]
    assert lead.index("It became worse for accent Scottish") < lead.index("May it ship?")
    findings = json.loads((tmp_path / "out" / "findings.json").read_text())["sections"]["versions"]
    assert (findings["since"], findings["gates"]) == ("v1", "regression")
    with (tmp_path / "out" / "tables" / "gates.csv").open(encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert rows[0]["Gate"] == "wer every accent, inconclusive fails"
    assert rows[0]["Verdict"] == "failed" and rows[0]["Decided by"].startswith("accent Scottish, ")
    questions = [text for text in ("What changed?", "How good", "Served worst", "Is it real?",
                                   "Failed or left out", "May it ship?") if text in lead]
    assert len(questions) == 6


def test_a_frozen_baseline_says_the_same(versions: tuple[Path, Path], tmp_path: Path,
                                         change: Changed) -> None:
    v1, v2 = versions
    api.freeze(v1, tmp_path / "base.json.gz")
    run = ReportedRun(RunFolder(v2), tmp_path, "accent", baseline=tmp_path / "base.json.gz",
                      gates=read_gates(v1.parent / "gates.yaml"))
    since = Since(run, tmp_path / "base.json.gz")
    found = since.changed(selected(run))
    assert found is not None and found.found == change.found
    folder = Since(replace(run, baseline=None, earlier=[RunFolder(v1)]), v1)
    assert run.gates is not None
    assert since.judged(run.gates).gates == folder.judged(run.gates).gates


@pytest.mark.parametrize(("gates", "answer"), [
    ("{metric: wer, scope: overall, tolerance: {absolute: 0.09}, pipeline: plain}", "Yes"),
    ("{metric: wer, scope: overall, pipeline: plain, condition: clean}", "Unclear"),
    ("{metric: wer, scope: accent=Scottish}", "No")])
def test_the_tile_is_the_verdict_of_the_gates(versions: tuple[Path, Path], tmp_path: Path,
                                              gates: str, answer: str) -> None:
    (tmp_path / "g.yaml").write_text(f"gates:\n  - {gates}\n")
    found = compare(*versions, read_gates(tmp_path / "g.yaml"))
    assert gate_words.tile(found).answer == answer
    table = gate_words.gates_table(found)
    assert [row.cells["verdict"].text for row in table.rows] == [
        {"Yes": "passed", "Unclear": "inconclusive", "No": "failed"}[answer]]


def test_what_is_missing_is_not_decided() -> None:
    tile = gate_words.tile(Comparison.failed("v1", "v2", "utterances gone: u1"))
    assert tile.answer == "Not decided" and "utterances gone: u1" in tile.sentences[0]


def test_a_page_judges_a_release_of_a_series(versions: tuple[Path, Path], tmp_path: Path) -> None:
    (tmp_path / "s.yaml").write_text(GATES + "series: {}\n")
    first = api.compare(*versions, gates=tmp_path / "s.yaml", look=1)
    first.write(tmp_path / "first.json")
    run = ReportedRun(RunFolder(versions[1]), tmp_path, "accent", [RunFolder(versions[0])])
    gates = read_gates(tmp_path / "s.yaml")
    place = asked_place(gates, None, tmp_path / "first.json")
    judged = Since(replace(run, gates=gates, place=place), versions[0]).judged(gates)
    assert judged.series is not None and judged.series.look == 2
    assert judged.series == api.compare(*versions, gates=tmp_path / "s.yaml",
                                        after=tmp_path / "first.json").series
    assert "release 2 of a series" in gate_words.place(judged)


def test_gates_need_an_earlier_version(versions: tuple[Path, Path], tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="evalkit report OLD NEW"):
        write_report(versions[1], tmp_path / "out", gates=versions[0].parent / "gates.yaml")
    (tmp_path / "s.yaml").write_text(GATES + "series: {}\n")
    with pytest.raises(ConfigError, match="say which this is, --look 1"):
        write_report(versions[1], tmp_path / "out", gates=tmp_path / "s.yaml",
                     earlier=[versions[0]])
    with pytest.raises(ConfigError, match="add --gates"):
        write_report(versions[1], tmp_path / "out", earlier=[versions[0]], look=1)
    (tmp_path / "b.json").write_text("{}")
    with pytest.raises(ConfigError, match="name it first"):
        write_report(versions[1], tmp_path / "out", earlier=[versions[0], tmp_path / "b.json"])


def test_a_version_without_pipeline_or_utterances_says_nothing(versions: tuple[Path, Path],
                                                        tmp_path: Path) -> None:
    v1, v2 = versions
    run = ReportedRun(RunFolder(v2), tmp_path, "accent", [RunFolder(v1)])
    selection = selected(run)
    assert selection is not None
    since = Since(run, v1)
    assert since.changed(replace(selection, pipeline="new")) is None
    base, candidate = since.sides
    others = [cell.model_copy(update={"n": [-1] * len(cell.n)}) for cell in candidate.scores]
    assert together(base, candidate._replace(scores=others), ("plain", "wer"), "accent",
                    Rule(selection.fact)) is None
