"""The units that are counted and drawn in sessions of several speakers: whole sessions, and
speakers in them."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evalkit.core.text import UNKNOWN
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.meeting_counts import BETWEEN, MeetingCounts

ERRORS = ["substitutions", "deletions", "insertions"]
EDGES = (0.1, 0.2, 0.3, 0.4)
"""Of shares of overlapped speech, in whole percent."""
PAIR = " + "
"""Between the groups of a pair."""


@dataclass(frozen=True)
class Sessions:
    """The counts of a system and of the ``first`` one in the same sessions, with ``people`` (a row
    a speaker of a session: ``utterance_id``, ``speaker_id``, metadata) and, by session, the
    ``company`` that it is drawn with."""

    counts: MeetingCounts
    first: MeetingCounts
    people: pd.DataFrame
    company: pd.Series
    resampling: Resampling

    @property
    def is_first(self) -> bool:
        """Whether there is nothing to compare with."""
        return self.counts.system == self.first.system


def of_sessions(sessions: Sessions, group: Callable[[str], str | None]) -> pd.DataFrame:
    """Rows of scores, a session each, drawn by company: all errors under its best permutation,
    those of nobody too. Sessions without a ``group`` have none."""
    counts = sessions.counts
    by_session = counts.speakers.assign(errors=counts.speakers[ERRORS].sum(axis=1)).groupby(
        "session", sort=False)[["errors", "words"]].sum()
    extra = counts.unmatched.groupby("session")["words"].sum()
    amount = by_session["errors"].add(extra, fill_value=0.0).reindex(by_session.index)
    groups = [group(str(name)) for name in by_session.index]
    units = pd.DataFrame({
        "utterance_id": by_session.index, "session": by_session.index,
        "speaker_id": sessions.company[by_session.index].to_numpy(),
        "amount": amount.to_numpy(float), "weight": by_session["words"].to_numpy(float),
        "error": None, "group": groups})
    return units[units["group"].notna()].assign(
        labelled=lambda rows: [UNKNOWN not in _parts(each) for each in rows["group"]])


def _parts(group: str) -> list[str]:
    return [part for each in group.split(PAIR) for part in each.split(", ")]


def of_speakers(sessions: Sessions) -> pd.DataFrame:
    """Rows of scores, a speaker of a session each, drawn by speaker."""
    rows = sessions.counts.speakers
    return pd.DataFrame({
        "utterance_id": rows["session"] + BETWEEN + rows["speaker"], "session": rows["session"],
        "speaker": rows["speaker"], "speaker_id": rows["speaker"],
        "amount": rows[ERRORS].sum(axis=1).astype(float), "weight": rows["words"].astype(float),
        "error": None})


def overlap_ranges(counts: MeetingCounts) -> dict[str, str]:
    """By session the range in which the share of its speech is that overlaps, from little to
    much; UNKNOWN where there are no times."""
    found = counts.sessions.sort_values("overlap", kind="stable")
    return {str(name): _range(share) for name, share in zip(found["session"], found["overlap"],
                                                            strict=True)}


def _range(share: float) -> str:
    if np.isnan(share):
        return UNKNOWN
    if share == 0:
        return "no overlap"
    place = int(np.searchsorted(EDGES, np.round(share, 2)))
    low = 100 * EDGES[place - 1] if place else 0
    return f"over {low:g} %" if place == len(EDGES) else f"{low:g} to {100 * EDGES[place]:g} %"
