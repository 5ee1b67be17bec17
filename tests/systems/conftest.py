"""Speech that the adapters are tried on."""

from __future__ import annotations

import socket
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from evalkit.core.types import Audio
from evalkit.recordings.reading import load
from tests.conftest import tone


@pytest.fixture(scope="session")
def readers(real_data: Path) -> list[list[Audio]]:
    """Two short utterances, 16 kHz, of each of the ten readers of LibriSpeech test-other."""
    folders = sorted((real_data / "librispeech_test-other" / "test-other").iterdir())
    return [[load(path) for path in
             sorted(folder.rglob("*.flac"), key=lambda path: (path.stat().st_size, path))[:2]]
            for folder in folders]


@pytest.fixture
def voice() -> Audio:
    """A second of something like a voice."""
    return Audio(tone(1.0), 16_000)


@pytest.fixture
def no_network(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Whoever asks for it is found out, also where an adapter takes the error for its library's."""
    asked = []

    def refuse(*what: Any, **_: Any) -> None:
        asked.append(what)
        raise OSError("no network")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)
    yield
    assert not asked
