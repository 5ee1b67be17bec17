"""Whether the group that is served worst is served worse at all: yes, unclear or no."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

from evalkit.core.text import p_is, settling
from evalkit.report.clear_alone import clear_alone
from evalkit.report.selection import Selection
from evalkit.report.summary import ALPHA
from evalkit.report.text import listed_words
from evalkit.statistics.groups import GroupRow

SMALL = 0.2
"""Of everybody's rate: a gap below this fraction of it is called none."""
CERTAIN = 0.1
"""From this p on two decimals say enough."""
Answer = Literal["yes", "unclear", "no", "not tested"]


@dataclass(frozen=True)
class Reality:
    """The ``answer``, and ``because`` of what, in a sentence or two of plain words."""

    answer: Answer
    because: str


def reality(selection: Selection) -> Reality:
    """Of the worst group against all others together.

    *Yes*: the test by relabelling and redrawing speakers, adjusted for the number of groups
    (``GroupContrast.p_adjusted``), gives p below ALPHA, and the 95 % interval of the gap is wholly
    on the worse side. *No*: the intervals of the gaps of all groups end below SMALL of everybody's
    rate, so that no gap worth the name is left; said of rates only, whose zero means no errors.
    Nor is there any where all have the same value. *Unclear*: neither."""
    rows = selection.compared
    if len(rows) < 2:
        return Reality("not tested", _untested(selection))
    if selection.alike:
        return Reality("no", "There is no gap to test: all groups have the same value.")
    worst = rows[0]
    if surely_worse(worst, selection):
        return Reality("yes", f"Chance alone would seldom give such a gap: {_p(worst, rows)}.")
    if selection.fact.scale > 1 and all(_most(row, selection) < SMALL * selection.everybody.value
                                        for row in rows):
        return Reality("no", "No group can be worse than the others by a fifth of everybody's "
                             "rate: all 95 % intervals end below that.")
    return Reality("unclear", f"{_why_unclear(worst)}: {_p(worst, rows)}." + _settled_by(worst)
                   + _others(selection))


def _untested(selection: Selection) -> str:
    if selection.report is None:
        return "There are no groups to compare."
    return "Fewer than two groups are large enough to compare."


def _why_unclear(worst: GroupRow) -> str:
    if worst.gap and worst.gap.p_adjusted < ALPHA:
        return "The test and the interval of the gap disagree"
    alone = clear_alone([worst])
    return "Chance alone may give such a gap" + (
        ", although its interval by itself is clear of 0" if alone else "")


def _p(row: GroupRow, rows: Sequence[GroupRow]) -> str:
    p = row.gap.p_adjusted if row.gap else float("nan")
    shown = f"p = {p:.2f}" if p >= CERTAIN else p_is(p)
    return f"{shown} after correction for {len(rows)} groups" if len(rows) > 2 else shown


def surely_worse(row: GroupRow, selection: Selection) -> bool:
    """Whether the group is worse than the others by test and by interval."""
    if row.gap is None or not row.gap.p_adjusted < ALPHA:
        return False
    low, high = row.gap.difference.low, row.gap.difference.high
    return (low > 0) if selection.fact.worse > 0 else (high < 0)


def _most(row: GroupRow, selection: Selection) -> float:
    """By how much worse the group may be at most, infinite where nobody knows."""
    if row.gap is None:
        return float("inf")
    ends = [selection.fact.worse * end for end in (row.gap.difference.low, row.gap.difference.high)]
    return max(ends) if ends[0] == ends[0] and ends[1] == ends[1] else float("inf")


def _settled_by(worst: GroupRow) -> str:
    """How many more speakers, or utterances where nobody knows the speakers, would settle the gap
    of the worst group."""
    gap, people = worst.gap, "speakers" if worst.n_speakers else "utterances"
    if gap is None or math.isnan(gap.detectable):
        return ""
    if gap.more_speakers == 0:
        return f" The {people} are enough to show a gap of this size in 80 of 100 cases."
    if gap.more_speakers is None:
        return f" No number of {people} within reach would settle it."
    return (f" About {settling(gap.more_speakers)} more {people} of this group, and of the "
            "others in proportion, would settle it.")


def _others(selection: Selection) -> str:
    """Groups that are clearly worse than the others although another has the worst value."""
    names = [row.group for row in selection.compared[1:] if surely_worse(row, selection)]
    return f" Clearly worse than the others: {listed_words(names)}." if names else ""
