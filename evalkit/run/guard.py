"""Calling what a plug-in has: however that ends, it costs the utterance, and what it changes in the
process ends with the call."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from evalkit.core.endings import failure_of, is_interruption
from evalkit.core.errors import SystemLostError
from evalkit.run.process_state import restored_after_call

T = TypeVar("T")


def guarded(function: Callable[..., T], *values: Any) -> T:
    """``function(*values)``, which calls a plug-in. Whatever ends it otherwise, SystemExit and an
    interruption that nobody sent included, is raised as UtteranceError, but SystemLostError as it
    is."""
    try:
        with restored_after_call():
            return function(*values)
    except BaseException as error:
        if is_interruption(error) or isinstance(error, SystemLostError):
            raise
        raise failure_of(error) from error
