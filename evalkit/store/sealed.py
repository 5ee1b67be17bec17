"""Tables that say of themselves whether they are whole.

A table's seal is the SHA-256 of its Parquet file, the seal itself counted as zeros. It stands in
the footer's metadata beside the file's name, so that a file that was cut, changed, replaced or
renamed is noticed by reading it alone: about a second for each gigabyte.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from functools import lru_cache
from mmap import mmap
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.core.errors import RunError, one_line
from evalkit.core.files import regular, replacing

_NAME, _NOTE, _SEAL = b"evalkit.name", b"evalkit.note", b"evalkit.seal"
_OPEN = b"0" * 64
_WHERE = re.compile(re.escape(_SEAL) + rb"[^0-9a-f]{1,8}([0-9a-f]{64})")
"""In Parquet's footer: a key, the kind and length of a string, and the string."""
_TAIL = 8
"""Bytes after the footer: its length, and PAR1."""


GROUP = 1 << 17
"""Rows of a long table that are read and written at a time."""
AGAIN = "run it again"
"""What mends a run's tables."""


class DamageError(RunError):
    """A table that is not as it was written."""


class UnsealedError(DamageError):
    """A table that another program wrote."""


def write_table(path: Path, table: pa.Table, note: str = "") -> None:
    """Writes sealed Parquet: the same rows under the same name give the same bytes. ``note`` is
    kept for ``note_of``."""
    sink = pa.BufferOutputStream()
    with _writer(sink, path, table.schema, note) as writer:
        writer.write_table(table)
    data = bytearray(sink.getvalue())
    start, end = _place(path, data)
    data[start:end] = hashlib.sha256(data).hexdigest().encode()
    with replacing(path) as temporary:
        temporary.write_bytes(data)


def write_tables(path: Path, tables: Iterable[pa.Table], schema: pa.Schema) -> None:
    """The same of the rows of all ``tables``, a few of which are in memory at a time: they are
    written, and can be read, in groups of GROUP rows or a little more."""
    with replacing(path) as temporary:
        with _writer(temporary, path, schema) as writer:
            for table in _grouped(tables, schema):
                writer.write_table(table)
        with temporary.open("r+b") as file, mmap(file.fileno(), 0) as data:
            start, end = _place(path, data)
            data[start:end] = hashlib.sha256(data).hexdigest().encode()


def _writer(sink: pa.NativeFile | Path, path: Path, schema: pa.Schema, note: str = ""
            ) -> pq.ParquetWriter:
    marks = {_NAME: path.name.encode(), _NOTE: note.encode(), _SEAL: _OPEN}
    return pq.ParquetWriter(sink, schema.with_metadata((schema.metadata or {}) | marks),
                            compression="zstd")


def _grouped(tables: Iterable[pa.Table], schema: pa.Schema) -> Iterator[pa.Table]:
    """``tables`` joined to such groups, one at least."""
    waiting = [schema.empty_table()]
    for table in tables:
        waiting.append(table)
        if sum(map(len, waiting)) >= GROUP:
            yield pa.concat_tables(waiting).combine_chunks()
            waiting = []
    if waiting:
        yield pa.concat_tables(waiting).combine_chunks()


def seal(path: Path) -> str:
    """The seal of a table that is whole. Raises DamageError, naming the file, where it is missing,
    or is no longer what ``write_table`` wrote under this name."""
    with undamaged(path):
        state = regular(path).stat()
        return _seal(path, state.st_mtime_ns, state.st_size)


@contextmanager
def undamaged(path: Path) -> Iterator[None]:
    """What goes wrong in reading ``path`` in the block becomes a DamageError that names it."""
    try:
        yield
    except FileNotFoundError as error:
        raise DamageError(f"{path}: is missing") from error
    except (OSError, pa.ArrowException) as error:
        why = (isinstance(error, OSError) and error.strerror) or one_line(error)
        raise DamageError(f"{path}: cannot be read ({why})") from error


def is_whole(path: Path) -> bool:
    """Whether ``path`` is what ``write_table`` wrote there."""
    try:
        seal(path)
    except DamageError:
        return False
    return True


def check(path: Path) -> None:
    """Raises DamageError for a table that is there and not as it was written. One that another
    program wrote, without a seal, passes."""
    try:
        if path.exists():
            seal(path)
    except UnsealedError:
        return
    except DamageError as error:
        raise DamageError(f"{error}; {AGAIN}") from error


@contextmanager
def readable(path: Path) -> Iterator[None]:
    """What goes wrong in reading ``path`` in the block becomes a RunError that names it."""
    try:
        yield
    except (OSError, pa.ArrowException) as error:
        raise RunError(f"{path}: cannot be read ({one_line(error)}); {AGAIN}") from error


def read_table(path: Path, **options: Any) -> pa.Table:
    """A table of a run, by ``options`` of pyarrow.parquet.read_table. Raises RunError, naming the
    file, where it cannot be read."""
    with readable(path):
        return pq.read_table(path, **options)


def names_in(path: Path) -> list[str]:
    """The names of its columns. Raises RunError as ``read_table`` does."""
    with readable(path):
        names: list[str] = pq.read_schema(path).names
    return names


def note_of(path: Path) -> str:
    """The note that ``write_table`` was given; "" where there is none."""
    return (pq.read_schema(path).metadata or {}).get(_NOTE, b"").decode()


@lru_cache(maxsize=1 << 16)
def _seal(path: Path, _modified: int, _size: int) -> str:
    data = path.read_bytes()
    start, end = _place(path, data)
    written, digest = data[start:end].decode(), hashlib.sha256()
    for part in (memoryview(data)[:start], _OPEN, memoryview(data)[end:]):
        digest.update(part)
    if digest.hexdigest() != written:
        raise DamageError(f"{path}: is not as it was written: its checksum differs")
    name = (pq.read_schema(path).metadata or {}).get(_NAME, b"").decode("utf-8", "replace")
    if name != path.name:
        raise DamageError(f"{path}: is another file, which was written as {name}")
    return written


def _place(path: Path, data: bytes | bytearray | mmap) -> tuple[int, int]:
    """Where in the bytes of a Parquet file its seal stands."""
    size = len(data)
    length = int.from_bytes(data[size - _TAIL:size - 4], "little")
    if size < _TAIL or data[size - 4:] != b"PAR1" or length > size - _TAIL:
        raise DamageError(f"{path}: is cut, or no Parquet")
    begin = size - _TAIL - length
    found = list(_WHERE.finditer(data[begin:]))
    if not found:
        raise UnsealedError(f"{path}: was not written by this evalkit")
    return begin + found[-1].start(1), begin + found[-1].end(1)
