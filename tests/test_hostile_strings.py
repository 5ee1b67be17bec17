"""Hostile strings in every field are text in every output."""

from __future__ import annotations

from pathlib import Path

from benchmarks.hostile.strings import tried


def test_no_hostile_string_becomes_active(tmp_path: Path) -> None:
    (result,) = tried(0.1, 3, tmp_path)
    assert result.n == 40
    assert result.bad == ()
