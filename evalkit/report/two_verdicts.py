"""Why a group of the first screen and the cohort of the same label have different verdicts: they
rest on different speakers, and that is said where it shows."""

from __future__ import annotations

from collections.abc import Iterator

from markupsafe import Markup

from evalkit.core.text import count
from evalkit.report.reality import surely_worse
from evalkit.report.selection import Selection
from evalkit.report.text import say
from evalkit.statistics.groups import GroupRow
from evalkit.store.documents.findings import Findings, Status, Verdict

TOLD: dict[Status, str] = {
    "confirmed": "confirmed as a cohort", "not confirmed": "not confirmed as a cohort",
    "too few fresh speakers": "not tested as a cohort"}
"""What discovery says of a label, for the verdicts that may differ from the first screen's."""


def why_they_differ(selection: Selection | None, findings: Findings | None) -> list[Markup]:
    """A sentence for every label that the first screen's ``selection`` calls surely worse and the
    ``findings`` do not confirm, or the other way round."""
    if selection is None or findings is None:
        return []
    verdicts = dict(_verdicts(findings))
    found = [(row, verdicts.get(f"{selection.by} = {row.group}")) for row in selection.compared]
    return [_sentence(selection, findings, row, *each)
            for row, each in found if each and _differ(row, each[0], selection)]


def _verdicts(findings: Findings) -> Iterator[tuple[str, tuple[Verdict, int]]]:
    """By cohort its verdict, of the first finder last, and how many fresh speakers it has."""
    for finding in reversed(findings.finders):
        for verdict in finding.verdicts:
            fresh = finding.cohort(verdict.cohort).confirmation.n_speakers
            yield verdict.cohort, (verdict, fresh)


def _differ(row: GroupRow, verdict: Verdict, selection: Selection) -> bool:
    sure = surely_worse(row, selection)
    return verdict.status in TOLD and sure != (verdict.status == "confirmed")


def _sentence(selection: Selection, findings: Findings, row: GroupRow, verdict: Verdict, fresh: int
              ) -> Markup:
    sizes = {each.group: each.n_speakers or each.n for each in selection.compared}
    own, people = sizes.pop(row.group), "speaker" if row.n_speakers else "utterance"
    sure = "surely" if surely_worse(row, selection) else "not surely"
    said = say(
        f"By {{}}, <b>{{}}</b> is {sure} worse on the first screen and {TOLD[verdict.status]}, "
        "since the two ask different people: the first screen all {} against {} others, "
        "corrected for {}; discovery looks for cohorts on {} and tests them on fresh ones alone, "
        "here {} against at most {}", selection.by, row.group, count(own, people),
        sum(sizes.values()), count(len(selection.compared), "group"),
        count(findings.n_discovery, people), fresh, findings.n_confirmation - fresh)
    return said + Markup("").join(_besides(selection, findings)) + "."


def _besides(selection: Selection, findings: Findings) -> Iterator[Markup]:
    """What else they differ in."""
    if (findings.metric, findings.pipeline) != (selection.metric, selection.pipeline):
        yield say(", and by {} of {}", findings.fact.named(findings.metric), findings.pipeline)
    if findings.condition:
        yield say(", in {}", findings.condition)
