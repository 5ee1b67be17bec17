"""Pages of made-up runs, and a page as a browser's parser sees it."""

from __future__ import annotations

from dataclasses import dataclass, field
from html.parser import HTMLParser
from pathlib import Path

import pytest

from evalkit.report.page import write_report
from tests.worlds import HOSTILE, FakeRun, discovered_run

BAD = HOSTILE[0].replace(" ", "")
LOOPING = "turn on on on on on the kitchen light"
VOID = {"meta", "br", "link", "img", "input", "hr"}


@pytest.fixture(scope="session")
def written(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRun, Path]:
    """An ordinary run with recordings, and the page of it. Not to be changed."""
    folder = tmp_path_factory.mktemp("written")
    run = FakeRun(folder / "run", folder / "corpus")
    return run, write_report(run.write(audio=True), folder / "report")


@pytest.fixture(scope="session")
def discovered(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRun, Path]:
    """A run whose cohorts were looked for, and the page of it. Not to be changed."""
    folder = tmp_path_factory.mktemp("discovered")
    run = discovered_run(folder)
    return run, write_report(run.folder, folder / "report")


@pytest.fixture(scope="session")
def looked_into(tmp_path_factory: pytest.TempPathFactory) -> tuple[FakeRun, Path]:
    """A run with a loop, words where nothing was said, a failure and a hostile word, and the page
    of it. Not to be changed."""
    folder = tmp_path_factory.mktemp("looked_into")
    run = FakeRun(folder / "run", folder / "corpus", speakers=2)
    rows = run.utterances.to_dict("records")
    loop_, silent, failed, hostile = rows[0], rows[1], rows[2], rows[3]
    run.utterances.loc[1, "text"] = silent["text"] = ""
    keys = {row["utterance_id"] for row in rows[:4]}
    run.outputs = [row for row in run.outputs if row["utterance_id"] not in keys]
    run.scores = [row for row in run.scores if row["utterance_id"] not in keys]
    for pipeline in run.pipelines:
        for condition in run.conditions:
            run.hear(loop_, pipeline, condition, LOOPING)
            run.hear(silent, pipeline, condition, "thank you")
            run.hear(hostile, pipeline, condition, f"turn {BAD} the kitchen light")
            run.hear(failed, pipeline, condition, "")
            run.outputs[-1] |= {"hypothesis": None, "alignment": None, "error": "Odd: went wrong"}
            for row in run.scores[-6:]:
                row |= {"amount": None, "weight": None, "error": "NoHypothesis: none"}
    return run, write_report(run.write(audio=True), folder / "report")


@pytest.fixture
def fake_run(tmp_path: Path) -> FakeRun:
    """A run of 2 pipelines, 2 conditions and 9 speakers of 3 accents; write it to use it."""
    return FakeRun(tmp_path / "run", tmp_path / "corpus")


@dataclass
class Page(HTMLParser):
    """A page as a browser's parser sees it. Fails where tags do not match."""

    path: Path
    tags: list[tuple[str, dict[str, str | None]]] = field(default_factory=list)
    text: str = ""
    scripts: list[str] = field(default_factory=list)
    cells: list[list[str]] = field(default_factory=list)
    open_tags: list[str] = field(default_factory=list)

    source: str = ""

    @classmethod
    def of_text(cls, source: str) -> Page:
        """A part of a page."""
        return cls(Path(), source=source)

    def __post_init__(self) -> None:
        super().__init__()
        if self.path != Path():
            self.source = self.path.read_text(encoding="utf-8")
        self.feed(self.source)
        self.close()
        assert not self.open_tags

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open_tags.append(tag)
        if tag == "tr":
            self.cells.append([])
        if tag in ("td", "th"):
            self.cells[-1].append("")

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_endtag(self, tag: str) -> None:
        assert self.open_tags.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open_tags and self.open_tags[-1] == "script":
            if "type" not in self.of("script")[-1]:  # else it is data
                self.scripts.append(data)
        elif "style" not in self.open_tags:
            self.text += data
            if {"td", "th"} & set(self.open_tags):
                self.cells[-1][-1] += data

    def of(self, tag: str) -> list[dict[str, str | None]]:
        """The attributes of every such element."""
        return [attrs for name, attrs in self.tags if name == tag]
