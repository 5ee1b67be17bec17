"""What gaps between groups a corpus could have shown, in one sentence of the page."""

from __future__ import annotations

import math

from markupsafe import Markup

from evalkit.core.text import number, settling
from evalkit.report.groups import Groups, GroupValue
from evalkit.report.summary import ALPHA
from evalkit.report.text import say
from evalkit.statistics.contrasts import GroupContrast
from evalkit.store.scores import GIVEN


def what_could_be_shown(groups: Groups) -> Markup:
    """How large a gap of one group to all others the corpus could have shown, how many gaps are
    open, and what would settle the widest of those; nothing where none was tested."""
    tested = [(row, row.compared.gap) for row in groups.rows if row.compared and row.compared.gap]
    reach = [gap.detectable for _, gap in tested if not math.isnan(gap.detectable)]
    unclear = [(row, gap) for row, gap in tested if not gap.p_adjusted < ALPHA]
    if not reach:
        return Markup()
    fact, unit = groups.fact, groups.fact.difference_unit
    start = say("A gap of one group to all others would have been seen in 80 of 100 such corpora "
                "from {} for the best known group and {} for the least", *(
                    f"{number(end, fact)} {unit}".strip() for end in (min(reach), max(reach))))
    if not unclear:
        return start + "; every gap is settled."
    return start + f"; {len(unclear)} of {len(tested)} gaps are unclear" + _widest_settled(
        groups.column, unclear)


def _widest_settled(column: str, unclear: list[tuple[GroupValue, GroupContrast]]) -> Markup:
    """What would settle the widest of those where speakers are too few for the test to say."""
    few = [(row, gap) for row, gap in unclear if gap.more_speakers != 0]
    if not few:
        return Markup(".")
    return Markup(", and ") + _settled_by(
        column, *max(few, key=lambda each: abs(each[1].difference.value)))


def _settled_by(column: str, row: GroupValue, gap: GroupContrast) -> Markup:
    """What would settle the widest of those that are unclear."""
    people = "speakers" if row.n_speakers else "utterances"
    more = (f"no number of {people} within reach" if gap.more_speakers is None else
            f"about {settling(gap.more_speakers)} more {people} of it, and of the others in "
            "proportion,")
    where = say(" in {}", row.condition) if row.condition != GIVEN else Markup()
    return say(f"{more} would settle the widest of these, that of {{}} with {{}}",
               f"{column} {row.group}", row.pipeline) + where + "."
