"""For whom is it worst? Groups that the corpus names, speaker verification by group, and cohorts
that finders discovered."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace

from markupsafe import Markup

from evalkit.core.ledger import LeftOut
from evalkit.core.plain import plain_data
from evalkit.report import extremes, lead, summary, verification
from evalkit.report.discovery import Discovery, discovery
from evalkit.report.extremes import Extremes
from evalkit.report.figures import MOST_GROUPS, values_by_group
from evalkit.report.groups import Groups
from evalkit.report.headline import cell
from evalkit.report.reality import reality
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section
from evalkit.report.selection import selected
from evalkit.report.selections import Selections, all_groups, selections
from evalkit.report.sensitivity import normaliser_table
from evalkit.report.table import (
    Column,
    Row,
    Table,
    counted,
    failed,
    texts,
)
from evalkit.report.two_verdicts import why_they_differ
from evalkit.report.verification import VerificationByGroup


@dataclass(frozen=True)
class GroupsContent:
    """``selections`` are what the first screen is about. ``figures`` are one a condition; they
    show at most ``most`` groups. ``differing`` say why a cohort and a group of one label have
    different verdicts. What the run has nothing of is None."""

    selections: Selections | None
    groups: Groups | None
    figures: list[tuple[str, Markup]]
    verification: VerificationByGroup | None
    discovery: Discovery | None
    other_columns: list[Extremes]
    differing: list[Markup]
    most: int = MOST_GROUPS

    @property
    def confirmed(self) -> list[Markup]:
        """The cohorts that fresh speakers confirmed, each with its gap."""
        found = self.discovery
        return [summary.said_of(found, verdict) for verdict in found.confirmed] if found else []

    @property
    def untested(self) -> Markup:
        """How many cohorts too few fresh speakers could be asked about."""
        return summary.untested_cohorts(self.discovery) if self.discovery else Markup()


def build(run: ReportedRun) -> Content:
    """Shown for every run."""
    start, verified = selected(run), verification.by_group(run.folder, run.headline, run.column)
    shown = GroupsContent(
        selections(run, start, verified.reports if verified else ()) if start else None, run.groups,
        values_by_group(run.groups, run.headline.conditions) if run.groups else [],
        verified, discovery(run.folder, run.findings) if run.findings else None,
        extremes.other_columns(run, run.groups) if run.groups else [],
        why_they_differ(start, run.findings))
    return Content(
        shown, list(_tables(run, shown)),
        [shown.discovery.confirmed_table] if shown.discovery else [],
        [summary.what_was_run(run.record, run.headline), *_sentences(shown)],
        {"groups": [plain_data(report) for report in run.groups.reports] if run.groups else [],
         "verification": [plain_data(report) for report in shown.verification.reports]
         if shown.verification else [],
         "cohorts": shown.discovery.findings.to_dict() if shown.discovery else None},
        list(_left_out(run, shown)), list(_also(shown)))


SECTION = Section("groups", "For whom is it worst?", build, "groups.html.j2")


def _left_out(run: ReportedRun, shown: GroupsContent) -> Iterator[LeftOut]:
    for report in run.groups.reports if run.groups else ():
        yield from report.left_out
    if run.groups:
        yield from run.columns.left_out
    if shown.selections:
        yield from shown.selections.left_out
    if shown.verification:
        yield from shown.verification.left_out
    if shown.discovery:
        yield from shown.discovery.findings.left_out


def _tables(run: ReportedRun, shown: GroupsContent) -> Iterator[Table]:
    if shown.selections:
        yield all_groups(shown.selections, run.headline.facts)
    if run.groups:
        yield values(run.groups)
        yield extremes.other_metrics(run, run.groups)
        yield extremes.table(shown.other_columns, "other-columns",
                             f"{run.groups.title} by other labels", Column("column", "By"))
        yield normaliser_table(run, run.groups)
    if shown.verification:
        yield from (shown.verification.fairness, shown.verification.errors,
                    shown.verification.ratios, shown.verification.acquired)
    if shown.discovery:
        yield from (shown.discovery.verdicts, *shown.discovery.regions)


def _sentences(shown: GroupsContent) -> Iterator[Markup]:
    if shown.selections:
        start = shown.selections.start
        yield lead.how_good(start)
        yield lead.served_worst(start, reality(start), gap=True)
    if shown.groups:
        yield extremes.sentence(shown.other_columns)
    if shown.discovery:
        yield summary.confirmed_cohorts(shown.discovery)
        yield summary.untested_cohorts(shown.discovery)
        yield from shown.differing
    elif shown.groups:
        yield summary.few_speakers(shown.groups)


def _also(shown: GroupsContent) -> Iterator[Markup]:
    yield extremes.sentence(shown.other_columns)
    if shown.discovery:
        yield summary.confirmed_in_brief(shown.discovery)
        yield from shown.differing


def values(groups: Groups) -> Table:
    """Every group's value, with what stands behind it."""
    unit = f", {groups.fact.unit}" if groups.fact.unit else ""
    columns = [Column("group", groups.column), Column("pipeline", "Pipeline"),
               Column("condition", "Condition"),
               Column("value", f"{groups.title}{unit}", "number"),
               Column("n_speakers", "Speakers", "number"),
               Column("n", "Utterances (n)", "number"), Column("n_failed", "Failed", "number")]
    if groups.fact.is_count:
        columns.append(Column("weight", "Reference length", "number"))
    rows = []
    for row in groups.rows:
        cells = texts(group=row.group, pipeline=row.pipeline, condition=row.condition) | {
            "value": replace(cell(row, groups.fact), n_failed=0),
            "n_speakers": counted(row.n_speakers), "n": counted(row.n),
            "n_failed": failed(row.n_failed), "weight": counted(int(row.weight))}
        rows.append(Row({column.key: cells[column.key] for column in columns}))
    return Table("groups", f"{groups.title} by {groups.column}, with 95 % intervals", columns,
                 rows)
