"""What systems did in sessions of several speakers: errors, turns and their ends, for everybody, by
group and by pair of groups."""

from __future__ import annotations

from typing import ClassVar, Literal

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Interval, Number
from evalkit.store.documents.base import Document, Part

RowKind = Literal["all", "group", "pair", "overlap"]


class EndDelay(Part):
    """By how many milliseconds a ``share`` of the turns that were heard is seen to end too late at
    most, negative where it is too early; the bounds are null where nothing can be said."""

    share: float
    value: Number
    low: Number
    high: Number


class TurnCounts(Part):
    """Turns of the reference and of the system, and those of either that are matched with none.
    ``right`` is the share of sessions in which both sides have equally many."""

    said: int
    heard: int
    missed: int
    extra: int
    right: Interval


class MeetingRow(Part):
    """One line of a table, of a system.

    ``cp_wer`` of everybody, of a pair and of a range of overlap has all errors of its sessions in
    it; of a group of speakers those of its own speakers under the best permutations, without what
    was heard of nobody, which ``unmatched`` counts in words and is null there. ``gap`` is to the
    rows of its kind together, its p-value adjusted (Holm); ``change`` is from the first system, on
    the same sessions. ``orc_wer`` is of the ``orc_sessions`` that are not too large for it; it and
    ``turns`` are of whole sessions, and null for a group of speakers, or without times."""

    kind: RowKind
    group: str
    status: Literal["ok", "insufficient", "unknown"]
    n_sessions: int
    n_speakers: int
    words: int
    cp_wer: Interval
    substitutions: int
    deletions: int
    insertions: int
    unmatched: int | None
    gap: Interval | None
    p_adjusted: Number
    change: Interval | None
    orc_wer: Interval | None
    orc_sessions: int
    turns: TurnCounts | None
    turn_ends: list[EndDelay]


class MeetingTable(Part):
    """The rows that the crossed columns ``by`` make of a ``system``: everybody, groups that are
    served worst first, then pairs of groups that are, for sessions of two speakers."""

    system: str
    by: tuple[str, ...]
    rows: list[MeetingRow]


class UnmatchedSpeaker(Part):
    """Whom a ``system`` heard, as it calls them, in a session, and who is nobody there: all their
    words are insertions."""

    system: str
    session: str
    heard_as: str
    words: int


class Meetings(Document):
    """``normaliser`` is the version of the one that both sides went through, ``pause`` the longest
    one within a turn in seconds."""

    schema_number: ClassVar[int] = 1
    made_by: ClassVar[str] = "evalkit meetings --json"

    reference: str
    systems: list[str]
    normaliser: str
    pause: float
    level: float
    seed: int
    tables: list[MeetingTable]
    unmatched: list[UnmatchedSpeaker]
    warnings: list[str]
    left_out: list[LeftOut]
