"""All that there is to say of systems in sessions of several speakers, as one document."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import pandas as pd

from evalkit.core.ledger import LeftOut, merged
from evalkit.core.text import count
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.companies import companies
from evalkit.statistics.meeting_units import Sessions
from evalkit.statistics.meetings import meeting_table
from evalkit.store.documents.meetings import Meetings, UnmatchedSpeaker
from evalkit.store.meeting_counts import MeetingCounts


def meeting_report(reference: str, counts: Sequence[MeetingCounts], people: pd.DataFrame, *,
                   by: Sequence[Sequence[str]] = ((),), normaliser: str, pause: float,
                   left_out: Iterable[LeftOut] = (), resampling: Resampling) -> Meetings:
    """The tables of every system for each set of crossed columns in ``by``, of ``counts`` in the
    same sessions of a ``reference``; ``people`` are as evalkit.statistics.meeting_units has them.
    Raises ConfigError for a column that there is not."""
    company, notes = companies(counts[0].speakers)
    found = [meeting_table(Sessions(each, counts[0], people, company, resampling), columns)
             for each in counts for columns in by]
    lost = [item for each in counts for item in each.left_out]
    lost += [item for _, items in found for item in items]
    return Meetings(
        reference=reference, systems=[each.system for each in counts], normaliser=normaliser,
        pause=pause, level=resampling.level, seed=resampling.seed,
        tables=[table for table, _ in found], unmatched=[*_unmatched(counts)],
        warnings=[*notes, *_untimed(counts)], left_out=merged([*left_out, *lost]))


def _unmatched(counts: Iterable[MeetingCounts]) -> Iterator[UnmatchedSpeaker]:
    for each in counts:
        for row in each.unmatched.to_dict("records"):
            yield UnmatchedSpeaker(system=each.system, session=row["session"],
                                   heard_as=row["heard_as"], words=row["words"])


def _untimed(counts: Sequence[MeetingCounts]) -> Iterator[str]:
    """Why there is nothing to say of turns."""
    if counts[0].sessions["turns"].isna().any():
        yield "the reference has no times: turns and their ends are not measured"
        return
    for each in counts:
        if n := int(each.sessions["turns_heard"].isna().sum()):
            yield (f"{each.system} has no times in {count(n, 'session')}: its turns and their ends "
                   "are not measured")
