"""Files that cannot be used are one line of the functions of ``import evalkit`` too."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from unittest import mock

import pytest

from evalkit import api
from evalkit.core.errors import EvalkitError


@pytest.fixture(scope="module")
def place(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest, hypotheses, a run of them, a file and a folder."""
    place = tmp_path_factory.mktemp("files")
    (place / "m.jsonl").write_text("".join(json.dumps(
        {"id": f"u{i}", "text": "turn on", "speaker": f"s{i}", "accent": "ab"[i % 2]}) + "\n"
        for i in range(8)))
    (place / "h.tsv").write_text("".join(f"u{i}\tturn\n" for i in range(8)))
    (place / "file").write_text("text")
    (place / "folder").mkdir()
    api.score(place / "m.jsonl", {"a": place / "h.tsv"}, place / "run", metrics=["wer"])
    return place


CALLS: dict[str, Callable[[Path], object]] = {
    "manifest": lambda p: api.score(p / "folder", {"a": p / "h.tsv"}, p / "new"),
    "hypotheses": lambda p: api.score(p / "m.jsonl", {"a": p / "folder"}, p / "new"),
    "no hypotheses": lambda p: api.score(p / "m.jsonl", {"a": p / "gone"}, p / "new"),
    "out in a file": lambda p: api.score(p / "m.jsonl", {"a": p / "h.tsv"}, p / "file" / "new"),
    "long name": lambda p: api.score(p / "m.jsonl", {"a": p / "h.tsv"}, p / ("n" * 300)),
    "configuration": lambda p: api.run(p / "folder", p / "new"),
    "no run": lambda p: api.read_run(p / "folder"),
    "long run": lambda p: api.read_run(p / ("n" * 300)),
    "rescore a file": lambda p: api.rescore(p / "file"),
    "other transcripts": lambda p: api.rescore(p / "run", manifest=p / "folder"),
    "report in a file": lambda p: api.report(p / "run", p / "file" / "report"),
    "report, long": lambda p: api.report(p / "run", p / ("n" * 300)),
    "markdown": lambda p: api.report(p / "run", p / "report", markdown=p / "folder"),
    "gates": lambda p: api.compare(p / "run", p / "run", gates=p / "folder"),
    "postcodes": lambda p: api.cohorts(p / "run", postcodes=p / "folder"),
    "freeze": lambda p: api.freeze(p / "run", p / "file" / "base.json.gz"),
    "freeze into a folder": lambda p: api.freeze(p / "run", p / "folder"),
    "history": lambda p: api.history([p / "run"], out=p / "file" / "page.html"),
    "mitigation": lambda p: api.mitigate(p / "folder", p / "run"),
}


@pytest.mark.parametrize("call", CALLS.values(), ids=CALLS)
def test_a_file_that_cannot_be_used_is_one_line(place: Path, call: Callable[[Path], object],
                                                ) -> None:
    with pytest.raises(EvalkitError) as caught:
        call(place)
    assert "\n" not in str(caught.value) and str(place) in str(caught.value)


ODD = "odd\udcff"
"""As Python names a file whose name ends in the byte 0xff."""
MISNAMED: dict[str, Callable[[Path], object]] = {
    "manifest": lambda p: api.score(p / ODD / "m.jsonl", {"a": p / "h.tsv"}, p / "new"),
    "hypotheses": lambda p: api.score(p / "m.jsonl", {"a": f"{p}/{ODD}/h.tsv"}, p / "new"),
    "out": lambda p: api.score(p / "m.jsonl", {"a": p / "h.tsv"}, out=p / ODD / "new"),
    "pipeline": lambda p: api.score(p / "m.jsonl", {ODD: p / "h.tsv"}, p / "new"),
    "tables": lambda p: api.score_tables([p / ODD / "h.tsv"], p / "new"),
    "run": lambda p: api.read_run(p / ODD / "run"),
    "groups": lambda p: api.groups(p / ODD / "run", by=["accent"]),
    "report": lambda p: api.report(p / "run", p / "page", earlier=[p / ODD / "run"]),
    "compare": lambda p: api.compare(p / "run", p / ODD / "run"),
    "merge": lambda p: api.merge([p / ODD / "run"], p / "new"),
}


@pytest.mark.parametrize("call", MISNAMED.values(), ids=MISNAMED)
def test_a_name_that_is_no_utf_8_is_one_line_before_anything_is_made(
        place: Path, call: Callable[[Path], object]) -> None:
    if not (place / ODD).exists():
        (place / ODD).symlink_to(place)
    with pytest.raises(EvalkitError, match=r"odd\\xff.*: is no name in UTF-8.*; rename") as said:
        call(place)
    assert "\n" not in str(said.value)
    assert not (place / "new").exists() and not (place / "page").exists()


def test_a_working_folder_that_is_no_utf_8_is_one_line(place: Path, tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "odder\udcff").mkdir()
    monkeypatch.chdir(tmp_path / "odder\udcff")
    with pytest.raises(EvalkitError, match=r"odder\\xff.*: is no name in UTF-8"):
        api.score(place / "m.jsonl", {"a": place / "h.tsv"}, "new")


@pytest.mark.parametrize(("number", "remedy"), [
    (errno.ENOSPC, "make room"), (errno.EROFS, "can be read and written"),
    (errno.EIO, "see whether the disk is sound"), (errno.EMFILE, "more open files")])
def test_an_error_of_the_machine_has_a_remedy(place: Path, number: int, remedy: str) -> None:
    failing = mock.Mock(side_effect=OSError(number, os.strerror(number), "some/file"))
    with mock.patch("evalkit.run.rescore.rescore", failing), pytest.raises(
            EvalkitError, match=f"^some/file: .*{remedy}"):
        api.rescore(place / "run")


def test_a_defect_stays_one(place: Path) -> None:
    with mock.patch("evalkit.run.rescore.rescore", mock.Mock(side_effect=OSError("odd"))), \
            pytest.raises(OSError, match="odd"):
        api.rescore(place / "run")
