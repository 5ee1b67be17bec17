"""Who pays: what changes for each group where one pipeline is put in another's place, and by how
much that is beyond what changes for the others.

Both questions are those of evalkit.statistics.gains, asked of every pipeline against one reference;
p-values are adjusted (Holm) over all pipelines and all groups of all columns together, since
whoever looks for a payer looks at all of these. Those of everybody are adjusted over the pipelines.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import replace
from itertools import groupby

import numpy as np
import pandas as pd

from evalkit.statistics.contrasts import GroupContrast
from evalkit.statistics.gains import EVERYBODY, GainReport, GainRow, Rule, gain_tables
from evalkit.statistics.multiple import adjust
from evalkit.store.documents.frontier import PaidFor

Place = tuple[str, int, int]
"""A pipeline, the number of a report and that of its row, -1 for everybody."""


def changes_against(rows: pd.DataFrame, reference: str, utterances: pd.DataFrame,
                    by: Sequence[Sequence[str]], rule: Rule) -> dict[str, list[GainReport]]:
    """By pipeline a report for every set of columns in ``by``, or one of everybody where there are
    none, with p-values adjusted over all of them. ``rows`` are of one metric."""
    people = utterances if by else utterances.assign(**{EVERYBODY: EVERYBODY})
    sides = dict(iter(rows.groupby("pipeline", observed=True)))
    base = sides.pop(reference)
    found = {str(name): gain_tables(base, side, people, by or [[EVERYBODY]], rule)
             for name, side in sides.items()}
    return together(found if by else {name: _without_groups(each)
                                      for name, each in found.items()}, rule)


def _without_groups(reports: Sequence[GainReport]) -> list[GainReport]:
    return [replace(report, rows=[]) for report in reports]


def together(reports: Mapping[str, Sequence[GainReport]], rule: Rule
             ) -> dict[str, list[GainReport]]:
    """The reports judged anew, as one family: every change is one question, and so is every
    contrast with the others, but that of two groups, which is one for both."""
    gaps, judged = _adjusted_gaps(reports, rule), dict[Place, GainRow]()
    for family in ([(name, 0, -1) for name in reports], _groups_of(reports)):
        p = adjust(np.array([_row(reports, place).p_value for place in family]), rule.adjustment)
        judged |= {place: _judged(_row(reports, place), float(each), gaps.get(place), rule)
                   for place, each in zip(family, p, strict=True)}
    return {name: [_with_rows(report, (name, k), judged) for k, report in enumerate(each)]
            for name, each in reports.items()}


def _groups_of(reports: Mapping[str, Sequence[GainReport]]) -> list[Place]:
    return [(name, k, i) for name, each in reports.items() for k, report in enumerate(each)
            for i in range(len(report.rows))]


def _with_rows(report: GainReport, at: tuple[str, int], judged: Mapping[Place, GainRow]
               ) -> GainReport:
    return replace(report, everybody=judged[at[0], 0, -1],
                   rows=[judged[*at, i] for i in range(len(report.rows))])


def _row(reports: Mapping[str, Sequence[GainReport]], place: Place) -> GainRow:
    name, report, i = place
    found = reports[name][report]
    return found.everybody if i < 0 else found.rows[i]


def _adjusted_gaps(reports: Mapping[str, Sequence[GainReport]], rule: Rule
                   ) -> dict[Place, GroupContrast]:
    """By place the contrasts that there are, adjusted."""
    gaps = {place: _row(reports, place).gap for place in _groups_of(reports)}
    contrasts = {place: gap for place, gap in gaps.items() if gap is not None}
    asked = list(_questions(contrasts))
    p = adjust(np.array([contrasts[places[0]].p_value for places in asked]), rule.adjustment)
    return {place: replace(contrasts[place], p_adjusted=float(adjusted))
            for places, adjusted in zip(asked, p, strict=True) for place in places}


def _questions(places: Collection[Place]) -> Iterator[list[Place]]:
    """Places whose contrasts ask one and the same: those of two groups of one report."""
    for _, some in groupby(places, key=lambda place: place[:2]):
        of_one = list(some)
        yield from ([of_one] if len(of_one) == 2 else [[place] for place in of_one])


def _judged(row: GainRow, p: float, gap: GroupContrast | None, rule: Rule) -> GainRow:
    effect = row.effect if row.effect in (None, "unchanged") else rule.effect(row.change, p)
    return replace(row, p_adjusted=p, effect=effect, gap=gap,
                   standing=None if gap is None else rule.standing(gap))


def paid_for(row: GainRow) -> PaidFor:
    """As documents have it."""
    gap = row.gap
    return PaidFor(change=row.change, p_adjusted=row.p_adjusted, effect=row.effect,
                   beyond=None if gap is None else gap.difference,
                   beyond_p_adjusted=np.nan if gap is None else gap.p_adjusted,
                   standing=row.standing,
                   pays=row.effect == "harmed" and row.standing == "worse")
