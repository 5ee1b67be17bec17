"""Segments of sessions: what one speaker said, or was heard to say, from when to when."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Any

from evalkit.core.ledger import LeftOut


@dataclass(frozen=True)
class Segment:
    """A row of a file: a stretch of speech in a session, ``start`` and ``end`` in seconds of it,
    both None where the file has no times. In what a system heard, ``speaker`` is its own name for
    who speaks, or for a channel. ``metadata`` is what else the row says."""

    session: str
    speaker: str
    text: str
    start: float | None = None
    end: float | None = None
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Segments:
    """What a file holds, and the rows of it that take no part."""

    segments: tuple[Segment, ...]
    left_out: tuple[LeftOut, ...] = ()

    def by_session(self) -> dict[str, list[Segment]]:
        """The segments of each session by their beginnings; those that begin together, or have no
        times, in the file's order."""
        sessions: dict[str, list[Segment]] = defaultdict(list)
        for each in self.segments:
            sessions[each.session].append(each)
        return {name: sorted(found, key=lambda each: each.start or 0.0)
                for name, found in sessions.items()}


def by_speaker(segments: Iterable[Segment]) -> dict[str, list[Segment]]:
    """The segments of each speaker, in their order."""
    speakers: dict[str, list[Segment]] = defaultdict(list)
    for each in segments:
        speakers[each.speaker].append(each)
    return dict(speakers)
