"""The page in brief, as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Sequence
from html import unescape

from evalkit.core.text import in_markdown
from evalkit.report.reported import ReportedRun
from evalkit.report.section import Filled
from evalkit.report.table import Cell, Table

LONGEST = 200
"""Characters of a name that are shown."""


def in_brief(run: ReportedRun, sections: Sequence[Filled]) -> str:
    """The sentences of the summary, then of each section the tables that are shown in brief: the
    change from earlier versions where there are any, the most telling metric, and the cohorts
    that were confirmed."""
    parts = [f"### evalkit: {_name(run.record.corpus.name)}",
             "\n".join(f"- {in_markdown(unescape(sentence.striptags()))}"
                       for filled in sections for sentence in filled.sentences)]
    parts += [_table(table) for filled in sections for table in filled.content.in_brief
              if table.rows]
    return "\n\n".join(parts) + "\n"


def _table(table: Table) -> str:
    lines = [[_name(column.title) for column in table.columns], ["---"] * len(table.columns)]
    lines += [[_cell(row.cells[column.key]) for column in table.columns] for row in table.rows]
    return f"**{_name(table.caption)}**\n\n" + "\n".join(
        f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: Cell) -> str:
    shown = f"{_name(cell.text)} ({_name(cell.detail)})" if cell.detail else _name(cell.text)
    return f"{cell.mark} {shown}" if cell.mark else shown


def _name(value: object) -> str:
    return in_markdown(value, LONGEST)
