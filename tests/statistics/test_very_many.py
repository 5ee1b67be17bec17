"""Who runs with very many speakers is told that blocks are resampled and labels permuted less
often; who runs with as many as usual is told nothing."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from evalkit.report.reported import ReportedRun
from evalkit.report.sections import significance
from evalkit.statistics import permutation, strata
from evalkit.statistics.sums import SpeakerSums
from evalkit.statistics.very_many import everybody_drawn, how_drawn
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit
from tests.worlds import FakeRun

FEWER = "tests make 104 relabellings of speakers, not 10,000"


def two_cohorts(n: int) -> SpeakerSums:
    sums = np.zeros((n, 2, 1))
    sums[: n // 2, 0], sums[n // 2:, 1] = 1.0, 1.0
    return SpeakerSums(np.arange(n), ("a", "b"), ("all",), sums, sums, np.zeros((3, 2, 1)))


@pytest.mark.parametrize(("n", "said"), [
    (2_500, None), (3_000, "tests make 8,333 relabellings of speakers, not 10,000"),
    (12_000, "6,000 blocks of 12,000 speakers are resampled, not each by itself; tests make 4,166 "
             "relabellings of speakers, not 10,000")])
def test_how_many_blocks_and_relabellings_there_are(n: int, said: str | None) -> None:
    assert how_drawn(two_cohorts(n)) == said


def test_everybody_is_not_relabelled() -> None:
    assert everybody_drawn(9_000) is None
    assert everybody_drawn(9_001, people="utterances") == (
        "4,501 blocks of 9,001 utterances are resampled, not each by itself")


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    folder = tmp_path_factory.mktemp("many")
    made = [FakeRun(folder / name, folder / "corpus", speakers=32).write() for name in ("v1", "v2")]
    return made[0], made[1]


@pytest.fixture
def few_are_many(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Of 96 speakers everybody is drawn in blocks, and labels are permuted 104 times."""
    monkeypatch.setattr(strata, "MOST", 50)
    monkeypatch.setattr(permutation, "LABELS", 10_000)
    monkeypatch.setattr(permutation, "FEWEST", 99)
    permutation._relabelled.cache_clear()
    yield
    permutation._relabelled.cache_clear()


def told(*words: str | Path) -> str:
    return evalkit(*words).stdout


def test_commands_print_a_line_of_it(runs: tuple[Path, Path], few_are_many: None) -> None:
    assert f"note: {FEWER}" in told("groups", runs[1], "--by", "accent", "--pipeline", "plain")
    assert ("note: intervals: 48 blocks of 96 speakers are resampled, not each by itself"
            in told("compare", *runs))


def test_the_page_and_its_findings_say_it(runs: tuple[Path, Path], few_are_many: None,
                                          tmp_path: Path) -> None:
    run = ReportedRun(RunFolder(runs[1]), tmp_path)
    assert FEWER in significance.build(run).shown.notes
    assert run.groups is not None
    assert all(FEWER in report.to_dict()["warnings"] for report in run.groups.reports)


def test_nothing_is_said_of_as_many_as_usual(runs: tuple[Path, Path], tmp_path: Path) -> None:
    said = [told("groups", runs[1], "--by", "accent", "--pipeline", "plain"),
            told("compare", *runs),
            *significance.build(ReportedRun(RunFolder(runs[1]), tmp_path)).shown.notes]
    assert not any("relabellings of speakers, not" in each or "resampled, not" in each
                   for each in said)
