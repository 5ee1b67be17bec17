"""Whether a recording is whole, by what its container says: nothing is decoded here.

What libsndfile hides is found here: it reads a WAV whose data ends early up to that end, and an
Ogg file past a damaged page, without a word."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import BinaryIO

from evalkit.recordings import chunks, mpeg, ogg
from evalkit.recordings.containers import Container

MOST_TAGS = 16
"""ID3v2 tags that are passed over."""


def container(path: Path) -> Container:
    """What the file at ``path`` says of itself, read once a process for each state of it. Raises
    OSError where it cannot be read."""
    state = path.stat()
    return _container(path, state.st_mtime_ns, state.st_size)


@lru_cache(maxsize=256)
def _container(path: Path, _modified: int, size: int) -> Container:
    with path.open("rb") as file:
        file.seek(after_id3(file))
        start = file.tell()
        magic = file.read(4)
        file.seek(start)
        if magic == b"OggS":
            return ogg.read(file)
        if magic in chunks.READERS:
            return chunks.READERS[magic](file, size)
        if magic[:1] == b"\xff":
            return mpeg.read(file, size)
        return Container()


def after_id3(file: BinaryIO) -> int:
    """Where the audio begins: behind the ID3v2 tags at the head of the file, one or several."""
    position = 0
    for _ in range(MOST_TAGS):
        file.seek(position)
        head = file.read(10)
        if len(head) < 10 or head[:3] != b"ID3" or max(head[6:10]) > 127:
            break
        length = sum(byte << 7 * (3 - place) for place, byte in enumerate(head[6:10]))
        position += 10 + length + (10 if head[5] & 0x10 else 0)
    return position
