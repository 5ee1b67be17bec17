"""One writer a run folder: a lock that the system takes back when its process ends, however it
does."""

from __future__ import annotations

import fcntl
import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from evalkit.core.errors import RunError
from evalkit.core.files import sweep, write

LOCK, HOLDER = ".lock", ".lock.json"
"""The locked file, which stays, and who holds it."""
PATIENCE = 0.2
"""Seconds in which somebody who only looks whether a folder is locked has let go of it."""


@contextmanager
def locked(run: Path, command: str) -> Iterator[None]:
    """The folder ``run``, made where it is not there, for ``command`` alone, and without what
    killed processes left half-written. Raises RunError, naming who works in it, where somebody
    does, and where the folder cannot be made or written to."""
    lock = FileLock(run / LOCK)
    try:
        run.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=PATIENCE)
    except Timeout as error:
        raise RunError(_held(run, holder(run) or "another command")) from error
    except OSError as error:
        raise RunError(f"{run}: cannot be a run folder ({error.filename}: {error.strerror}); give "
                       "a folder that can be written to") from error
    try:
        sweep(run)
        write(run / HOLDER, json.dumps({
            "command": command, "pid": os.getpid(), "host": platform.node(),
            "since": datetime.now().astimezone().isoformat(timespec="seconds")}))
        yield
    finally:
        with suppress(OSError):
            (run / HOLDER).unlink()
        lock.release()


def holder(run: Path) -> str | None:
    """Who works in the folder; None for nobody. What was killed leaves its name there, but no lock:
    the process of that number may be another, on this machine or, in a container, this one."""
    try:
        tree = json.loads((run / HOLDER).read_text(encoding="utf-8"))
        who = (f"`evalkit {tree['command']}` (process {int(tree['pid'])} on {tree['host']}, since "
               f"{tree['since']})")
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return who if _is_locked(run) else None


def _is_locked(run: Path) -> bool:
    """Whether a process holds the lock, on whatever machine; so it is, too, where nobody can say.
    Those who look do not hinder each other."""
    try:
        with (run / LOCK).open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except OSError as error:
        return not isinstance(error, FileNotFoundError)
    return False


def check_free(run: Path) -> None:
    """Raises RunError where somebody seems to work in the folder, before anything is done."""
    if who := holder(run):
        raise RunError(_held(run, who))


def _held(run: Path, who: str) -> str:
    return f"{run}: {who} works in it; wait until it has ended, or give another folder"
