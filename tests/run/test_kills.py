"""The small version of benchmarks/hostile/kills.py."""

from __future__ import annotations

from pathlib import Path

from benchmarks.hostile import kills


def test_a_killed_run_ends_as_one_that_nobody_disturbed(tmp_path: Path) -> None:
    tried = kills.tried(0.02, 1, tmp_path)
    assert [(each.n, each.bad) for each in tried] == [(1, ()), (1, ()), (1, ())]
