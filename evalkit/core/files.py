"""Files: written whole or not at all, on the disk before they have their names, and named by what
is in them."""

from __future__ import annotations

import errno
import hashlib
import os
import platform
import re
import secrets
import shutil
import stat
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache, lru_cache, wraps
from pathlib import Path
from typing import ParamSpec, TypeVar

from evalkit.core.errors import ConfigError, EvalkitError, RunError
from evalkit.core.folders import by_name

P = ParamSpec("P")
T = TypeVar("T")
TEMPORARY = re.compile(r"\.evalkit-([0-9a-f]{6})-(\d+)-[0-9a-f]{8}(\.[^/]*)?")
"""Names of files and folders that are being written: by which machine and process."""

_FULL = "make room and start again; what was finished is kept"
_CLOSED = "give a place that can be read and written to"
_REMEDIES = {errno.ENOSPC: _FULL, errno.EDQUOT: _FULL, errno.EFBIG: _FULL,
             errno.ENAMETOOLONG: "give a shorter name",
             errno.EMFILE: "let a process have more open files (ulimit -n), or use fewer workers",
             errno.EROFS: _CLOSED, errno.EACCES: _CLOSED, errno.EPERM: _CLOSED,
             errno.ENOTDIR: "a file stands where a folder should; give another name",
             errno.EISDIR: "a folder stands where a file should; give another name",
             errno.ENOENT: "it was removed while it was in use; start again",
             errno.ESTALE: "it was removed while it was in use; start again",
             errno.EIO: "see whether the disk is sound"}
"""What to do about an error of the machine's, not of a program's."""

_OTHERS = r"[^\"\n\ud800-\udc7f\udd00-\udfff]*"
_MISNAMED = re.compile(f"{_OTHERS}[\udc80-\udcff]{_OTHERS}")
"""A name with a byte that is no UTF-8, which Python holds as half a character, up to quotes."""


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path beside ``path``, with its suffix, which becomes ``path`` when the block
    ends, once its bytes are on the disk, and is removed where the block raises. Makes the folder.
    What is no file is replaced, too; but a device or a pipe in /dev or /proc, such as
    /dev/stdout, is written into as it is.

    Raises ConfigError where ``path`` is a folder, or no file can be written there: a full disk, a
    folder that is read-only."""
    temporary = path.absolute().with_name(_temporary_name(path.suffix))
    with _said(path, temporary):
        if path.is_dir():
            raise ConfigError(f"{path}: is a folder; give the name of a file to write, or remove "
                              "it")
        if _of_the_system(path):
            yield path
            return
        path.parent.mkdir(parents=True, exist_ok=True)
        _sweep_once(path.parent)
        try:
            temporary.touch()
            yield temporary
            _to_disk(temporary)
            temporary.replace(path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)


def _of_the_system(path: Path) -> bool:
    """Whether ``path`` is a device, or a pipe that a shell made, such as ``>(command)``."""
    return path.parent == Path("/dev") or (
        path.absolute().parts[1] in ("dev", "proc") and path.exists() and not path.is_file())


def write(path: Path, content: bytes | str) -> None:
    """Writes a file by way of ``replacing``; text is UTF-8."""
    with replacing(path) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


@contextmanager
def _said(path: Path, temporary: Path) -> Iterator[None]:
    """Says in one line why ``path`` cannot be written. What is no error of writing it passes."""
    try:
        yield
    except OSError as error:
        if error.errno is None or (
                error.filename and Path(os.fsdecode(error.filename)) not in
                {path, temporary, *path.parents}):
            raise
        remedy = _REMEDIES.get(error.errno, _CLOSED)
        raise ConfigError(f"{path}: cannot be written ({error.strerror}); {remedy}") from error


def trouble(error: OSError) -> str | None:
    """In one line, what file could not be used and what to do; None where it is no such error."""
    if error.errno not in _REMEDIES:
        return None
    where = f"{os.fsdecode(error.filename)}: " if isinstance(error.filename, str | bytes) else ""
    return f"{where}{error.strerror or os.strerror(error.errno)}; {_REMEDIES[error.errno]}"


def misnamed(text: str) -> str | None:
    """What is wrong with the first name in ``text`` that holds bytes which are no UTF-8, and what
    to do; None where there is none."""
    found = _MISNAMED.search(text)
    if found is None:
        return None
    name = found[0].encode("utf-8", "surrogateescape").decode("utf-8", "backslashreplace")
    return f"{name}: is no name in UTF-8, as evalkit's files need it; rename the file or folder"


def _name_copied(error: EvalkitError) -> None:
    """Lets an error that no disk is the cause of name what was copied in place of the copy."""
    if not isinstance(error.__cause__, OSError):
        error.args = tuple(map(by_name, map(str, error.args)))


def in_one_line(function: Callable[P, T]) -> Callable[P, T]:
    """``function``, which raises ConfigError before it begins where a name that it is given is no
    UTF-8; and RunError where it comes upon one later, or where a file cannot be used, as
    ``trouble`` says it. Where the disk is not at fault, errors name what was copied, not the copy.
    """
    @wraps(function)
    def told(*values: P.args, **options: P.kwargs) -> T:
        if wrong := next(filter(None, map(misnamed, _names([values, options]))), None):
            raise ConfigError(wrong)
        try:
            return function(*values, **options)
        except EvalkitError as error:
            _name_copied(error)
            raise
        except (OSError, UnicodeEncodeError) as error:
            why = trouble(error) if isinstance(error, OSError) else misnamed(error.object)
            if why is None:
                raise
            raise RunError(why) from error
    return told


def _names(tree: object) -> Iterator[str]:
    """The texts and paths in values."""
    if isinstance(tree, str | Path):
        yield str(tree)
    elif isinstance(tree, Mapping):
        yield from _names([*tree.items()])
    elif isinstance(tree, list | tuple):
        for each in tree:
            yield from _names(each)


@contextmanager
def replacing_folder(path: Path) -> Iterator[Path]:
    """A new folder beside ``path`` that takes its place when the block ends, and is removed where
    the block raises. Raises ConfigError where none can be made there."""
    made, old = (path.with_name(_temporary_name()) for _ in range(2))
    with _said(path, made):
        made.parent.mkdir(parents=True, exist_ok=True)
        _sweep_once(path.parent)
        made.mkdir()
        try:
            yield made
            if path.exists():
                path.rename(old)
            made.rename(path)
        finally:
            for folder in (made, old):
                shutil.rmtree(folder, ignore_errors=True)


def _temporary_name(suffix: str = "") -> str:
    """A new name that ``sweep`` knows."""
    return f".evalkit-{_host()}-{os.getpid()}-{secrets.token_hex(4)}{suffix}"


@cache
def _host() -> str:
    return hashlib.sha256(platform.node().encode()).hexdigest()[:6]


def is_alive(pid: int) -> bool:
    """Whether a process of this machine runs."""
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:  # somebody else's
        return True
    return True


@cache
def _sweep_once(folder: Path) -> None:
    """Removes what processes of this machine that are no more left half-written in ``folder``."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            name = TEMPORARY.fullmatch(entry.name)
            if name and name[1] == _host() and not is_alive(int(name[2])):
                _remove(Path(entry.path))


def sweep(folder: Path) -> None:
    """Removes everything half-written in ``folder`` and below. Nobody else may write there."""
    for place, folders, names in os.walk(folder):
        for name in (*folders, *names):
            if TEMPORARY.fullmatch(name):
                _remove(Path(place) / name)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def names_to_disk(*folders: Path) -> None:
    """Waits until the names of the files in ``folders`` are on the disk, where that can be."""
    for folder in folders:
        with suppress(OSError):
            _to_disk(folder)


def _to_disk(path: Path) -> None:
    handle = os.open(path, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)


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
