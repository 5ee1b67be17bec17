"""Whether a way of weighting speakers was worth having, against training without weights."""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from evalkit.core.text import number
from evalkit.core.types import Fact
from evalkit.store.documents.mitigation import (
    START,
    ArmChange,
    VerificationArmResult,
    VerificationResults,
)

TOLERATED = 0.001
"""What an arm may cost of the equal error rate over all trials: 0.1 points."""
POINTS = Fact("%", False, "", decimals=2)


def conclusion(results: VerificationResults) -> str:
    """A sentence for every arm that is compared with another than the start and every column of
    groups, "" where there is none."""
    return " ".join(_sentence(name, base, column, changes)
                    for name, base, changes in _compared(results.arms)
                    for column in _columns(changes))


def verdict(overall: ArmChange, gap: ArmChange) -> str:
    """By intervals: an arm is worth having where the gap is smaller and the rate of all shown to
    be at most TOLERATED higher."""
    if gap.high < 0:
        return ("worth having" if overall.high <= TOLERATED else
                "a smaller gap at a cost for all" if overall.low > 0 else
                "a smaller gap, and whether all pay for it is unclear")
    if overall.low > 0:
        return "not worth having: a cost for all, and no smaller gap is shown"
    return "no smaller gap is shown"


def _compared(arms: Mapping[str, VerificationArmResult]
              ) -> Iterator[tuple[str, str, Mapping[str, ArmChange]]]:
    for name, arm in arms.items():
        yield from ((name, base, changes) for base, changes in arm.changes.items()
                    if base != START)


def _columns(changes: Mapping[str, ArmChange]) -> list[str]:
    """Those of which there are two groups or more."""
    return [name.removeprefix("gap:") for name, change in changes.items()
            if name.startswith("gap:") and change.value == change.value]


def _sentence(name: str, base: str, column: str, changes: Mapping[str, ArmChange]) -> str:
    overall, gap = changes["overall"], changes[f"gap:{column}"]
    return (f"{name} against {base}, by {column}: {verdict(overall, gap)} (equal error rate of "
            f"all {_points(overall)}, gap {_points(gap)} points).")


def _points(change: ArmChange) -> str:
    value, low, high = (number(bound, POINTS, signed=True)
                        for bound in (change.value, change.low, change.high))
    return f"{value} ({low} to {high})"
