"""The sections of a page. Each is a module here and a template of the same name in
``evalkit/report/templates``; this list is the order of everything that is made of them: page,
navigation, CSV, Markdown and findings.json."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.report.plugin_sections import plugin_sections
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Filled, Section, checked, fill
from evalkit.report.sections import (
    cost,
    definitions,
    endpoints,
    enhancement,
    examples,
    frontier,
    groups,
    left_out,
    mitigation,
    ranks,
    recognizer_cost,
    results,
    significance,
    streaming,
    versions,
)
from evalkit.report.side_by_side import contents

SECTIONS: Sequence[Section] = (
    versions.SECTION, groups.SECTION, results.SECTION, ranks.SECTION, streaming.SECTION,
    endpoints.SECTION, significance.SECTION, enhancement.SECTION, examples.SECTION,
    mitigation.SECTION, cost.SECTION, recognizer_cost.SECTION, frontier.SECTION,
    definitions.SECTION)
"""What changed, whom first, then how good, then why, then what it costs."""


def all_sections() -> list[Section]:
    """SECTIONS, and before the last of them those of other packages, by name."""
    return [*SECTIONS[:-1], *plugin_sections(), SECTIONS[-1]]


def filled_sections(run: ReportedRun) -> list[Filled]:
    """Those that have anything to say of ``run``; before the last stands what all of them leave
    out. Raises PluginError where two have one id, or a table of one name."""
    sections = all_sections()
    *others, last = fill(sections, contents(sections, run, groups.SECTION.id))
    return checked([*others, left_out.left_out(run, [*others, last]), last])
