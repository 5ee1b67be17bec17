"""The figure of many systems: values with their intervals, the best first, the ranks that each may
have, and a line at the right for every set of systems of which no two are told apart.

Lines are told apart by their places and have a dot at each system that belongs to them, so that
they are read in print and without colours."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace

from markupsafe import Markup

from evalkit.core.text import number, printable, with_unit
from evalkit.core.types import Fact
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
from evalkit.report.ranks import Ranks
from evalkit.statistics.ranks import Ranked, Ranking

MOST = 24
"""Systems that it shows, the best first."""
STEP = 15
"""Between the lines at the right."""
MOST_LINES, MOST_LINES_NARROW = 8, 3
"""Lines for which a wide and a narrow figure have room: of more none is drawn."""
COLUMN = 66
"""In which the ranks stand."""


def rank_figures(ranks: Ranks) -> list[Markup]:
    """The figure for a wide and for a narrow screen."""
    return [_figure(ranks, ranks.everybody, each, "ranks") for each in (WIDE, NARROW)]


SMALL = replace(NARROW, name="small")
"""Of a group, beside others of its size on any screen."""
MOST_GROUPS = 12
"""Groups that have a figure of their own."""


def group_figures(ranks: Ranks) -> list[tuple[str, Markup]]:
    """A small figure for each of the first MOST_GROUPS groups, by its name."""
    return [(ranking.group, _figure(ranks, ranking, SMALL, f"ranks-{i}"))
            for i, ranking in enumerate(ranks.groups[:MOST_GROUPS], 1)]


def shown(ranking: Ranking) -> tuple[list[Ranked], list[tuple[int, ...]]]:
    """The systems, and the brackets as far as they hold two of them."""
    count = min(MOST, len(ranking.systems))
    within = [tuple(i for i in each if i < count) for each in ranking.brackets]
    return ranking.systems[:count], [each for each in within if len(each) > 1]


def has_lines(brackets: Sequence[tuple[int, ...]], layout: Layout) -> bool:
    """Whether a figure draws the lines of its brackets."""
    return 0 < len(brackets) <= (MOST_LINES_NARROW if layout.above else MOST_LINES)


def rank_range(ranked: Ranked) -> str:
    """The ranks that a system may have: "1", "2 to 4"."""
    if ranked.first == ranked.last:
        return str(ranked.first)
    return f"{ranked.first} to {ranked.last}"


def _figure(ranks: Ranks, ranking: Ranking, base: Layout, kind: str) -> Markup:
    systems, brackets = shown(ranking)
    brackets = brackets if has_lines(brackets, base) else []
    layout = _with_room(base, len(brackets))
    axis, bottom = axis_of(systems, ranks.fact), HEAD + layout.row * len(systems)
    parts = [*grid(axis, layout, bottom), *_head(layout)]
    for i, ranked in enumerate(systems):
        parts += _row(ranked, i, ranks.fact, axis, layout)
    for place, bracket in enumerate(brackets):
        parts += _bracket(bracket, _edge(layout) + STEP * (place + 1), layout)
    of = f", {ranks.column} {ranking.group}" if ranking is not ranks.everybody else ""
    title = f"{ranks.title} of {len(systems)} systems with their ranks{of}"
    return picture(kind, layout, bottom + FOOT, title, parts,
                   axis=axis_name(ranks.title, ranks.fact.unit))


def picture(kind: str, layout: Layout, height: int, title: str, parts: Sequence[Markup], *,
            axis: str) -> Markup:
    """An SVG of this ``kind``, which is unique on the page, that one width of screen shows;
    ``title`` is for those who do not see it, ``axis`` names it where it is saved."""
    return Markup('<div class="groups {0}"><svg class="{1}" viewBox="0 0 {2} {3}" data-axis="{6}" '
                  'role="img" aria-labelledby="{1}-{0}-title"><title id="{1}-{0}-title">{4}</title>'
                  '{5}</svg></div>').format(layout.name, kind, layout.width, height,
                                            printable(title), Markup("").join(parts),
                                            printable(axis))


def _with_room(base: Layout, lines: int) -> Layout:
    """The layout with an axis that ends where ranks and brackets begin."""
    beside = STEP * (lines + 1)
    if base.above:
        return replace(base, right=base.width - beside, row=58, line=46)
    return replace(base, left=266, right=base.width - beside - COLUMN - 58, row=28, line=14)


def _edge(layout: Layout) -> int:
    """Where the column of ranks ends."""
    return layout.right if layout.above else layout.right + COLUMN + 58


def axis_of(systems: Sequence[Ranked], fact: Fact) -> Axis:
    """Rates begin at zero, others at the lowest bound. An interval that would dwarf all values is
    cut."""
    values = [fact.scale * each.value.value for each in systems]
    ends = [fact.scale * end for each in systems for end in (each.value.low, each.value.high)
            if math.isfinite(end)]
    if fact.scale > 1:
        return spanned(0.0, min(max([*ends, *values]), ROOM * max(values)) or 1.0)
    low, high = min([*ends, *values]), max([*ends, *values])
    return spanned(low, high) if high > low else spanned(low - 1.0, high + 1.0)


def _head(layout: Layout) -> Iterator[Markup]:
    if not layout.above:
        yield Markup('<text class="small end" x="{}" y="{}">rank</text>').format(
            _edge(layout), HEAD - 10)


def _row(ranked: Ranked, i: int, fact: Fact, axis: Axis, layout: Layout) -> Iterator[Markup]:
    top = HEAD + i * layout.row
    y, value = top + layout.line, ranked.value
    yield from _texts(ranked, fact, top, layout)
    if math.isfinite(value.low) and math.isfinite(value.high):
        yield interval(fact.scale * value.low, fact.scale * value.high, (axis, layout), y)
    yield Markup('<circle class="mark" cx="{:.1f}" cy="{}" r="5"/>').format(
        axis.at(fact.scale * value.value, layout), y)


def _texts(ranked: Ranked, fact: Fact, top: int, layout: Layout) -> Iterator[Markup]:
    """Name, value and ranks: beside the axis, or above it."""
    value, name = with_unit(ranked.value.value, fact), fitting(ranked.system)
    if layout.above:
        yield Markup('<text class="name" x="2" y="{}">{}</text>').format(top + 16, name)
        yield Markup('<text class="small" x="2" y="{}">{}, rank {}</text>').format(
            top + 34, value, rank_range(ranked))
        return
    y = top + layout.line + 5
    yield Markup('<text class="name end" x="{}" y="{}">{}</text>').format(
        layout.left - 16, y, name)
    yield Markup('<text class="value" x="{}" y="{}">{}</text>').format(
        layout.right + 58, y, number(ranked.value.value, fact))
    yield Markup('<text class="end" x="{}" y="{}">{}</text>').format(
        _edge(layout), y, rank_range(ranked))


def _bracket(places: Sequence[int], x: int, layout: Layout) -> Iterator[Markup]:
    """A line along the systems, with a dot at each that belongs to it."""
    heights = [HEAD + i * layout.row + layout.line for i in places]
    yield Markup('<line class="bracket" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
        x, heights[0], heights[-1])
    for y in heights:
        yield Markup('<circle class="joined" cx="{}" cy="{}" r="4"/>').format(x, y)
