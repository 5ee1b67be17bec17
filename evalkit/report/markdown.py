"""The page in short, as Markdown for a pull request."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from html import unescape
from typing import Any

from evalkit.core.text import in_markdown
from evalkit.report.cohorts import Discovery
from evalkit.report.listing import Cell, Listing
from evalkit.report.tables import Matrix

LONGEST = 200
"""Characters of a name that are shown."""


def summary(content: Mapping[str, Any]) -> str:
    """The sentences of the summary, the change from earlier versions where there are any, the
    most telling metric, and the cohorts that were confirmed."""
    parts = [f"### evalkit: {_name(content['info'].corpus.name)}",
             "\n".join(f"- {in_markdown(unescape(sentence.striptags()))}"
                       for sentence in content["lede"])]
    if content["versions"]:
        parts.append(_listing(content["versions"]))
    parts += [_matrix(matrix) for matrix in content["matrices"][:1]]
    if content["discovery"] and content["discovery"].confirmed:
        parts.append(_confirmed(content["discovery"]))
    return "\n\n".join(parts) + "\n"


def _name(value: object) -> str:
    return in_markdown(value, LONGEST)


def _table(header: Sequence[str], rows: Iterator[Sequence[str]]) -> str:
    lines = [header, ["---"] * len(header), *rows]
    return "\n".join(f"| {' | '.join(line)} |" for line in lines)


def _cell(cell: Cell) -> str:
    shown = f"{_name(cell.text)} ({_name(cell.interval)})" if cell.interval else _name(
        cell.text)
    return f"{cell.mark} {shown}" if cell.mark else shown


def _listing(listing: Listing) -> str:
    rows = ([_cell(cell) for cell in line.cells] for line in listing.lines)
    return f"**{_name(listing.caption)}**\n\n" + _table(
        [_name(column) for column in listing.columns], rows)


def _matrix(matrix: Matrix) -> str:
    name, unit = matrix.fact.named(matrix.metric), matrix.fact.unit
    rows = ([_name(pipeline), *map(_cell, cells)] for pipeline, cells in matrix.rows)
    return f"**{_name(f'{name}, {unit}' if unit else name)}**\n\n" + _table(
        ["", *(_name(condition) for condition in matrix.conditions)], rows)


def _confirmed(discovery: Discovery) -> str:
    lines = [line for line in discovery.verdicts.lines if line.cells[-1].text == "confirmed"]
    shown = Listing("", "Cohorts that fresh speakers confirmed", discovery.verdicts.columns, lines)
    return _listing(shown)
