"""A page's sections, of which the one that takes as long as all others is made beside them."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.core.copies import can_copy, in_a_copy
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section

MOST_ROWS = 250_000
"""Scores of a run that two processes work on, of which 28,000 take .5 GB in all. The tables of a
million utterances, with twelve scores each, leave no room for another's work in 2 GB."""


def contents(sections: Sequence[Section], run: ReportedRun, longest: str) -> list[Content | None]:
    """What each of ``sections`` says of ``run``; the one whose id is ``longest`` is made by a copy
    of this process, where there is a processor for it and the run is small enough."""
    i = [section.id for section in sections].index(longest)
    before = [section.build(run) for section in sections[:i]]
    if not can_copy() or not _is_small(run):
        return before + [section.build(run) for section in sections[i:]]
    run.work_out()
    with in_a_copy(lambda: sections[i].build(run)) as content:
        try:
            after = [section.build(run) for section in sections[i + 1:]]
        except Exception:
            content()  # where it fails too, that comes first
            raise
        return [*before, content(), *after]


def _is_small(run: ReportedRun) -> bool:
    """Raises what the sections would first where the run cannot be read."""
    return bool(run.record) and len(run.scores) <= MOST_ROWS
