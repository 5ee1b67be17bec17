"""What was counted in sessions of several speakers, as tables that statistics are made from."""

from __future__ import annotations

from typing import NamedTuple

import pandas as pd

from evalkit.core.ledger import LeftOut

BETWEEN = " / "
"""Between a session and a speaker, in the name of the two."""
SPEAKERS = ("session", "speaker", "heard_as", "words", "substitutions", "deletions", "insertions")
"""A row a reference speaker of a session: their own words and errors under the session's best
permutation, and which speaker that was heard they were given, None for nobody."""
UNMATCHED = ("session", "heard_as", "words")
"""A row a speaker that was heard and was given to nobody: the words are insertions."""
SESSIONS = ("session", "overlap", "words", "orc_errors", "turns", "turns_heard", "extra")
"""A row a session: the share of its speech in which two or more speak, reference words, errors of
the optimal reference combination, turns of both sides, and turns that were heard for none. NaN
where it is not known: without times, or in a session that is too large."""
ENDINGS = ("session", "speaker", "late")
"""A row a reference turn: how many milliseconds later it was heard to end than it did, NaN where
nothing was heard for it."""


class MeetingCounts(NamedTuple):
    """What one system did in the sessions of a reference."""

    system: str
    speakers: pd.DataFrame
    unmatched: pd.DataFrame
    sessions: pd.DataFrame
    endings: pd.DataFrame
    left_out: tuple[LeftOut, ...] = ()
