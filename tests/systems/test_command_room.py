"""A command without room for its files costs its utterance, with one reason."""

from __future__ import annotations

import errno
import os
import shutil
import sys
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.hostile.folders import _disk as disk
from evalkit.run.runner import run
from evalkit.store.runfolder import RunFolder
from evalkit.systems import programs
from tests.run.runs import config

FULL = OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), "/tmp/evalkit-0a1b2c")


def heard(corpus: Path, out: Path, does: str = "print('on')") -> RunFolder:
    said = {"name": "command", "run": [sys.executable, "-c", does, "{input}"]}
    return run(config(corpus, pipelines=[{"name": "said", "recognizer": said}], metrics=["wer"],
                      conditions=["clean"]), out)


def reasons(folder: RunFolder) -> set[str]:
    return set(folder.outputs()["error"].dropna())


def _raise(error: OSError) -> Any:
    def fail(*_: object, **__: object) -> None:
        raise error
    return fail


@pytest.mark.parametrize(("place", "error", "why"), [
    ("programs.TemporaryDirectory", FULL, "No space left on device"),
    ("programs.TemporaryDirectory",
     OSError(errno.EROFS, os.strerror(errno.EROFS), "/tmp/evalkit-0a1b"), "Read-only file system"),
    ("command.waveform.save", OSError(errno.ENOSPC, os.strerror(errno.ENOSPC)),
     "No space left on device"),
    ("command.waveform.save", OSError(errno.EFBIG, os.strerror(errno.EFBIG)), "File too large")])
def test_every_utterance_has_one_reason(tiny_corpus: Path, tmp_path: Path, place: str,
                                        error: OSError, why: str, monkeypatch: pytest.MonkeyPatch,
                                        ) -> None:
    monkeypatch.setattr(f"evalkit.systems.{place}", _raise(error))
    folder = heard(tiny_corpus, tmp_path / "run")
    assert reasons(folder) == {
        f"NoRoom: {tempfile.gettempdir()}: {why}; make room, or name another folder for temporary "
        "files in TMPDIR"}
    assert [(failure.kind, failure.n) for failure in folder.summary().failures] == [("NoRoom", 12)]


def test_what_was_printed_onto_a_full_disk_is_not_believed(
        tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(programs, "shutil", SimpleNamespace(
        which=shutil.which, disk_usage=lambda _: SimpleNamespace(free=0)))
    assert {error.partition(":")[0] for error in reasons(heard(tiny_corpus, tmp_path / "run"))} == {
        "NoRoom"}


def test_a_disk_that_is_full(tiny_corpus: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch,
                             ) -> None:
    with disk(tmp_path / "disk", "32k") as allowed:
        if not allowed:
            pytest.skip("no disk may be mounted")
        monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "disk"))
        folder = heard(tiny_corpus, tmp_path / "run")
    errors = folder.outputs().set_index("utterance_id")["error"]
    assert errors.notna().sum() >= 10  # recordings of a second have 32 kB
    assert {error.partition(":")[0] for error in errors.dropna()} == {"NoRoom"}
