"""Groups whose interval lies clear of 0 while their p is not small: two rules, and why they differ
is said where it shows."""

from __future__ import annotations

from collections.abc import Iterable

from evalkit.core.types import Interval
from evalkit.report.summary import ALPHA
from evalkit.report.text import listed_words
from evalkit.statistics.groups import GroupRow

MOST_NAMED = 3


def is_clear(interval: Interval) -> bool:
    """Whether 0 is outside of it."""
    return interval.low > 0 or interval.high < 0


def clear_alone(rows: Iterable[GroupRow]) -> list[str]:
    """The groups of ``rows`` of which it is so."""
    return [row.group for row in rows if row.gap is not None and is_clear(row.gap.difference)
            and not row.gap.p_adjusted < ALPHA]


def why(names: Iterable[str], compared: int, *, one_test: bool = False, people: str = "speakers"
        ) -> str:
    """Why it is so of the groups ``names`` among those ``compared``, in two sentences. Nothing
    where there are none. ``one_test`` is of trials, whose p has the interval's rule."""
    named = [*names]
    if not named:
        return ""
    more = len(named) - MOST_NAMED
    shown = [*named[:MOST_NAMED], *([f"{more} more"] if more > 0 else [])]
    by = [f"corrected for {compared} groups"] if compared > 2 else []
    by += [] if one_test else [f"the larger of two tests, by relabelling and by redrawing {people}"]
    its = "its p is" if len(named) == 1 else "p is"
    return (f"The interval of {listed_words(shown)} lies clear of 0 and {its} not below {ALPHA:g}: "
            f"an interval speaks of one group by itself, p is {' and '.join(by)}. p decides.")
