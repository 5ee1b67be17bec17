"""Who is served how well in sessions of several speakers: by group, by pair of groups, and by how
much of the speech overlaps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pandas as pd

from evalkit.core.ledger import NAMED, LeftOut, merged
from evalkit.core.types import PERCENT, Fact, Interval
from evalkit.statistics.bootstrap import Contrast, intervals, on_scale
from evalkit.statistics.groups import (
    Floors,
    GroupRow,
    group_rows,
    labelled,
    without_bounds,
)
from evalkit.statistics.latency import DRAWS, EVERYBODY, quantiles
from evalkit.statistics.meeting_units import (
    ERRORS,
    PAIR,
    Sessions,
    of_sessions,
    of_speakers,
    overlap_ranges,
)
from evalkit.statistics.sums import speaker_sums
from evalkit.store.documents.meetings import (
    EndDelay,
    MeetingRow,
    MeetingTable,
    RowKind,
    TurnCounts,
)

CP_WER = Fact(PERCENT, False, "concatenated minimum-permutation word error rate", is_count=True)
OVERLAP = "overlap"
"""A column that there always is where there are times: how much of a session's speech overlaps."""
FLOORS = Floors(speakers=5, utterances=5)
Shown = Callable[[Interval], Interval]
"""An interval as it is shown, without bounds where there is too little for them."""


def meeting_table(sessions: Sessions, by: Sequence[str] = ()) -> tuple[MeetingTable, list[LeftOut]]:
    """The rows for the crossed columns ``by`` of the people, of which OVERLAP is one of sessions,
    and what is compared with nothing. Raises ConfigError for a column that there is not."""
    rows = _rows("all", sessions, of_sessions(sessions, lambda name: EVERYBODY))
    columns = [each for each in by if each != OVERLAP or OVERLAP in sessions.people]
    ranges = overlap_ranges(sessions.counts) if len(columns) < len(by) else {}
    lost: list[LeftOut] = []
    where = f"meetings of {sessions.counts.system} by {', '.join(by)}"
    if columns:
        own = _labelled(sessions, columns, ranges)
        pairs, lost = _pairs(own, where)
        rows += _rows("group", sessions, own)
        rows += _rows("pair", sessions, of_sessions(sessions, pairs.get))
    elif by:
        found = _rows("overlap", sessions, of_sessions(sessions, ranges.get))
        rows += sorted(found, key=lambda row: [*dict.fromkeys(ranges.values())].index(row.group))
    return MeetingTable(system=sessions.counts.system, by=tuple(by), rows=rows), merged(
        [*_not_compared(rows[1:], where), *lost])


def _not_compared(rows: Sequence[MeetingRow], where: str) -> Iterator[LeftOut]:
    why = {"unknown": "no label", "insufficient": f"fewer than {FLOORS.speakers} speakers, or "
           "companies of sessions that share speakers: compared with no other"}
    return (LeftOut("group", where, why[row.status], names=(row.group,))
            for row in rows if row.status != "ok")


def _labelled(sessions: Sessions, columns: Sequence[str], ranges: dict[str, str]) -> pd.DataFrame:
    """The units of speakers, grouped by their labels and the ranges of their sessions."""
    units = labelled(of_speakers(sessions), sessions.people, columns)
    if ranges:
        units["group"] += ", " + units["session"].map(ranges)
    return units


def _pairs(own: pd.DataFrame, where: str) -> tuple[dict[str, str], list[LeftOut]]:
    """Of every session of two speakers the pair of their groups, in either order the same."""
    by_session = own.groupby("session", sort=False)
    pairs = {str(name): PAIR.join(sorted(each["group"]))
             for name, each in by_session if len(each) == 2}
    others = [str(name) for name, each in by_session if len(each) != 2]
    return pairs, [LeftOut("session", f"pairs of {where}", "has not two speakers", len(others),
                           tuple(others[:NAMED]))] if others else []


def _rows(kind: RowKind, sessions: Sessions, units: pd.DataFrame) -> list[MeetingRow]:
    """A row a group of ``units``."""
    if units.empty:
        return []
    found, _ = group_rows(units, CP_WER, FLOORS, "holm", sessions.resampling)
    changes = {} if sessions.is_first else _changes(sessions, units)
    return [_row(kind, sessions, each, units[units["group"] == each.group],
                 changes.get(each.group)) for each in found]


def _changes(sessions: Sessions, units: pd.DataFrame) -> dict[str, Interval]:
    """By group the rate minus that of the first system, paired."""
    before = replace(sessions, counts=sessions.first)
    make = of_speakers if "speaker" in units else lambda each: of_sessions(each, lambda _: "")
    earlier = make(before).set_index("utterance_id").loc[units["utterance_id"]]
    both = pd.concat([units.assign(version="1"), units.assign(
        version="0", amount=earlier["amount"].to_numpy(), weight=earlier["weight"].to_numpy())])
    sums = speaker_sums(both, "group", "version")
    contrasts = [Contrast((i, 1), (i, 0)) for i in range(len(sums.cohorts))]
    return dict(zip(sums.cohorts, intervals(sums, contrasts, sessions.resampling), strict=True))


def _row(kind: RowKind, sessions: Sessions, row: GroupRow, units: pd.DataFrame,
         change: Interval | None) -> MeetingRow:
    names = set(units["session"])
    own, ends, whole, nobody = (each[each["session"].isin(names)] for each in (
        sessions.counts.speakers, sessions.counts.endings, sessions.counts.sessions,
        sessions.counts.unmatched))
    shown: Shown = without_bounds if _are_few(row) else (lambda value: value)
    of_whole = _NOT_OF_SPEAKERS
    if kind == "group":
        own, ends = _of_units(own, units), _of_units(ends, units)
    else:
        of_whole = {"unmatched": int(nobody["words"].sum()),
                    **_of_whole(sessions, whole, ends, shown)}
    gap = row.gap
    return MeetingRow(
        kind=kind, group=row.group, status="ok" if kind == "all" else row.status,
        n_sessions=len(names), n_speakers=own["speaker"].nunique(), words=int(own["words"].sum()),
        cp_wer=row.value, **{name: int(own[name].sum()) for name in ERRORS},
        gap=gap and gap.difference, p_adjusted=gap.p_adjusted if gap else np.nan,
        change=change and shown(change), turn_ends=_ends(sessions, ends, kind, shown), **of_whole)


def _are_few(row: GroupRow) -> bool:
    return row.n_speakers < FLOORS.speakers or row.n < FLOORS.utterances


_NOT_OF_SPEAKERS: dict[str, Any] = {"unmatched": None, "orc_wer": None, "orc_sessions": 0,
                                    "turns": None}


def _of_whole(sessions: Sessions, whole: pd.DataFrame, ends: pd.DataFrame, shown: Shown
              ) -> dict[str, Any]:
    """What is of sessions and of no single speaker."""
    orc = whole[whole["orc_errors"].notna()]
    rate = None if orc.empty else shown(_rate(sessions, orc, orc["orc_errors"], orc["words"]))
    return {"orc_wer": rate, "orc_sessions": len(orc),
            "turns": _turns(sessions, whole, ends, shown)}


def _of_units(rows: pd.DataFrame, units: pd.DataFrame) -> pd.DataFrame:
    """The ``rows`` of the speakers of ``units``."""
    return rows.merge(units[["session", "speaker"]], on=["session", "speaker"])


def _rate(sessions: Sessions, whole: pd.DataFrame, amount: pd.Series, weight: pd.Series | float
          ) -> Interval:
    """Of whole sessions."""
    sums = speaker_sums(pd.DataFrame({
        "speaker_id": whole["session"].map(sessions.company), "utterance_id": whole["session"],
        "amount": amount, "weight": weight, "error": None}))
    return intervals(sums, [Contrast((0, 0))], sessions.resampling)[0]


def _turns(sessions: Sessions, whole: pd.DataFrame, ends: pd.DataFrame, shown: Shown
           ) -> TurnCounts | None:
    """None where one of the sides has no times."""
    if whole[["turns", "turns_heard"]].isna().any(axis=None):
        return None
    same = (whole["turns"] == whole["turns_heard"]).astype(float)
    right = _rate(sessions, whole, same, 1.0)
    return TurnCounts(
        said=int(whole["turns"].sum()), heard=int(whole["turns_heard"].sum()),
        missed=int(ends["late"].isna().sum()), extra=int(whole["extra"].sum()),
        right=shown(on_scale(right, (0.0, 1.0))))


def _ends(sessions: Sessions, ends: pd.DataFrame, kind: RowKind, shown: Shown) -> list[EndDelay]:
    """Of the turns that were heard; those of a group are drawn by speaker, others by company."""
    known = ends[ends["late"].notna()]
    if known.empty:
        return []
    drawn = known["speaker"] if kind == "group" else known["session"].map(sessions.company)
    found = quantiles(known["late"].to_numpy(float), drawn.to_numpy(str),
                      replace(sessions.resampling, draws=DRAWS.draws))
    bounded = shown is not without_bounds
    return [EndDelay(share=each.share, value=each.value, low=each.low if bounded else np.nan,
                     high=each.high if bounded else np.nan) for each in found]
