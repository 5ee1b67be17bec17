"""What gaps between the groups of a selection its corpus could have shown, in one sentence."""

from __future__ import annotations

import math
from collections.abc import Sequence

from markupsafe import Markup

from evalkit.core.text import number, settling
from evalkit.report.clear_alone import clear_alone, why
from evalkit.report.selection import Selection
from evalkit.report.summary import ALPHA
from evalkit.report.text import say
from evalkit.statistics.contrasts import GroupContrast
from evalkit.statistics.groups import GroupRow

Tested = tuple[GroupRow, GroupContrast]


def what_could_be_shown(selection: Selection) -> Markup:
    """How large a gap of one group to all others the corpus could have shown, how many gaps are
    open, and what would settle the widest of those; nothing where none was tested. Where an
    interval is clear of 0 and its p is not small, why."""
    tested = [(row, row.gap) for row in selection.compared if row.gap]
    reach = [gap.detectable for _, gap in tested if not math.isnan(gap.detectable)]
    unclear = [(row, gap) for row, gap in tested if not gap.p_adjusted < ALPHA]
    if not reach:
        return Markup()
    fact = selection.fact
    least, most = (f"{number(end, fact)} {fact.difference_unit}".strip()
                   for end in (min(reach), max(reach)))
    start = say("A gap of one group to all others would have been seen in 80 of 100 such corpora "
                "from {}", least) + (say(" for the best known group and {} for the least", most)
                                     if most != least else Markup())
    if not unclear:
        return start + "; every gap is settled."
    said = start + f"; {len(unclear)} of {len(tested)} gaps are unclear" + _widest_settled(
        selection.by, unclear)
    return said + _clear_alone(selection)


def _clear_alone(selection: Selection) -> Markup:
    """Why intervals are clear of 0 whose p is not small; nothing where there are none."""
    rows = selection.compared
    said = why([f"{selection.by} {group}" for group in clear_alone(rows)], len(rows),
               one_test=selection.everybody.counted == "trials",
               people="speakers" if rows[0].n_speakers else "utterances")
    return say(" {}", said) if said else Markup()


def _widest_settled(column: str, unclear: Sequence[Tested]) -> Markup:
    """What would settle the widest of those where speakers are too few for the test to say."""
    few = [(row, gap) for row, gap in unclear if gap.more_speakers != 0]
    if not few:
        return Markup(".")
    row, gap = max(few, key=lambda each: abs(each[1].difference.value))
    people = "speakers" if row.n_speakers else "utterances"
    more = (f"no number of {people} within reach" if gap.more_speakers is None else
            f"about {settling(gap.more_speakers)} more {people} of it, and of the others in "
            "proportion,")
    return say(f", and {more} would settle the widest of these, that of {{}}.",
               f"{column} {row.group}")
