"""Training on one thread: two threads that wait for each other are slower on small models."""

from __future__ import annotations

from collections.abc import Iterator

import pytest


@pytest.fixture(autouse=True)
def one_thread() -> Iterator[None]:
    from evalkit.models.tensors import threads

    with threads(1):
        yield
