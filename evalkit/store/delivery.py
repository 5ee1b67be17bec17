"""Runs that are made in a copy on this machine, and brought to an object store when they are
whole."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import wraps
from inspect import signature
from pathlib import Path, PurePosixPath
from typing import Any, ParamSpec, TypeVar

from evalkit.core.text import count
from evalkit.store.documents.portion import PORTION
from evalkit.store.objects import (
    LAST,
    Store,
    copy_of,
    files_at,
    files_in,
    here,
    is_inside,
    said,
    system_of,
)
from evalkit.store.remote import shown, url_of

P = ParamSpec("P")
T = TypeVar("T")


def delivering(function: Callable[P, T]) -> Callable[P, T]:
    """``function``, whose argument ``out`` may be a URL: then it works in a copy, which is brought
    there when it has ended well. That it can be is looked at before."""
    names = signature(function)

    @wraps(function)
    def told(*values: P.args, **options: P.kwargs) -> T:
        bound = names.bind(*values, **options)
        url = url_of(bound.arguments["out"])
        if url is None:
            return function(*values, **options)
        bound.arguments["out"] = _begun(url, overwrite=bool(bound.arguments.get("overwrite")))
        made = function(*bound.args, **bound.kwargs)
        _deliver(url, bound.arguments.get("say"))
        return made

    return told


@contextmanager
def changed(run: Path | str, say: Callable[[str], None]) -> Iterator[Path]:
    """``run``, or where that is a URL a copy of all of the finished run that is there now, which is
    brought there again when the block has ended well. Raises RunError where it cannot be."""
    url = url_of(run)
    if url is None:
        yield Path(run)
        return
    _check_written(url)
    with said(url):
        store = Store.at(url)
        here(url) if not store.ends else store.copy(store.ends, is_inside)
    yield store.place
    _deliver(url, say)


def _begun(url: str, *, overwrite: bool) -> Path:
    """The copy, which is brought up to date where the run there is not the one that it holds, so
    that nothing is overwritten unasked."""
    _check_written(url)
    with said(url):
        store = Store.at(url)
        if not store.place.exists() or (not overwrite and store.is_of_another()):
            here(url) if store.ends else store.copy(store.portions, is_inside)
    return store.place


def _check_written(url: str) -> None:
    """Raises RunError where nothing can be brought there, before anything is made."""
    with said(url):
        system, root = system_of(url)
        system.ls(PurePosixPath(root).parts[0])
    mark = f"{root}/.evalkit-{secrets.token_hex(4)}"
    with said(url, "nothing can be written there: "):
        system.pipe_file(mark, b"")
        system.rm_file(mark)


def _deliver(url: str, say: Callable[[str], None] | None) -> None:
    place = copy_of(url)
    with said(url, f"the run is whole in {place.parent}, and could not be brought there: "):
        n = _brought(*system_of(url), place)
    if say is not None:
        say(f"{count(n, 'file')} brought to {shown(url)}")


def _brought(system: Any, root: str, place: Path) -> int:
    """Brings all files there; those of an earlier run, which nobody would read rightly, go. What
    else lies there, such as other runs in folders of their own, stays."""
    files = files_in(place)
    ours = {PurePosixPath(name).parts[0] for name in files}
    gone = [name for name in files_at(system, root)
            if name in (*LAST, PORTION) or (name not in files and name.partition("/")[0] in ours)]
    for name in sorted(gone, key=lambda name: name not in LAST):
        system.rm_file(f"{root}/{name}")
    for name in sorted(files, key=lambda name: (name in LAST, name)):
        system.put_file(str(place / name), f"{root}/{name}")
    return len(files)
