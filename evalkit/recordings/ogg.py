"""Ogg pages (RFC 3533): each whole, none missing, the last one marked as the last."""

from __future__ import annotations

import struct
import zlib
from dataclasses import dataclass, field
from typing import BinaryIO

from evalkit.recordings.containers import Container

_HEAD = struct.Struct("<4sBBqIIIB")
_BEGINS, _ENDS = 2, 4
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


class _HoleError(Exception):
    """Something within the file is not as it was written."""


class _CutError(Exception):
    """The file ends too early."""


@dataclass
class _Streams:
    """The logical streams of a file: by serial number, which page comes next."""

    next: dict[int, int] = field(default_factory=dict)
    ended: set[int] = field(default_factory=set)

    def take(self, page: bytes) -> None:
        """Looks at a page. Raises _HoleError where it or one before it is damaged or missing."""
        _, _, flags, _, serial, number, checksum, _ = _HEAD.unpack_from(page)
        if _checksum(page) != checksum:
            raise _HoleError(f"page {number} is damaged")
        if flags & _BEGINS and self.ended:
            raise _HoleError("it holds several recordings one after another; part them")
        if number != self.next.get(serial, number):
            raise _HoleError(f"pages are missing before page {number}")
        self.next[serial] = number + 1
        if flags & _ENDS:
            self.ended.add(serial)

    @property
    def all_ended(self) -> bool:
        return bool(self.ended) and self.next.keys() <= self.ended


def read(file: BinaryIO) -> Container:
    """Looks at every page."""
    streams = _Streams()
    try:
        while (page := _page(file, streams)) is not None:
            streams.take(page)
    except _HoleError as hole:
        return Container(hole=str(hole))
    except _CutError as cut:
        return Container(cut=str(cut))
    return Container()


def _page(file: BinaryIO, streams: _Streams) -> bytes | None:
    """The next page; None where all streams have ended, whatever follows, such as tags."""
    head = file.read(_HEAD.size)
    if head[:4] != b"OggS" and streams.all_ended:
        return None
    if not head:
        raise _CutError("it has no last page (one marked as the end of the stream)")
    if head[:4] != b"OggS"[:len(head)]:
        raise _HoleError("something in it is no page")
    if len(head) < _HEAD.size:
        raise _CutError("it ends within a page")
    lengths = file.read(head[-1])
    body = file.read(sum(lengths))
    if len(lengths) < head[-1] or len(body) < sum(lengths):
        raise _CutError("it ends within a page")
    return head + lengths + body


def _checksum(page: bytes) -> int:
    """CRC-32 of polynomial 04c11db7, not reflected, of the page with 0 in place of its own: that
    of zlib with the bits of every byte, and of the result, the other way round."""
    blank = (page[:22] + bytes(4) + page[26:]).translate(_REVERSED)
    crc = zlib.crc32(blank, 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{crc:032b}"[::-1], 2)
