"""What was left out? The one place of the page for whatever takes no part in something."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from evalkit.core.ledger import Kind, LeftOut, merged
from evalkit.core.plain import plain_data
from evalkit.report import summary
from evalkit.report.groups import Groups
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Filled, Section
from evalkit.report.table import Cell, Column, Row, Table, counted, failed, texts
from evalkit.store.documents.run import Failure

ID = "left-out"
MEASURED: frozenset[Kind] = frozenset({"row", "recording", "utterance", "hypothesis"})
"""Kinds without which a run's numbers are of less than its files hold."""


@dataclass(frozen=True)
class Lost:
    """What is ``missing`` from every number, what has no value (``unvalued``), and what takes no
    part in something."""

    missing: list[LeftOut]
    unvalued: list[LeftOut]
    others: list[LeftOut]

    @property
    def items(self) -> list[LeftOut]:
        """All of it."""
        return [*self.missing, *self.unvalued, *self.others]


def left_out(run: ReportedRun, others: Sequence[Filled]) -> Filled:
    """The section of a page whose ``others`` say what they leave out. It is shown for every
    run."""
    missing = merged(item for item in run.record.left_out if item.what in MEASURED)
    unvalued = merged(map(_of_failure, run.summary.failures))
    rest = merged([*(item for item in run.record.left_out if item.what not in MEASURED),
                   *run.folder.stale(),
                   *_said(others)])
    ledger = records([*missing, *unvalued], rest)
    lost = Lost(missing, unvalued, rest)
    content = Content(lost, [ledger, failed_by_group(run.groups)], [ledger],
                      [summary.what_failed(run.summary.failures),
                       summary.what_was_left_out(missing, [*unvalued, *rest])],
                      {"records": plain_data(lost.items)})
    return Filled(Section(ID, "What was left out?", lambda _: content, "left_out.html.j2"),
                  content)


def _said(others: Sequence[Filled]) -> Iterator[LeftOut]:
    """What sections leave out; what several say alike is one thing."""
    said: set[LeftOut] = set()
    for part in others:
        yield from (item for item in part.content.left_out if item not in said)
        said.update(part.content.left_out)


def _of_failure(failure: Failure) -> LeftOut:
    return LeftOut("trial" if "eer" in failure.metrics else "utterance",
                   f"{', '.join(failure.metrics)} of {failure.pipeline}, {failure.condition}",
                   failure.why, failure.n, tuple(failure.names))


def records(missing: Sequence[LeftOut], others: Sequence[LeftOut]) -> Table:
    """A row a record of the ledger; the counts of those that are ``missing`` from the numbers of a
    pipeline or a group should be zero."""
    columns = [Column("what", "What"), Column("where", "Takes no part in"), Column("why", "Why"),
               Column("n", "How many", "number"), Column("names", "Such as")]
    counts = [*(failed(item.n) for item in missing), *(counted(item.n) for item in others)]
    return Table(ID, "What was left out, where and why", columns, [
        Row(texts(what=item.what, where=item.where, why=item.why,
                  names=", ".join(item.names) or "–") | {"n": n})
        for item, n in zip([*missing, *others], counts, strict=True)])


def failed_by_group(groups: Groups | None) -> Table:
    """How many utterances of every group have no value, where any has none."""
    rows = [row for row in groups.rows if row.n_failed] if groups else []
    columns = [Column("group", groups.column if groups else "Group"),
               Column("pipeline", "Pipeline"), Column("condition", "Condition"),
               Column("n_failed", "Without a value", "number"),
               Column("share", "Share of the group, %", "number")]
    return Table("failed-by-group", "Utterances without a value by group", columns, [
        Row(texts(group=row.group, pipeline=row.pipeline, condition=row.condition)
            | {"n_failed": failed(row.n_failed), "share": _share(row.n_failed, row.n)})
        for row in rows])


def _share(n_failed: int, n: int | None) -> Cell:
    share = 100 * n_failed / (n_failed + (n or 0))
    return Cell(f"{share:.1f}", value=share)
