"""Figures as inline SVG that follows the colours of the page around it."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Sequence
from functools import partial
from io import StringIO
from typing import TYPE_CHECKING, Any

import pandas as pd
from markupsafe import Markup

from evalkit.core.text import printable, short
from evalkit.report.groups import Groups, GroupValue
from evalkit.report.headline import heard
from evalkit.report.outlines import shorter
from evalkit.report.text import in_sentence

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which differ for colour-blind readers too. Each is a variable of the
# page's style, which has lighter ones for a dark page. Shapes repeat at another period than
# colours, so that together they tell 56 series apart.
COLOURS = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#b8860b", "#56b4e9", "#6b6b6b")
SHAPES = ("o", "s", "^", "D", "v", "P", "X", "p")
# From good to bad: lightness falls evenly, so that it reads in grey too. On a dark page it rises.
HEAT = ("#fbd38a", "#f79c3d", "#e4632d", "#bc3b50", "#84206b", "#4a0c6b")
INK, LINE, PAPER = "#1f2430", "#d9dbe0", "#fefefe"
_VARIABLES = {INK: "--ink", LINE: "--line", PAPER: "--paper",
              **{colour: f"--heat-{i}" for i, colour in enumerate(HEAT, 1)},
              **{colour: f"--series-{i}" for i, colour in enumerate(COLOURS, 1)}}
_COLOUR = re.compile("|".join(_VARIABLES))
_OUTLINE = re.compile(r'\bd="([^"]*)"')
_STYLED = re.compile(r'style="[^"]*"')
_PLACES = re.compile(r'\b(?:d|x|y|width|height)="[^"]*"')
_LONG = re.compile(r"(\d)\.0\d*\b|(\.[1-9])\d+")
"""Tenths of a point are enough for a page."""
_NAMED = re.compile(r' id="([^"]*)"')
_EMPTY = re.compile(r"<g ?/>|<g></g>")
_NEEDLESS = (re.compile(r"font-family: 'DejaVu Sans'; "),
             re.compile(r' transform="rotate\(-0 [^"]*"'))
"""The page has a typeface of its own, and nothing is turned by nothing."""
_STYLE: Any = {
    "svg.hashsalt": "evalkit", "svg.fonttype": "none", "text.parse_math": False,
    "font.family": ["DejaVu Sans"], "font.size": 9.0,
    "text.color": INK, "axes.labelcolor": INK, "xtick.color": INK, "ytick.color": INK,
    "axes.edgecolor": LINE, "grid.color": LINE, "grid.linewidth": 0.8,
    "axes.facecolor": "none", "figure.facecolor": "none", "axes.axisbelow": True,
}
MOST_GROUPS = 24
"""More than this no figure shows: those with the most speakers stay."""


def values_by_group(groups: Groups, conditions: Sequence[str], name: str = "figure"
                    ) -> list[tuple[str, Markup]]:
    """For each of the ``conditions`` that has values its name and a figure: a row a group, a mark a
    pipeline, the metric along the same axis in every figure. ``name`` is unique on the page."""
    known = [row.value for row in groups.rows if not row.undefined]
    if not known:
        return []
    shown = set(sorted(groups.order, key=lambda name: -groups.speakers[name])[:MOST_GROUPS])
    order = [name for name in groups.order if name in shown]
    pipelines = list(dict.fromkeys(row.pipeline for row in groups.rows))
    height = 1.0 + len(order) * max(0.34, 0.13 * len(pipelines))
    figures = []
    for i, condition in enumerate(conditions, 1):
        rows = [row for row in groups.rows if row.condition == condition and row.group in shown]
        if not rows:
            continue
        title = f"{groups.title} by {groups.column} in {heard(condition)}"
        draw = partial(_panel, rows=rows, groups=groups, order=order, pipelines=pipelines,
                       limits=_limits(groups, known))
        figures.append((heard(condition), drawn(draw, (5.2, height), f"{name}-{i}", title)))
    return figures


def _limits(groups: Groups, known: Sequence[float]) -> tuple[float, float]:
    """Of the axis: rates begin at zero, others a little below the lowest value. A group of three
    speakers may have an interval that would dwarf all values: it is cut."""
    scale, lowest, highest = groups.fact.scale, min(known), max(known)
    ends = [row.interval for row in groups.rows if row.interval]
    if scale > 1:
        top = max((high for _, high in ends), default=0.0)
        return 0.0, 1.05 * scale * max(highest, min(top, 1.5 * highest)) or 1.0
    reach = (highest - lowest) or 0.1 * abs(highest) or 1.0
    low = max(lowest - reach, min((low for low, _ in ends), default=lowest))
    high = min(highest + reach, max((high for _, high in ends), default=highest))
    return scale * (low - 0.05 * reach), scale * (high + 0.05 * reach)


def _panel(figure: Figure, *, rows: Sequence[GroupValue], groups: Groups, order: list[str],
           pipelines: list[str], limits: tuple[float, float]) -> None:
    axes = figure.subplots()
    _plot(axes, rows, order, pipelines, groups.fact.scale)
    names = [f"{short(name, 24)} ({groups.speakers[name]})" for name in order]
    axes.set_yticks(range(len(order)), names)
    label = in_sentence(groups.title)
    axes.set(xlim=limits, ylabel="",
             xlabel=f"{label}, {groups.fact.unit}" if groups.fact.unit else label)
    decorate(axes, pipelines)


def drawn(draw: Callable[[Figure], None], size: tuple[float, float], name: str, title: str
          ) -> Markup:
    """What ``draw`` makes of a figure of this size in inches, as an element of a page. Its
    identifiers begin with ``name``, which is unique on the page; ``title`` is for those who do
    not see it."""
    from matplotlib import rc_context
    from matplotlib.figure import Figure

    with rc_context(_STYLE):
        figure = Figure(figsize=size, layout="constrained")
        draw(figure)
        return _inline(svg(figure), name, title)


def _plot(axes: Axes, rows: Sequence[GroupValue], order: list[str], pipelines: list[str],
          scale: float) -> None:
    """Groups and pipelines are plotted by number, so that no name can be taken for markup or
    merged with another of the same beginning."""
    import seaborn

    data = pd.DataFrame(
        [(scale * row.value, str(order.index(row.group)), str(pipelines.index(row.pipeline)))
         for row in rows if not row.undefined], columns=["value", "group", "pipeline"])
    hues = [str(i) for i in range(len(pipelines))]
    _whiskers(axes, rows, order, pipelines, scale)
    seaborn.pointplot(
        data, x="value", y="group", hue="pipeline", order=[str(i) for i in range(len(order))],
        hue_order=hues, palette=_cycle(COLOURS, hues), markers=_cycle(SHAPES, hues),
        linestyle="none", errorbar=None, legend=False, ax=axes, markersize=6.5,
        markeredgecolor=PAPER, markeredgewidth=0.8, dodge=_dodge(pipelines))


def _whiskers(axes: Axes, rows: Sequence[GroupValue], order: list[str], pipelines: list[str],
              scale: float) -> None:
    """The intervals, each at the height that seaborn gives its mark."""
    colours, dodge = _cycle(COLOURS, pipelines), _dodge(pipelines)
    for row in rows:
        if row.interval is None:
            continue
        i = pipelines.index(row.pipeline)
        shift = dodge * (i / max(1, len(pipelines) - 1) - 0.5) if len(pipelines) > 1 else 0.0
        low, high = (scale * bound for bound in row.interval)
        axes.hlines(order.index(row.group) + shift, low, high, color=colours[i], linewidth=1.3,
                    alpha=0.75)


def _dodge(pipelines: Sequence[str]) -> float:
    """How far the first and the last pipeline of a group are apart, in rows."""
    return min(0.6, 0.18 * (len(pipelines) - 1))


def decorate(axes: Axes, pipelines: Sequence[str], shown: Collection[str] | None = None) -> None:
    """A grid, and a legend of the pipelines in COLOURS and SHAPES, all of them or those that are
    ``shown``."""
    from matplotlib.lines import Line2D

    axes.grid()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    series = [(name, *look) for name, *look in zip(
        pipelines, _cycle(COLOURS, pipelines), _cycle(SHAPES, pipelines), strict=True)
        if shown is None or name in shown]
    handles: list[Any] = [Line2D([], [], linestyle="none", color=colour, marker=shape,
                                 markersize=6.5) for _, colour, shape in series]
    # matplotlib leaves out of a legend what begins with an underscore.
    names = ["\u200b" + short(name, 24) for name, *_ in series]
    axes.figure.legend(handles, names, loc="outside upper left", frameon=False,
                       ncols=min(3, len(names)), handletextpad=0.2, columnspacing=1.2)


def _cycle(values: Sequence[str], series: Sequence[str]) -> list[str]:
    return [values[i % len(values)] for i in range(len(series))]


def svg(figure: Figure) -> str:
    """The figure as a document that does not depend on the day."""
    import warnings

    file = StringIO()
    with warnings.catch_warnings():  # the reader's fonts draw the text, not matplotlib's
        warnings.filterwarnings("ignore", "Glyph .* missing from", UserWarning)
        figure.savefig(file, format="svg", metadata=dict.fromkeys(
            ("Creator", "Date", "Format", "Type")))
    return file.getvalue()


def _inline(svg: str, name: str, title: str) -> Markup:
    """The SVG document as an element of a page: its identifiers made unique by ``name``, its
    colours taken from the page, and a ``title`` for those who do not see it."""
    box = re.search(r'viewBox="([\d. ]+)"', svg)
    body = svg[svg.index(">", svg.index("<svg")) + 1:]
    body = re.sub("<[^>]*>", lambda tag: _adopt(tag[0], name), body)  # never the labels
    body = _without_unused_names(re.sub(r">\s+<", "><", body), name)
    opening = Markup('<svg viewBox="{}" role="img" aria-labelledby="{}-title">'
                     '<title id="{}-title">{}</title>')
    return opening.format(box and box[1], name, name, printable(title)) + Markup(  # noqa: S704
        body)


def _without_unused_names(body: str, name: str) -> str:
    """The same without identifiers that nothing refers to, and groups that hold nothing."""
    used = set(re.findall(r"#(" + re.escape(name) + r"-[^\")]+)", body))
    kept = re.sub("<[^>]*>", lambda tag: _NAMED.sub(
        lambda found: found[0] if found[1] in used else "", tag[0]), body)  # never the labels
    return _EMPTY.sub("", kept)


def _short(places: str) -> str:
    """The same places in fewer characters."""
    return re.sub(r"\s*([A-Za-z])\s+", r"\1", _LONG.sub(r"\1\2", places))


def _adopt(tag: str, name: str) -> str:
    tag = re.sub(r'(\bid="|href="#|url\(#)', rf"\g<1>{name}-", tag)
    tag = _OUTLINE.sub(lambda outline: f'd="{shorter(outline[1])}"', tag)
    tag = _PLACES.sub(lambda places: _short(places[0]), tag)
    for needless in _NEEDLESS:
        tag = needless.sub("", tag)
    tag = _STYLED.sub(lambda style: re.sub("([:;]) ", r"\1", style[0]), tag)
    return _COLOUR.sub(lambda colour: f"var({_VARIABLES[colour[0]]})", tag)
