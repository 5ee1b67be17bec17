"""Files: written whole or not at all, and named by what is in them."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterator
from contextlib import contextmanager
from functools import lru_cache
from pathlib import Path

from evalkit.core.errors import ConfigError


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``, with its suffix, which becomes ``path`` when the block
    ends and is removed where the block raises. Makes the folder. A device or a pipe, such as
    /dev/stdout, is written into as it is.

    Raises ConfigError where ``path`` is a folder, or no file can be written there."""
    try:
        temporary = _writable(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); give the name of a file "
                          "in a folder that can be written to") from error
    try:
        yield temporary
        if temporary != path:
            temporary.replace(path)
    finally:
        if temporary != path:
            temporary.unlink(missing_ok=True)


def _writable(path: Path) -> Path:
    """What to write instead of ``path``, empty. Raises OSError where it cannot be written."""
    if path.is_dir():
        raise ConfigError(f"{path}: is a folder; give the name of a file to write")
    if path.parent == Path("/dev") or (path.exists() and not path.is_file()):
        return path
    temporary = path.with_name(f".{os.getpid()}.{path.name}")
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary.touch()
    return temporary


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal, computed once a process for each state of it.
    Raises OSError where it cannot be read."""
    state = path.stat()
    return _digest(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _digest(path: Path, _modified: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
