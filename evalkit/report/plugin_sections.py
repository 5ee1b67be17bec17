"""Sections of other packages: entry points of the group ``evalkit.sections``. What they show is
text to the page, whatever it looks like."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from functools import partial

from pydantic import JsonValue, TypeAdapter

from evalkit.core.errors import EvalkitError, PluginError, one_line
from evalkit.core.plugins import available, load
from evalkit.report.reported import ReportedRun
from evalkit.report.section import DEFAULT_TEMPLATE, Content, Section

_FINDINGS = TypeAdapter(dict[str, JsonValue])


def plugin_sections() -> list[Section]:
    """Those that are installed, by name, in the default template. Raises PluginError for one that
    is no Section."""
    sections = {name: load("sections", name) for name in available("sections")}
    for name, section in sections.items():
        if not isinstance(section, Section):
            raise PluginError(f"sections plug-in {name!r}: is a {type(section).__name__}; it must "
                              "be an evalkit.report.section.Section")
    return [replace(section, template=DEFAULT_TEMPLATE,
                    build=partial(_build, name=name, build=section.build))
            for name, section in sections.items()]


def _build(run: ReportedRun, name: str, build: Callable[[ReportedRun], Content | None]
           ) -> Content | None:
    """What the plug-in says, as text. Raises PluginError where it fails."""
    try:
        content = build(run)
        return None if content is None else _as_text(content)
    except EvalkitError:
        raise
    except Exception as error:
        raise PluginError(f"sections plug-in {name!r} failed: {one_line(error)}") from error


def _as_text(content: Content) -> Content:
    """No markup in it, and nothing among the findings that JSON has no form for."""
    findings = _FINDINGS.validate_python(dict(content.findings))
    json.dumps(findings, allow_nan=False)
    return replace(content, shown=[str(paragraph) for paragraph in content.shown or ()],
                   sentences=[str(sentence) for sentence in content.sentences],
                   also=[str(sentence) for sentence in content.also],
                   findings=findings)
