"""The two sentences that a page begins with: how good it is, and whom it serves worst."""

from __future__ import annotations

from markupsafe import Markup

from evalkit.core.text import count, number, with_unit
from evalkit.report.reality import Answer, Reality
from evalkit.report.selection import Selection
from evalkit.report.text import in_sentence, say

ENDINGS: dict[Answer, str] = {
    "yes": "which is <b>more than chance</b>",
    "no": "which is <b>too little to matter</b>",
    "unclear": "and whether that is more than chance is <b>unclear</b>",
    "not tested": "which was <b>not tested</b>"}


def how_good(selection: Selection) -> Markup:
    """The value of the selection's pipeline over all of its conditions."""
    why = f", {selection.why}" if selection.why else ""
    where = say(" {}", selection.where) if selection.where else ""
    return say("With <b>{}</b>" + why + ", {} is <b>{}</b>", selection.pipeline,
               in_sentence(selection.title), with_unit(
                   selection.everybody.value, selection.fact)) + where + "."


def served_worst(selection: Selection, found: Reality, *, gap: bool = False) -> Markup:
    """The group with the worst value, by how much where the ``gap`` is wanted, and whether that is
    real; empty where no two groups can be compared."""
    if len(selection.compared) < 2:
        return Markup()
    worst, fact = selection.compared[0], selection.fact
    if selection.alike:
        return say("It serves every {} alike, at <b>{}</b>.", selection.by,
                   with_unit(worst.value.value, fact))
    said = say("It serves {} <b>{}</b> worst, at <b>{}</b>", selection.by, worst.group,
               with_unit(worst.value.value, fact))
    if gap and worst.gap is not None:
        by = f"{number(fact.worse * worst.gap.difference.value, fact)} {fact.difference_unit}"
        said += say(": {} worse than all others together", by.strip())
    return said + Markup(", " + ENDINGS[found.answer]) + _of_how_many(selection, found) + "."  # noqa: S704


def _of_how_many(selection: Selection, found: Reality) -> str:
    """How many speakers a group has, which is why it may be unclear."""
    fewest = [row.n_speakers for row in selection.compared if row.n_speakers]
    if found.answer != "unclear" or not fewest:
        return ""
    low, high = min(fewest), max(fewest)
    many = count(low, "speaker") if low == high else f"{low:,} to {high:,} speakers"
    return f" with {many} a group"
