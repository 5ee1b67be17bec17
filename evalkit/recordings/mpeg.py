"""MPEG audio (MP3) frames: each whole, as many as the first one's Xing or VBRI header says."""

from __future__ import annotations

from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from evalkit.recordings.containers import Container

RESYNC = 1 << 16
"""Bytes that are searched for the next frame behind something that is none; more of them that are
no TAGS either are audio that was lost."""
TAGS = (b"TAG", b"APETAGEX", b"LYRICS", b"ID3", bytes(16))
"""What may follow the last frame."""
_VERSIONS = {3: 0, 2: 1, 0: 2}
"""How often the sampling rate is halved: MPEG 1, 2, 2.5."""
_SAMPLES = {(0, 1): 384, (0, 2): 1152, (0, 3): 1152, (1, 1): 384, (1, 2): 1152, (1, 3): 576}
"""By version (1 stands for 2.5 too) and layer (ISO/IEC 11172-3 and 13818-3)."""
_RATES = (44_100, 48_000, 32_000)
_KBPS = {
    (0, 1): (32, 64, 96, 128, 160, 192, 224, 256, 288, 320, 352, 384, 416, 448),
    (0, 2): (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    (0, 3): (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    (1, 1): (32, 48, 56, 64, 80, 96, 112, 128, 144, 160, 176, 192, 224, 256),
    (1, 2): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    (1, 3): (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)}


class Frame(NamedTuple):
    """What four bytes say of a frame: its length in bytes, its samples, and what every frame of
    one recording has in common."""

    length: int
    samples: int
    kind: tuple[int, int, int]


def frame(head: bytes) -> Frame | None:
    """The frame that begins with ``head``, None where none does (or one of free bit rate)."""
    if len(head) < 4 or head[0] != 0xFF or head[1] < 0xE0:
        return None
    version, layer = _VERSIONS.get(head[1] >> 3 & 3), 4 - (head[1] >> 1 & 3)
    rated, sampled, padding = head[2] >> 4, head[2] >> 2 & 3, head[2] >> 1 & 1
    if version is None or layer == 4 or rated in (0, 15) or sampled == 3:
        return None
    rate = _RATES[sampled] >> version
    samples = _SAMPLES[min(version, 1), layer]
    slot = 4 if layer == 1 else 1
    kbps = _KBPS[min(version, 1), layer][rated - 1]
    return Frame((samples // 8 * kbps * 1000 // rate // slot + padding) * slot, samples,
                 (version, layer, sampled))


def read(file: BinaryIO, size: int) -> Container:
    """Walks from frame to frame."""
    first = file.tell()
    found, end, samples = 0, first, 0
    for position, one in _frames(file):
        if position != end:
            return Container(hole=f"its frames are interrupted for {position - end} bytes")
        found, end, samples = found + 1, position + one.length, one.samples
    if not found:
        return Container()
    file.seek(end)
    if size - end > RESYNC and not file.read(16).startswith(TAGS):
        return Container(hole=f"its last {size - end:,} bytes hold no frames")
    promised = _promised(file, first)
    audio = found - (promised is not None)
    cut = None
    if end > size:
        cut = "it ends within a frame"
    elif promised is not None and audio < promised - 1:
        cut = f"its header promises {promised:,} frames, {audio:,} came"
    return Container(cut=cut, frames=audio * samples)


def _frames(file: BinaryIO) -> Iterator[tuple[int, Frame]]:
    """Every frame of the recording with its position, the last perhaps not whole."""
    position, kind = file.tell(), None
    while True:
        file.seek(position)
        head = file.read(4)
        one = frame(head)
        if one is None or one.kind != (kind or one.kind):
            found = _next(file, position, kind) if kind else None
            if found is None:
                return
            position = found
            continue
        yield position, one
        kind = one.kind
        position += one.length


def _next(file: BinaryIO, position: int, kind: tuple[int, int, int]) -> int | None:
    """Where frames of ``kind`` go on behind what is none: two in a row. None where they do not,
    as before the tags at the end of a file."""
    file.seek(position)
    ahead = file.read(RESYNC)
    at = ahead.find(b"\xff", 1)
    while at >= 0:
        one = frame(ahead[at:at + 4])
        if one and one.kind == kind:
            following = frame(ahead[at + one.length:at + one.length + 4])
            if following and following.kind == kind:
                return position + at
        at = ahead.find(b"\xff", at + 1)
    return None


def _promised(file: BinaryIO, first: int) -> int | None:
    """How many frames the Xing, Info or VBRI header within the first frame states."""
    file.seek(first)
    head = file.read(200).ljust(60, b"\0")
    for name in (b"Xing", b"Info"):
        at = head.find(name)
        if 0 < at <= 40 and head[at + 7] & 1:
            return int.from_bytes(head[at + 8:at + 12], "big")
    if head[36:40] == b"VBRI":
        return int.from_bytes(head[50:54], "big")
    return None
