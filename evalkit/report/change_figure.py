"""The figure of what changed: everybody and the groups, their changes with intervals beside a line
at no change. Shapes say what colours do: a diamond is worse, a disc better, hollow is unclear."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from markupsafe import Markup

from evalkit.core.text import number
from evalkit.report.change_words import WORDS
from evalkit.report.changed import Changed
from evalkit.report.group_figure import (
    FOOT,
    HEAD,
    NARROW,
    ROOM,
    WIDE,
    Axis,
    Layout,
    axis_name,
    fitting,
    grid,
    interval,
    spanned,
)
from evalkit.report.rank_figure import picture
from evalkit.report.text import in_sentence
from evalkit.statistics.gains import EVERYBODY, GainRow

MOST = 12
"""Groups that it shows, those that changed surely first."""
KINDS = {"harmed": "worst", "helped": "better"}


def change_figures(changed: Changed) -> list[Markup]:
    """The figure for a wide and for a narrow screen; none where nothing has an interval."""
    rows = [changed.everybody, *changed.groups[:MOST]]
    if not any(math.isfinite(row.change.value) for row in rows):
        return []
    wide = replace(WIDE, right=WIDE.right - 70)
    return [_figure(changed, rows, layout) for layout in (wide, NARROW)]


def _figure(changed: Changed, rows: Sequence[GainRow], layout: Layout) -> Markup:
    axis, bottom = axis_of(rows, changed.fact.scale), HEAD + layout.row * len(rows)
    zero = axis.at(0.0, layout)
    parts = [*grid(axis, layout, bottom), Markup(
        '<line class="all" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(
            zero, HEAD - 8, bottom)]
    for i, row in enumerate(rows):
        parts += _row(row, i, changed, axis, layout)
    title = f"What changed of {changed.selection.title} since {changed.base}"
    axis_is = axis_name(f"Change of {in_sentence(changed.selection.title)}",
                        changed.fact.difference_unit)
    return picture("changes", layout, bottom + FOOT, title, parts, axis=axis_is)


def axis_of(rows: Sequence[GainRow], scale: int) -> Axis:
    """It holds no change and every change; an interval that would dwarf them is cut."""
    values = [scale * row.change.value for row in rows if math.isfinite(row.change.value)]
    ends = [scale * end for row in rows for end in (row.change.low, row.change.high)
            if math.isfinite(end)]
    reach = 2 * ROOM * max(map(abs, values))
    low, high = max(min([*ends, *values, 0.0]), -reach), min(max([*ends, *values, 0.0]), reach)
    return spanned(low, high) if high > low else spanned(-1.0, 1.0)


def _row(row: GainRow, i: int, changed: Changed, axis: Axis, layout: Layout) -> Iterator[Markup]:
    top, scale, kind = HEAD + i * layout.row, changed.fact.scale, KINDS.get(str(row.effect), "few")
    y = top + layout.line
    yield from _texts(row, kind, top, changed, layout)
    if math.isfinite(row.change.low) and math.isfinite(row.change.high):
        yield interval(scale * row.change.low, scale * row.change.high, (axis, layout), y, kind)
    if math.isfinite(row.change.value):
        yield _mark(axis.at(scale * row.change.value, layout), y, kind)


def _texts(row: GainRow, kind: str, top: int, changed: Changed, layout: Layout
           ) -> Iterator[Markup]:
    name = row.group if row is not changed.everybody else EVERYBODY
    said = (f"{number(row.change.value, changed.fact, signed=True)} "
            f"{WORDS.get(str(row.effect), 'not tested')}")
    y = top + 16 if layout.above else top + layout.line + 5
    x, end = (layout.left - 6, "") if layout.above else (layout.left - 16, " end")
    yield Markup('<text class="name{} {}" x="{}" y="{}">{} <tspan class="n">{:,}</tspan></text>'
                 ).format(end, kind, x, y, fitting(name), row.n_speakers)
    yield Markup('<text class="value {}" x="{}" y="{}">{}</text>').format(
        kind, layout.width - 2, y, said)


def _mark(x: float, y: int, kind: str) -> Markup:
    if kind == "worst":
        return Markup('<path class="mark worst" d="M{:.1f} {}l8 8l-8 8l-8 -8z"/>').format(x, y - 8)
    return Markup('<circle class="mark {}" cx="{:.1f}" cy="{}" r="6"/>').format(kind, x, y)
