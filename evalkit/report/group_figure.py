"""The figure of the first screen: groups with their intervals, drawn with the page's own colours.

It is drawn twice, for a wide and for a narrow screen, since type that shrinks with a figure cannot
be read on a phone; the style shows one of them."""

from __future__ import annotations

import math
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from evalkit.core.text import number, printable, short, with_unit
from evalkit.report.selection import Selection
from evalkit.statistics.groups import GroupRow

MOST = 12
"""Groups that it shows, the worst first; those that are too small for an interval come last."""
TICKS = 5
ROUNDING = 1e-9
"""Parts of a value that are no difference."""
NAME = 24
"""Letters of a name for which there is room."""
TAIL = 8
"""Letters of its end that a name which is cut keeps."""
ROOM = 1.4
"""How many times as far as the highest value an interval is drawn."""


@dataclass(frozen=True)
class Layout:
    """In units of the picture: its ``width``, where the axis begins and ends, the height of a
    ``row``, where the line of a row is within it, and whether names stand ``above`` their lines."""

    name: str
    width: int
    left: int
    right: int
    row: int
    line: int
    above: bool


WIDE = Layout("wide", 760, 246, 684, 32, 16, above=False)
NARROW = Layout("narrow", 358, 8, 350, 46, 32, above=True)
HEAD, FOOT = 24, 26


@dataclass(frozen=True)
class Axis:
    """From ``low`` to ``high``, in the unit that is shown, with ``ticks``."""

    low: float
    high: float
    ticks: Sequence[float]

    def at(self, value: float, layout: Layout) -> float:
        """Where a value stands; one beyond an end stands there."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return layout.left + share * (layout.right - layout.left)


def group_figure(selection: Selection, layout: Layout) -> Markup:
    """An SVG of a row a group, the worst first, with a dashed line at the value of everybody; empty
    where no group has a value."""
    rows = shown(selection)
    if not rows:
        return Markup()
    axis = axis_of(selection, rows)
    bottom = HEAD + layout.row * len(rows)
    title = f"{selection.title} by {selection.by} with 95 % intervals"
    parts = [*grid(axis, layout, bottom), *_everybody(selection, axis, layout, bottom)]
    parts += [part for i, row in enumerate(rows)
              for part in _row(row, i, selection, axis, layout)]
    return Markup('<svg class="groups {0}" viewBox="0 0 {1} {2}" data-axis="{3}" role="img" '
                  'aria-labelledby="groups-{0}-title"><title id="groups-{0}-title">{4}</title>{5}'
                  '</svg>').format(layout.name, layout.width, bottom + FOOT, printable(axis_name(
                      selection.title, selection.fact.unit)), printable(title),
                      Markup("").join(parts))


def axis_name(title: str, unit: str) -> str:
    """What an axis shows: "Word error rate, %"."""
    return f"{title}, {unit}" if unit else title


def shown(selection: Selection) -> list[GroupRow]:
    """The groups that the figure shows: with a value, the large enough ones first."""
    rows = selection.report.rows if selection.report else []
    return [row for row in rows if math.isfinite(row.value.value)][:MOST]


def cut(selection: Selection) -> bool:
    """Whether the figure cuts an interval, which then has an arrow."""
    return '<path class="interval' in group_figure(selection, WIDE)


def axis_of(selection: Selection, rows: Sequence[GroupRow]) -> Axis:
    """Rates begin at zero, others a little below the lowest bound. An interval that would dwarf all
    values is cut."""
    scale = selection.fact.scale
    values = [scale * row.value.value for row in rows] + [scale * selection.everybody.value]
    ends = [scale * end for row in rows for end in (row.value.low, row.value.high)
            if math.isfinite(end)]
    apart = max(values) - min(values)
    reach = apart if apart > ROUNDING * abs(values[0]) else abs(values[0]) or 1.0
    if scale > 1:
        low, high = 0.0, min(max([*ends, *values]), ROOM * max(values)) or 1.0
    else:
        low = max(min([*ends, *values]), min(values) - reach)
        high = min(max([*ends, *values]), max(values) + reach)
    if high - low <= ROUNDING * abs(high):
        low, high = low - reach / 2, high + reach / 2
    return spanned(low, high)


def spanned(low: float, high: float) -> Axis:
    """An axis with some TICKS ticks at round numbers, which holds both."""
    step = _step((high - low) / TICKS or 1.0)
    first, last = math.floor(low / step), math.ceil(high / step)
    ticks = [i * step for i in range(first, last + 1)]
    return Axis(ticks[0], ticks[-1], ticks)


def _step(least: float) -> float:
    """The least of 1, 2 and 5 times a power of ten that is no smaller."""
    power = 10.0 ** math.floor(math.log10(least))
    return next(factor * power for factor in (1, 2, 5, 10) if factor * power >= least * 0.999)


def grid(axis: Axis, layout: Layout, bottom: int) -> Iterator[Markup]:
    """Lines at the ticks, and the numbers under them."""
    decimals = max(0, -math.floor(math.log10(axis.ticks[1] - axis.ticks[0]) + 1e-9))
    for tick in axis.ticks:
        x = f"{axis.at(tick, layout):.1f}"
        label = f"{tick:.{decimals}f}".replace("-", "−")
        yield Markup('<line class="grid" x1="{0}" x2="{0}" y1="{1}" y2="{2}"/>').format(
            x, HEAD, bottom)
        yield Markup('<text class="tick" x="{}" y="{}">{}</text>').format(x, bottom + 18, label)


def _everybody(selection: Selection, axis: Axis, layout: Layout, bottom: int) -> Iterator[Markup]:
    """The dashed line, its words on the side where there is room."""
    x = axis.at(selection.fact.scale * selection.everybody.value, layout)
    end = x > (layout.left + layout.right) / 2
    yield Markup('<line class="all" x1="{0:.1f}" x2="{0:.1f}" y1="{1}" y2="{2}"/>').format(
        x, HEAD - 8, bottom)
    yield Markup('<text class="small{}" x="{:.1f}" y="{}">everybody {}</text>').format(
        " end" if end else "", x + (-6 if end else 6), HEAD - 10,
        with_unit(selection.everybody.value, selection.fact))


def _row(row: GroupRow, i: int, selection: Selection, axis: Axis, layout: Layout
         ) -> Iterator[Markup]:
    """Name, interval, mark and value. A group that is too small is hollow, without an interval."""
    top, scale = HEAD + i * layout.row, selection.fact.scale
    y = top + layout.line
    kind = ("worst" if i == 0 and len(selection.compared) > 1 else "group"
            ) if row.status == "ok" else "few"
    yield Markup('<g data-group="{}">').format(printable(row.group))
    yield _name(row, top, layout, kind)
    yield Markup('<text class="value {}" x="{}" y="{}">{}</text>').format(
        kind, layout.width - 2, top + 16 if layout.above else y + 5,
        number(row.value.value, selection.fact))
    if kind != "few" and math.isfinite(row.value.low) and math.isfinite(row.value.high):
        yield interval(scale * row.value.low, scale * row.value.high, (axis, layout), y, kind)
    yield _mark(axis.at(scale * row.value.value, layout), y, kind) + Markup("</g>")


def _name(row: GroupRow, top: int, layout: Layout, kind: str) -> Markup:
    n = f"{row.n_speakers:,}" if row.n_speakers else ""
    words = Markup('{} <tspan class="n">{}</tspan>').format(fitting(row.group), n)
    if layout.above:
        return Markup('<text class="name {}" x="{}" y="{}">{}</text>').format(
            kind, layout.left - 6, top + 16, words)
    return Markup('<text class="name end {}" x="{}" y="{}">{}</text>').format(
        kind, layout.left - 16, top + layout.line + 5, words)


def fitting(name: str) -> str:
    """A name that its room can hold, with its end, in which names often differ; letters of East
    Asian width take twice as much of it."""
    wide = sum(unicodedata.east_asian_width(letter) in "WF" for letter in name)
    if wide:
        return short(name, NAME - min(wide, NAME) // 2)
    whole = short(name, len(name) + 1)
    return whole if len(whole) <= NAME else f"{whole[:NAME - TAIL - 1]}…{whole[-TAIL:]}"


def interval(low: float, high: float, on: tuple[Axis, Layout], y: int, kind: str = "") -> Markup:
    """The line from ``low`` to ``high``, with an arrow where it goes on beyond the axis."""
    axis, layout = on
    line = Markup('<line class="interval {}" x1="{:.1f}" x2="{:.1f}" y1="{}" y2="{}"/>').format(
        kind, axis.at(low, layout), axis.at(high, layout), y, y)
    ends = (low - axis.low, axis.at(low, layout), -1), (high - axis.high, axis.at(high, layout), 1)
    return line + Markup("").join(_arrow(*end, (y, kind)) for end in ends)


def _arrow(beyond: float, x: float, way: int, row: tuple[int, str]) -> Markup:
    """The head of an arrow at ``x`` where an interval ends ``beyond`` it, ``way`` -1 or 1."""
    if way * beyond <= ROUNDING:
        return Markup()
    return Markup('<path class="interval {}" fill="none" d="M{:.1f} {}l{} 5l{} 5"/>').format(
        row[1], x - 6 * way, row[0] - 5, 6 * way, -6 * way)


def _mark(x: float, y: int, kind: str) -> Markup:
    """A diamond for the worst, a disc for the others: the shape says what the colour does."""
    if kind == "worst":
        return Markup('<path class="mark worst" d="M{:.1f} {}l8 8l-8 8l-8 -8z"/>').format(x, y - 8)
    return Markup('<circle class="mark {}" cx="{:.1f}" cy="{}" r="6"/>').format(kind, x, y)
