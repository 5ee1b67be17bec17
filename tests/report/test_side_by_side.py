"""A page that two processes make is the page that one makes, in all its files and errors."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from evalkit.core import copies, processes
from evalkit.core.errors import ConfigError, RunError
from evalkit.report import side_by_side
from evalkit.report.page import write_report
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.side_by_side import contents
from evalkit.store.runfolder import RunFolder
from tests.worlds import FakeRun


@pytest.fixture
def two(monkeypatch: pytest.MonkeyPatch) -> None:
    """A command on two processors."""
    monkeypatch.setattr(copies, "_commands", [os.getpid()])
    monkeypatch.setattr(processes, "cores", lambda: 2)


def files(folder: Path) -> dict[str, bytes]:
    return {str(path.relative_to(folder)): path.read_bytes()
            for path in folder.rglob("*") if path.is_file()}


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("which", ["written", "discovered"])
def test_both_ways_make_the_same_bytes(which: str, request: pytest.FixtureRequest, tmp_path: Path
                                       ) -> None:
    run, alone = request.getfixturevalue(which)
    page = write_report(run.folder, tmp_path / "report")
    assert files(page.parent) == files(alone.parent)


def where(name: str) -> Section:
    return Section(name, name, lambda run: Content(os.getpid()))


def failing(name: str) -> Section:
    def fail(run: object) -> Content:
        raise ConfigError(name)

    return Section(name, name, fail)


@pytest.mark.usefixtures("two")
def test_only_the_longest_of_a_small_run_is_made_elsewhere(
        fake_run: FakeRun, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, here = ReportedRun(RunFolder(fake_run.write()), tmp_path), os.getpid()
    sections = [where(name) for name in ("first", "longest", "last")]

    def own() -> list[bool]:
        return [found is not None and found.shown == here
                for found in contents(sections, run, "longest")]

    assert own() == [True, False, True]
    monkeypatch.setattr(side_by_side, "MOST_ROWS", len(run.scores) - 1)
    assert own() == [True, True, True]


@pytest.mark.usefixtures("two")
@pytest.mark.parametrize("first", ["before", "longest", "after"])
def test_the_first_section_that_fails_is_told_of(first: str, fake_run: FakeRun, tmp_path: Path
                                                 ) -> None:
    names = ["before", "longest", "after"]
    sections = [where(name) if i < names.index(first) else failing(name)
                for i, name in enumerate(names)]
    with pytest.raises(ConfigError, match=f"^{first}$"):
        contents(sections, ReportedRun(RunFolder(fake_run.write()), tmp_path), "longest")


@pytest.mark.usefixtures("two")
def test_no_run_is_told_of_as_by_one(tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"run\.json"):
        write_report(tmp_path / "nothing", tmp_path / "out")
