"""What is said of values and cohorts in words, in every document alike."""

from __future__ import annotations

import math
from collections.abc import Iterator

from evalkit.core.text import count, number, p_is, span, with_unit
from evalkit.core.types import Fact
from evalkit.exports.cells import Cell
from evalkit.exports.evidence import Evidence

ALPHA = 0.05


def worst_groups(evidence: Evidence) -> list[Cell]:
    """Of every score, column and condition the worst of the groups that are compared, where there
    are two."""
    alike: dict[tuple[str, str, str], list[Cell]] = {}
    for cell in evidence.groups:
        if cell.status == "ok" and math.isfinite(cell.value):
            alike.setdefault((cell.metric, cell.by, cell.condition), []).append(cell)
    return [max(cells, key=lambda cell: evidence.facts[cell.metric].worse * cell.value)
            for cells in alike.values() if len(cells) > 1]


def of_gap(cell: Cell, fact: Fact) -> str:
    """By how much a group is worse than all others together, and whether that is chance."""
    people = count(cell.people, "speaker" if cell.n_speakers else "utterance")
    value = f"{fact.named(cell.metric)} {with_unit(cell.value, fact)} of {people}"
    if not math.isfinite(cell.gap) and math.isfinite(cell.p_adjusted):
        return (f"{value}: the worst of the groups that are shown; its distance from all others "
                "would give away those that are not")
    if not math.isfinite(cell.gap):
        return f"{value}: the worst of the groups, and not tested against the others"
    low, high = sorted((fact.worse * cell.gap_low, fact.worse * cell.gap_high))
    if not fact.worse * cell.gap > 0:
        return f"{value}: the worst of the groups that are shown, and no worse than all others"
    return (f"{value}: worse than all others together by "
            f"{_worse_by(fact.worse * cell.gap, low, high, fact)}; {verdict(cell)} "
            f"({p_is(cell.p_adjusted)}, adjusted for the number of groups)")


def _worse_by(value: float, low: float, high: float, fact: Fact) -> str:
    by = f"{number(value, fact)} {fact.difference_unit}".strip()
    interval = span(low, high, fact)
    return f"{by} (95 % interval {interval})" if interval else by


def verdict(cell: Cell) -> str:
    """Whether a group differs from all others together by more than chance gives."""
    if not math.isfinite(cell.p_adjusted):
        return "not tested"
    return "more than chance" if cell.p_adjusted < ALPHA else "may be chance"


def cohorts(evidence: Evidence) -> Iterator[tuple[str, str]]:
    """Every cohort that was discovered on one half of the speakers and confirmed on the other, and
    what was found of it."""
    findings = evidence.findings
    if findings is None:
        return
    for finding in findings.finders:
        for found in finding.verdicts:
            if found.status == "confirmed" and found.gap is not None:
                gap = _worse_by(found.gap.value, found.gap.low, found.gap.high, findings.fact)
                yield (f"{finding.finder}: {found.cohort}",
                       f"{findings.fact.named(findings.metric)} worse than elsewhere by {gap}; "
                       "discovered on half of the speakers and confirmed on the other half "
                       f"({p_is(found.p_adjusted)}, adjusted for all that was tested)")
