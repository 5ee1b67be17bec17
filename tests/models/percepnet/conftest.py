"""Trainings that draw their mixtures without processes of their own."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor

import pytest

from evalkit.models.percepnet import training


@pytest.fixture
def drawn_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Mixtures are drawn in a thread of this process: a process needs seconds to begin."""
    monkeypatch.setattr(training, "WorkerPool", ThreadPoolExecutor)
