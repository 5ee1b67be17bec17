"""The collector of garbage, which stands still where nothing that is made is any."""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager


@contextmanager
def uncollected() -> Iterator[None]:
    """While the block makes objects by the million that stay, the collector does not look through
    all of them again and again for circles of which nobody knows; such as there are wait."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
