"""The small versions of benchmarks/hostile/damages.py and folders.py."""

from __future__ import annotations

from pathlib import Path

from benchmarks.hostile import damages, folders


def test_damages_are_noticed_and_mended(tmp_path: Path) -> None:
    (result,) = damages.tried(0.08, 2, tmp_path)
    assert (result.n, result.bad) == (3, ())


def test_folders_that_cannot_be_worked_in_are_one_line(tmp_path: Path) -> None:
    (result,) = folders.tried(0.4, 99, tmp_path)
    assert (result.n, result.bad) == (6, ())
