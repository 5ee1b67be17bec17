"""One writer a run folder: a lock that the system takes back when its process ends, however it
does."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import datetime
from pathlib import Path

from filelock import FileLock, Timeout

from evalkit.core.errors import RunError
from evalkit.core.files import is_alive, sweep, write

LOCK, HOLDER = ".lock", ".lock.json"
"""The locked file, which stays, and who holds it."""


@contextmanager
def locked(run: Path, command: str) -> Iterator[None]:
    """The folder ``run``, made where it is not there, for ``command`` alone, and without what
    killed processes left half-written. Raises RunError, naming who works in it, where somebody
    does, and where the folder cannot be made or written to."""
    lock = FileLock(run / LOCK)
    try:
        run.mkdir(parents=True, exist_ok=True)
        lock.acquire(timeout=0)
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
    """Who works in the folder, as far as can be known without the lock; None for nobody."""
    try:
        tree = json.loads((run / HOLDER).read_text(encoding="utf-8"))
        pid, host = int(tree["pid"]), str(tree["host"])
        who = f"`evalkit {tree['command']}` (process {pid} on {host}, since {tree['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return None
    return who if host != platform.node() or is_alive(pid) else None


def check_free(run: Path) -> None:
    """Raises RunError where somebody seems to work in the folder, before anything is done."""
    if who := holder(run):
        raise RunError(_held(run, who))


def _held(run: Path, who: str) -> str:
    return f"{run}: {who} works in it; wait until it has ended, or give another folder"
