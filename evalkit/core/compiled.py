"""Numba's compiler, for what NumPy cannot do at once."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numba


def compiled(signature: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """A decorator that compiles a function of ``signature`` when its module is imported, and keeps
    what it made for the next process where a folder can be written to."""
    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        try:
            return numba.njit(signature, cache=True)(function)
        except Exception:  # no folder to keep it in, or what is kept there is damaged
            return numba.njit(signature)(function)
    return decorate
