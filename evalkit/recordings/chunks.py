"""Containers that state how many bytes of audio follow: WAV, RF64, W64, AIFF, AU, CAF, SPHERE."""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator, Mapping
from typing import BinaryIO, NamedTuple

from evalkit.recordings.containers import Container

UNKNOWN = (1 << 31, 1 << 32)
"""A writer that cannot go back to the header, such as ffmpeg or SoX into a pipe, leaves about one
of these as the length of the data …"""
NEAR = 4096
"""… within so many bytes: the data reach to the end of the file."""
MOST_CHUNKS = 10_000
"""Looked at before the data; a file of more is read as libsndfile sees it."""


class _Layout(NamedTuple):
    """How chunks are written: the ``head`` of one (name, size), what ``size`` counts besides the
    content, and to how many bytes a chunk is filled up."""

    head: struct.Struct
    counted: int = 0
    filled: int = 2


_LITTLE = _Layout(struct.Struct("<4sI"))
_BIG = _Layout(struct.Struct(">4sI"))
_W64 = _Layout(struct.Struct("<16sq"), counted=24, filled=8)
_CAF = _Layout(struct.Struct(">4sq"), filled=1)


def _chunks(file: BinaryIO, layout: _Layout) -> Iterator[tuple[bytes, int]]:
    """Name and length of every chunk; the file stands at its content while it is looked at."""
    for _ in range(MOST_CHUNKS):
        head = file.read(layout.head.size)
        if len(head) < layout.head.size:
            return
        name, size = layout.head.unpack(head)
        start, size = file.tell(), size - layout.counted
        yield name, size
        if not 0 <= size < 1 << 62:
            return
        file.seek(start + size + -size % layout.filled)


def _data(start: int, stated: int, size: int) -> Container:
    """Of data that begin at ``start`` in a file of ``size`` bytes."""
    if stated < 0 or any(abs(stated - unknown) <= NEAR for unknown in UNKNOWN):
        return Container()
    return Container(stated=stated, there=max(0, min(stated, size - start)))


def _riff(file: BinaryIO, size: int) -> Container:
    layout = _BIG if file.read(4) == b"RIFX" else _LITTLE
    file.seek(8, 1)
    long = None
    for name, length in _chunks(file, layout):
        if name == b"ds64":
            long = struct.unpack("<8xq", file.read(16).ljust(16, b"\xff"))[0]
        if name == b"data":
            start = file.tell()
            if length == 0 and size > start:
                return Container(unclosed=(start - 4, layout.head.format[:1] + "I"))
            stated = long if long is not None and length == 0xFFFFFFFF else length
            return _data(start, stated, size)
    return Container()


def _w64(file: BinaryIO, size: int) -> Container:
    file.seek(40, 1)
    for name, length in _chunks(file, _W64):
        if name[:4] == b"data":
            return _data(file.tell(), length, size)
    return Container()


def _aiff(file: BinaryIO, size: int) -> Container:
    file.seek(12, 1)
    for name, length in _chunks(file, _BIG):
        if name == b"SSND":
            return _data(file.tell() + 8, length - 8, size)
    return Container()


def _caf(file: BinaryIO, size: int) -> Container:
    file.seek(8, 1)
    for name, length in _chunks(file, _CAF):
        if name == b"data":
            return _data(file.tell() + 4, length - 4, size)
    return Container()


def _au(file: BinaryIO, size: int) -> Container:
    start, order = file.tell(), ">" if file.read(4) == b".snd" else "<"
    header, stated = struct.unpack(order + "II", file.read(8).ljust(8, b"\xff"))
    return _data(start + header, stated, size)


def _sphere(file: BinaryIO, size: int) -> Container:
    """NIST SPHERE: a header of text, its length on the second line."""
    start = file.tell()
    lines = file.read(16).decode("ascii", "replace").split()
    header = int(lines[1]) if len(lines) > 1 and lines[1].isdigit() else 1024
    file.seek(start)
    fields = dict(line.split(" -i ", 1) for line in
                  file.read(min(header, 65_536)).decode("ascii", "replace").splitlines()
                  if " -i " in line)
    try:
        stated = (int(fields["sample_count"]) * int(fields.get("channel_count", 1))
                  * int(fields.get("sample_n_bytes", 2)))
    except (KeyError, ValueError):
        return Container()
    return _data(start + header, stated, size)


READERS: Mapping[bytes, Callable[[BinaryIO, int], Container]] = {
    b"RIFF": _riff, b"RIFX": _riff, b"RF64": _riff, b"BW64": _riff, b"riff": _w64, b"FORM": _aiff,
    b"caff": _caf, b".snd": _au, b"dns.": _au, b"NIST": _sphere}
"""By the first four bytes of the file."""
