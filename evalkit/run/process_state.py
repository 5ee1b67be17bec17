"""What a plug-in may change outside itself, put back after every call of it: the folder that the
process is in, its standard streams, and the settings of NumPy, torch, the locale and warnings that
decide others' numbers. NumPy's, Python's and torch's global random generators begin every call
with seed 0, so that no result depends on what was called before. The environment stays as it is
left: libraries set variables once for good.
"""

from __future__ import annotations

import io
import locale
import os
import random
import sys
import warnings
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Any, final

import numpy as np

STREAMS = {"stdout": 1, "stderr": 2}
"""By the number of their descriptor."""
_copies: dict[str, tuple[tuple[int, int], int]] = {}
"""What each was open on when a shard was begun, and a copy of the descriptor."""


_known: list[Any] | None = None
"""The settings, where nobody but plug-ins changes them."""
_SEEDED = random.Random(0).getstate()  # noqa: S311 -- nothing is secret


@final
class _Restoring:
    """``restored_after_call``: every call of a plug-in waits for it, so it does little."""

    def __enter__(self) -> None:
        self.before = _values() if _known is None else _known
        self.streams = [getattr(sys, name) for name in STREAMS]
        _seed()

    def __exit__(self, *_error: object) -> None:
        global _known  # noqa: PLW0603 -- it is of the process, as the settings are
        after = _values()
        if after != self.before:
            for (_, change), value, now in zip(_settings(), self.before, after, strict=False):
                if now != value:
                    change(value)
            _known = _known and _values()
        _open_again(self.streams)


restored_after_call = _Restoring
"""The block may call a plug-in; what that changes in the process ends with the block."""


@contextmanager
def settings_known() -> Iterator[None]:
    """In the block nobody but plug-ins changes settings, so they are not read before every call."""
    global _known  # noqa: PLW0603
    _known = _values()
    try:
        yield
    finally:
        _known = None


@contextmanager
def restored_after_shard() -> Iterator[None]:
    """Around all of ``restored_after_call``: leaves the global random generators of Python and
    NumPy as they were before the block, and tells what the standard streams are."""
    state, numpy_state = random.getstate(), np.random.get_state()
    _copy_streams()
    try:
        yield
    finally:
        random.setstate(state)
        np.random.set_state(numpy_state)


def _seed() -> None:
    random.setstate(_SEEDED)
    np.random.seed(0)
    if torch := sys.modules.get("torch"):
        torch.default_generator.manual_seed(0)


def _folder() -> str | None:
    try:
        return os.getcwd()  # noqa: PTH109 -- every call of a plug-in waits for it
    except OSError:  # it was removed
        return None


def _go_back(folder: str | None) -> None:
    with suppress(OSError):
        os.chdir(folder or ".")


def _find_again(folders: list[str]) -> None:
    """What was on the path of modules stays there; new folders may come."""
    sys.path.extend(folder for folder in folders if folder not in sys.path)


def _forget_errors(before: list[Any]) -> None:
    """Drops new filters that make errors of warnings; others only decide what is shown."""
    warnings.filters[:] = [  # type: ignore[index]
        each for each in warnings.filters if each[0] != "error" or each in before]


_Setting = tuple[Callable[[], Any], Callable[[Any], object]]
"""How one is read, and how it is set."""
_ALWAYS: tuple[_Setting, ...] = (
    (_folder, _go_back),
    (np.geterr, lambda value: np.seterr(**value)),
    (lambda: locale.setlocale(locale.LC_ALL),
     lambda value: locale.setlocale(locale.LC_ALL, value)),
    (sys.getrecursionlimit, sys.setrecursionlimit),
    (lambda: list(sys.path), _find_again),
    (lambda: list(warnings.filters), _forget_errors))


def _settings() -> tuple[_Setting, ...]:
    if torch := sys.modules.get("torch"):
        return (*_ALWAYS, (torch.get_default_dtype, torch.set_default_dtype),
                (torch.get_num_threads, torch.set_num_threads),
                (torch.is_grad_enabled, torch.set_grad_enabled))
    return _ALWAYS


def _values() -> list[Any]:
    """The settings as they are."""
    return [read() for read, _ in _settings()]


def _open_again(streams: list[Any]) -> None:
    """Opens the standard streams anew where a plug-in has closed them or put others in their
    place, so that no file of a run is ever opened under their descriptors."""
    for name, (file, copy) in _copies.items():
        if _open_on(STREAMS[name]) != file:
            os.dup2(copy, STREAMS[name])
    for name, stream in zip(STREAMS, streams, strict=True):
        closed = stream is not None and stream.closed
        setattr(sys, name, _reopened(STREAMS[name]) if closed else stream)


def _copy_streams() -> None:
    """Keeps copies of what the standard descriptors are open on now."""
    for name, number in STREAMS.items():
        file, known = _open_on(number), _copies.get(name)
        if file is not None and (known is None or known[0] != file):
            if known is not None:
                os.close(known[1])
            _copies[name] = file, os.dup(number)


def _open_on(descriptor: int) -> tuple[int, int] | None:
    """The file that a descriptor is open on, None where it is closed."""
    try:
        state = os.fstat(descriptor)
    except OSError:
        return None
    return state.st_dev, state.st_ino


def _reopened(number: int) -> io.TextIOWrapper:
    """A standard stream on its descriptor, which stays open when the stream is closed."""
    raw = io.FileIO(number, "w", closefd=False)
    return io.TextIOWrapper(io.BufferedWriter(raw), "utf-8", errors="backslashreplace",
                            line_buffering=True)
