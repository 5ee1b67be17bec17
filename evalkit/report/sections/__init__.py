"""The sections of a page. Each is a module here and a template of the same name in
``evalkit/report/templates``; this list is the order of everything that is made of them: page,
navigation, CSV, Markdown and findings.json."""

from __future__ import annotations

from collections.abc import Sequence

from evalkit.core.plugins import available, load
from evalkit.report.section import Section
from evalkit.report.sections import (
    definitions,
    examples,
    groups,
    mitigation,
    results,
    significance,
    versions,
)

SECTIONS: Sequence[Section] = (
    versions.SECTION, results.SECTION, groups.SECTION, significance.SECTION, examples.SECTION,
    mitigation.SECTION, definitions.SECTION)


def all_sections() -> list[Section]:
    """SECTIONS, and before the last of them those of other packages, by name."""
    outside = [load("sections", name) for name in available("sections")]
    return [*SECTIONS[:-1], *outside, SECTIONS[-1]]
