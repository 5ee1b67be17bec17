"""``stub_run`` of a set as large as LibriSpeech's test-clean: some minutes, 1.2 GB of disk."""

from __future__ import annotations

from collections.abc import Iterator

from benchmarks.speed.stub_run import LARGE, rows_of
from benchmarks.speed.table import Row


def rows() -> Iterator[Row]:
    return rows_of(LARGE)
