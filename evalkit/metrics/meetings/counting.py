"""The sessions of a reference and of a system beside each other, and what is counted in each."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, NamedTuple, get_args

import numpy as np
import pandas as pd

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import NAMED, LeftOut
from evalkit.core.names import offer
from evalkit.core.text import count
from evalkit.core.types import Absent
from evalkit.metrics.meetings.permutation import cp_errors
from evalkit.metrics.meetings.segments import Segment, Segments, by_speaker
from evalkit.metrics.meetings.streams import TooLargeError, orc_errors
from evalkit.metrics.meetings.turns import endings, overlapped, turns_of
from evalkit.metrics.normalisers import Normaliser
from evalkit.store.meeting_counts import ENDINGS, SESSIONS, SPEAKERS, UNMATCHED, MeetingCounts

Sessions = Mapping[str, Sequence[Segment]]
Row = tuple[Any, ...]


@dataclass(frozen=True)
class Rules:
    """How sessions are counted: the text ``normaliser`` of both sides, the longest ``pause``
    within a turn in seconds, and what is made of an ``absent`` session."""

    normaliser: Normaliser
    pause: float = 0.0
    absent: Absent = "refuse"

    def __post_init__(self) -> None:
        if not 0 <= self.pause < np.inf:
            raise ConfigError(f"pause {self.pause:g}: must be seconds from 0 on")
        if self.absent not in get_args(Absent):
            raise ConfigError(f"absent: {offer(self.absent, get_args(Absent))}")

    def words(self, segments: Iterable[Segment]) -> list[str]:
        """The words of ``segments``, one segment after another."""
        return [word for each in segments for word in self.normaliser(each.text).split()]

    def words_by_speaker(self, segments: Iterable[Segment]) -> dict[str, list[str]]:
        """The words of each speaker."""
        return {name: self.words(own) for name, own in by_speaker(segments).items()}


def common_sessions(reference: Sessions, systems: Mapping[str, Sessions], absent: Absent
                    ) -> tuple[list[str], list[LeftOut]]:
    """The sessions that are counted, in the order of the ``reference``, for all ``systems`` the
    same, and those that are left out. Raises ConfigError for a session that a system lacks, where
    that is refused, and where none is left."""
    left_out, lost = [], set[str]()
    for name, sessions in systems.items():
        missing = _missing(name, reference, sessions, absent)
        left_out += [*_record(name, "the reference has none of that name",
                              sessions.keys() - reference.keys()),
                     *_record(name, "the system says nothing of it", missing)]
        lost.update(missing)
    kept = [each for each in reference if each not in lost]
    if not kept:
        raise ConfigError("no session is in the reference and in every system; are the names of "
                          f"sessions the same on both sides? Some are {[*reference][:3]}")
    return kept, left_out


def _missing(system: str, reference: Sessions, sessions: Sessions, absent: Absent) -> list[str]:
    """The sessions that cannot be counted. Raises ConfigError where that is refused."""
    missing = [] if absent == "empty" else [each for each in reference if each not in sessions]
    if missing and absent == "refuse":
        raise ConfigError(f"{system}: says nothing of {count(len(missing), 'session')}, such as "
                          f"{missing[0]!r}; --absent empty counts their words as missed, "
                          "--absent leave_out leaves them out for every system")
    return missing


def _record(system: str, why: str, names: Collection[str]) -> list[LeftOut]:
    return [LeftOut("session", system, why, len(names), tuple(sorted(names)[:NAMED]))
            ] if names else []


Say = Callable[[str], None]
"""Is told a line of what takes long."""


def counted(system: str, reference: Sessions, heard: Sessions, names: Sequence[str], rules: Rules,
            *, say: Say = lambda line: None) -> MeetingCounts:
    """What ``system`` did in the sessions ``names``."""
    tables: dict[tuple[str, ...], list[Row]] = {
        each: [] for each in (SPEAKERS, UNMATCHED, SESSIONS, ENDINGS)}
    large: list[LeftOut] = []
    for number, name in enumerate(names, 1):
        ours, theirs = reference[name], heard.get(name, ())
        line = f"ORC-WER of {system}, session {number} of {len(names)}: {name}"
        try:
            orc = _orc(ours, theirs, rules, partial(say, line))
        except TooLargeError as error:
            orc = np.nan
            large.append(LeftOut("session", f"ORC-WER of {system}", str(error), names=(name,)))
        for columns, rows in _session(ours, theirs, orc, rules).items():
            tables[columns] += [(name, *row) for row in rows]
    speakers, unmatched, sessions, ends = (pd.DataFrame(rows, columns=list(columns))
                                           for columns, rows in tables.items())
    return MeetingCounts(system, speakers, unmatched, sessions, ends, tuple(large))


def _session(ours: Sequence[Segment], theirs: Sequence[Segment], orc: float, rules: Rules
             ) -> dict[tuple[str, ...], Sequence[Row]]:
    """The rows of the four tables that a session gives, without its name."""
    found = cp_errors(rules.words_by_speaker(ours), rules.words_by_speaker(theirs))
    turns = _turns(ours, theirs, rules.pause)
    return {SPEAKERS: [(each.speaker, each.heard_as, each.edits.reference_length, *each.edits[1:])
                       for each in found.shares],
            UNMATCHED: [*found.unmatched],
            SESSIONS: [(turns.overlap, found.words, orc, turns.said, turns.heard, turns.extra)],
            ENDINGS: turns.late}


def _orc(ours: Sequence[Segment], theirs: Sequence[Segment], rules: Rules,
         long: Callable[[], None]) -> float:
    return orc_errors([rules.words([each]) for each in ours],
                      [*rules.words_by_speaker(theirs).values()], long)


class _Turns(NamedTuple):
    """Of a session; what is not known is NaN."""

    overlap: float = np.nan
    said: float = np.nan
    heard: float = np.nan
    extra: float = np.nan
    late: Sequence[Row] = ()


def _turns(ours: Sequence[Segment], theirs: Sequence[Segment], pause: float) -> _Turns:
    """Nothing is known of a side that has no times."""
    if not _timed(ours):
        return _Turns()
    said = turns_of(ours, pause)
    if not _timed(theirs):
        return _Turns(overlapped(said), len(said))
    heard = turns_of(theirs, pause)
    late = [(each.turn.speaker, np.nan if each.late is None else round(1000 * each.late, 3))
            for each in endings(said, heard)]
    missed = sum(np.isnan(each) for _, each in late)
    return _Turns(overlapped(said), len(said), len(heard), len(heard) - len(said) + missed, late)


def _timed(segments: Sequence[Segment]) -> bool:
    return all(each.start is not None for each in segments)


def of_files(reference: Segments, systems: Mapping[str, Segments], rules: Rules,
             say: Say = lambda line: None) -> tuple[list[MeetingCounts], list[LeftOut]]:
    """What each system did in the sessions of the ``reference``, and what takes no part. Raises
    ConfigError as ``common_sessions`` does."""
    ours = reference.by_session()
    theirs = {name: each.by_session() for name, each in systems.items()}
    names, left_out = common_sessions(ours, theirs, rules.absent)
    left_out += [item for each in (reference, *systems.values()) for item in each.left_out]
    return [counted(name, ours, each, names, rules, say=say)
            for name, each in theirs.items()], left_out
