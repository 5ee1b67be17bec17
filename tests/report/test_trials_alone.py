"""Pages of runs that hold scores of trials alone: what changed, and no word of hypotheses."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit import api
from evalkit.compare.comparison import compare
from evalkit.report.page import write_report
from evalkit.report.reported import ReportedRun
from evalkit.report.sections import versions
from evalkit.results.labels import Labels
from evalkit.run.given_trials import Scored, score_trials
from evalkit.store.runfolder import RunFolder
from tests.report.conftest import Page

SPEAKERS, EACH = 16, 3


def scores_of(noise: float, path: Path) -> Path:
    """Every pair of utterances of two groups of eight speakers, in a form with labels."""
    rng = np.random.default_rng(0)
    names = [f"{'ab'[i % 2]}{i:02d}-{j}" for i in range(SPEAKERS) for j in range(EACH)]
    lines = []
    for i, one in enumerate(names):
        for other in names[i + 1:]:
            same = one[:3] == other[:3]
            score = same + noise * rng.standard_normal()
            lines.append(f"{one} {other} {score:.5f} {'target' if same else 'nontarget'}\n")
    path.write_text("".join(lines))
    return path


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """The second version has the same trials, in a file of another name, and fewer errors."""
    folder = tmp_path_factory.mktemp("trials")
    (folder / "who.csv").write_text("speaker_id,accent\n" + "".join(
        f"{'ab'[i % 2]}{i:02d},{'ab'[i % 2]}\n" for i in range(SPEAKERS)))
    made = [score_trials(Scored(
        {"sv": scores_of(noise, folder / f"{name}.scores")}, speaker_pattern="[ab][0-9]+",
        labels=Labels([(folder / "who.csv", None)])), folder / name).path
        for name, noise in (("v1", 0.8), ("v2", 0.25))]
    return made[0], made[1]


def test_what_changed_is_what_compare_says_of_the_same_trials(runs: tuple[Path, Path],
                                                              tmp_path: Path) -> None:
    found = compare(*runs, by=["accent"])
    assert found.problems == []
    expected = {change.scope: change for change in found.changes if change.metric == "eer"}
    content = versions.build(ReportedRun(RunFolder(runs[1]), tmp_path, earlier=[
        RunFolder(runs[0])]))
    assert content is not None and content.shown.changed is not None
    changed = content.shown.changed
    assert [row.group for row in changed.groups] == ["a", "b"] or len(changed.groups) == 2
    for row in (changed.everybody, *changed.groups):
        other = expected["overall" if row is changed.everybody else f"accent={row.group}"]
        assert (row.change.value, row.before, row.after) == pytest.approx(
            (other.change.value, other.base, other.candidate))
    assert changed.everybody.effect == "helped"
    assert changed.everybody.change.high == pytest.approx(expected["overall"].change.high)
    table = content.named_tables["versions"].rows[0].cells
    assert table["verdict"].text == "better" and table["n"].text == "1,128"


def test_the_page_begins_with_it_and_speaks_of_trials(runs: tuple[Path, Path], tmp_path: Path
                                                      ) -> None:
    page = Page(write_report(runs[1], tmp_path / "page", earlier=[runs[0]]))
    assert "Since v1, equal error rate of sv is better by" in page.text
    assert "on the same trials" in page.text and "as scored elsewhere" in page.text
    assert "as transcribed elsewhere" not in page.text and "hypotheses" not in page.text
    assert "Which utterances are worst?" not in page.text
    condition, = RunFolder(runs[1]).record().conditions.values()
    assert condition.identity.endswith("the scores of trials were made elsewhere")


def test_a_page_of_versions_of_trials_does_not_contradict_itself(runs: tuple[Path, Path],
                                                                 tmp_path: Path) -> None:
    path = tmp_path / "history.html"
    api.history(runs, out=path)
    said = Page(path).text
    assert "Since v1, equal error rate of sv is better by" in said
    assert "in given" not in said and "1 condition" not in said
    assert "There are no groups to compare" not in said and "a table of their own" not in said


def test_a_figure_of_groups_says_that_all_of_them_may_do_worse(runs: tuple[Path, Path],
                                                               tmp_path: Path) -> None:
    assert "between two of its speakers, who are harder to tell apart" in Page(
        write_report(runs[0], tmp_path / "page")).text


def test_no_interval_of_a_cost_goes_beyond_its_scale(runs: tuple[Path, Path]) -> None:
    table = api.history(runs[:1]).table
    costs = table[table["metric"].isin(["eer", "min_dcf_p0.01"])]
    assert len(costs) == 2 and costs["low"].min() >= 0
    assert costs.set_index("metric").loc["min_dcf_p0.01", "high"] == 1
