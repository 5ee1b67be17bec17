"""Can the gaps be closed? What mitigation experiments came to."""

from __future__ import annotations

from evalkit.report.mitigation import experiments
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Content, Section


def build(run: ReportedRun) -> Content | None:
    """Nothing where no experiment was finished."""
    shown = experiments(run.folder)
    return Content(shown, [table for experiment in shown for table in experiment.tables],
                   left_out=[item for experiment in shown for item in experiment.left_out]
                   ) if shown else None


SECTION = Section("mitigation", "Can the gaps be closed?", build, "mitigation.html.j2")
