"""Files: written whole or not at all, and named by what is in them."""

from __future__ import annotations

import errno
import hashlib
import os
import stat
from collections.abc import Callable, Iterator
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


_SPECIAL: tuple[tuple[Callable[[int], bool], str], ...] = (
    (stat.S_ISDIR, "a folder"), (stat.S_ISFIFO, "a pipe"), (stat.S_ISSOCK, "a socket"),
    (stat.S_ISCHR, "a device"), (stat.S_ISBLK, "a device"))


def regular(path: Path) -> Path:
    """``path``, known to be a file with an end. Raises OSError, before anything is opened, for
    what could be waited for without end (a pipe, a device, a socket), for a folder, and where
    nothing is there; ``strerror`` says what it is."""
    mode = path.stat().st_mode
    for is_one, name in _SPECIAL:
        if is_one(mode):
            raise OSError(errno.EINVAL, f"is {name}, not a file", str(path))
    return path


def digest(path: Path) -> str:
    """SHA-256 of a file's bytes in hexadecimal, computed once a process for each state of it.
    Raises OSError where it cannot be read, or is no file (``regular``)."""
    state = regular(path).stat()
    return _digest(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=1024)
def _digest(path: Path, _modified: int, _size: int) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
