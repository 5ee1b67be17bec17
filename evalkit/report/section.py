"""What a section of the page is."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from markupsafe import Markup, escape

from evalkit.core.errors import PluginError
from evalkit.core.ledger import LeftOut
from evalkit.report.reported import ReportedRun
from evalkit.report.table import Table

DEFAULT_TEMPLATE = "section.html.j2"
"""Shows the content, a sequence of paragraphs, and then the tables."""
_ID = re.compile("[a-z][a-z0-9-]*")


@dataclass(frozen=True)
class Content:
    """What a section says. Its template is given ``shown`` as ``content``, ``tables`` by their
    names, and the run; text is escaped there.

    ``tables`` without rows are dropped; the others are written as CSV too. ``in_brief`` are those
    of the Markdown summary, ``sentences`` say what was found, escaped unless they are Markup, and
    ``also`` are those of them, in brief, that stand on the first screen beside what it says
    itself. ``findings``, in JSON's types, stand in findings.json under the section's id.
    ``left_out`` is what takes no part in the section: the page shows it with that of all others,
    in one place."""

    shown: Any = None
    tables: Sequence[Table] = ()
    in_brief: Sequence[Table] = ()
    sentences: Sequence[str] = ()
    findings: Mapping[str, Any] = field(default_factory=dict)
    left_out: Sequence[LeftOut] = ()
    also: Sequence[str] = ()

    @property
    def named_tables(self) -> dict[str, Table]:
        """The tables that have rows, by name."""
        return {table.name: table for table in self.tables if table.rows}


@dataclass(frozen=True)
class Section:
    """``id``, of small letters, digits and dashes, is its anchor on the page, and ``title`` its
    heading. ``build`` returns None where the run has nothing for it: then it is left out.
    ``template`` is a file of ``templates/``."""

    id: str
    title: str
    build: Callable[[ReportedRun], Content | None]
    template: str = DEFAULT_TEMPLATE

    def __post_init__(self) -> None:
        if not _ID.fullmatch(self.id):
            raise ValueError(f"section {self.id!r}: an id is of small letters, digits and dashes")


@dataclass(frozen=True)
class Filled:
    """A section and what it says of one run."""

    section: Section
    content: Content

    @property
    def sentences(self) -> list[Markup]:
        """Those of the summary that say anything, escaped."""
        return [escape(sentence) for sentence in self.content.sentences if sentence]

    @property
    def also(self) -> list[Markup]:
        """Those of the first screen, escaped."""
        return [escape(sentence) for sentence in self.content.also if sentence]


def fill(sections: Sequence[Section], contents: Sequence[Content | None]) -> list[Filled]:
    """The sections that have anything to say, in their order, with what each says. Raises
    PluginError where two have one id, or a table of one name."""
    return checked([Filled(section, content)
                    for section, content in zip(sections, contents, strict=True)
                    if content is not None])


def checked(filled: list[Filled]) -> list[Filled]:
    """``filled``. Raises PluginError where two have one id, or a table of one name."""
    _check_unique("id", [part.section.id for part in filled])
    _check_unique("table name", [name for part in filled for name in part.content.named_tables])
    return filled


def _check_unique(what: str, names: Sequence[str]) -> None:
    twice = [name for name, n in Counter(names).items() if n > 1]
    if twice:
        raise PluginError(f"two sections of the report have the {what} {twice[0]!r}; rename that "
                          "of the plug-in")
