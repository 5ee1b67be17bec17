"""Figures of end-pointers: how many are cut off against how long the others wait."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from evalkit.core.text import short
from evalkit.report.figures import COLOURS, INK, PAPER, SHAPES, drawn
from evalkit.statistics.endpoints import EndpointReport, EndpointRow
from evalkit.statistics.latency import EVERYBODY

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

MOST_CURVES = 6
"""Groups that a figure shows beside everybody: those with the most utterances."""


def endpoint_curves(report: EndpointReport, systems: Mapping[str, str], name: str
                    ) -> Markup | None:
    """A mark for each pipeline at its median delay and its share of early cuts, and for everybody
    and each large enough group a line through those of one end-pointer, the shortest delay first;
    None where no pipeline has both. ``systems`` says which end-pointer a pipeline has; ``name`` is
    unique on the page."""
    curves = dict(_curves(report.rows))
    if EVERYBODY not in curves:
        return None
    return drawn(partial(_panel, curves=curves, systems=systems), (5.2, 3.6), name,
                 f"Early cuts against delay, {report.condition}")


def _curves(rows: Sequence[EndpointRow]) -> Iterator[tuple[str, list[EndpointRow]]]:
    """Everybody's first, then those of the groups with the most utterances."""
    shown = [row for row in rows if row.status == "ok" and math.isfinite(_wait(row))
             and math.isfinite(row.early_cut.value)]
    of = {group: sorted(each, key=_wait) for group, each in groupby(
        sorted(shown, key=lambda row: row.group), key=lambda row: row.group)}
    if everybody := of.pop(EVERYBODY, None):
        yield EVERYBODY, everybody
        most = sorted(of, key=lambda group: (-sum(row.n for row in of[group]), group))
        yield from ((group, of[group]) for group in sorted(most[:MOST_CURVES]))


def _wait(row: EndpointRow) -> float:
    """The median delay in milliseconds."""
    return row.delay[0].value if row.delay else math.nan


def _panel(figure: Figure, *, curves: Mapping[str, Sequence[EndpointRow]],
           systems: Mapping[str, str]) -> None:
    axes = figure.subplots()
    for i, (group, rows) in enumerate(curves.items()):
        look: dict[str, Any] = {
            "color": INK if group == EVERYBODY else COLOURS[(i - 1) % len(COLOURS)],
            "marker": SHAPES[i % len(SHAPES)], "markersize": 6.5, "markeredgecolor": PAPER,
            "linewidth": 2.0 if group == EVERYBODY else 1.2}
        for name in dict.fromkeys(systems.values()):
            points = [(_wait(row), 100 * row.early_cut.value) for row in rows
                      if systems.get(row.pipeline) == name]
            axes.plot(*zip(*points, strict=True), **look) if points else None
        axes.plot([], [], **look, label="\u200b" + short(group, 24))
    _name(axes, curves[EVERYBODY])
    axes.set(xlabel="median delay of the others, ms", ylabel="cut off early, %")
    axes.set_ylim(bottom=min(0.0, axes.get_ylim()[0]))
    axes.margins(x=0.12)
    axes.grid()
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.figure.legend(loc="outside upper left", frameon=False, ncols=3, handletextpad=0.4,
                       columnspacing=1.2)


def _name(axes: Axes, rows: Sequence[EndpointRow]) -> None:
    """What each mark of everybody's is."""
    for row in rows:
        axes.annotate("\u200b" + short(row.pipeline, 18),
                      (_wait(row), 100 * row.early_cut.value), (5, 5),
                      textcoords="offset points", fontsize=7.5)
