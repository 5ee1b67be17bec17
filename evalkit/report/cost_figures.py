"""Figures of quality against cost: a mark an enhancer, dearer ones to the right."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from evalkit.core.types import Fact
from evalkit.report.costs import Costs, Priced
from evalkit.report.figures import COLOURS, INK, PAPER, SHAPES, decorate, drawn
from evalkit.report.text import in_sentence

if TYPE_CHECKING:
    from matplotlib.artist import Artist
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

FACTOR_IS = "Real-time factor of the enhancer"
MOST_FIGURES = 4
"""Metrics that have a figure, in the order of the run; the table has all."""
SIZE = (5.2, 3.6)
"""Inches."""
SIDE = 8.0
"""The side of a mark, in points."""


@dataclass(frozen=True)
class Mark:
    """A pipeline's value and interval at a real-time factor."""

    pipeline: str
    factor: float
    value: float
    low: float
    high: float


def quality_against_cost(costs: Costs, pipelines: Sequence[str]) -> list[tuple[str, Markup]]:
    """A caption and a figure for every metric, in the colours that the ``pipelines`` have in other
    figures; none where no enhancer has both a time and a value."""
    figures = []
    for i, (metric, fact) in enumerate(list(costs.metrics.items())[:MOST_FIGURES], 1):
        shown = [each for each in costs.enhancers
                 if metric in each.gains and math.isfinite(each.time.factor)]
        if not shown:
            continue
        caption = _caption(costs, metric, fact)
        marks = [_mark_of(each, metric) for each in shown]
        draw = partial(_panel, marks=marks, scale=fact.scale, pipelines=pipelines,
                       label=_label(costs, fact), whose="enhancer")
        figures.append((caption, drawn(draw, SIZE, f"cost-{i}",
                                       f"{caption} against {in_sentence(FACTOR_IS)}")))
    return figures


def against_cost(marks: Sequence[Mark], fact: Fact, pipelines: Sequence[str], name: str,
                 caption: str) -> Markup:
    """A figure of recognizers' ``marks`` of one metric, ``name`` unique on the page."""
    label = f"{fact.unit} ({'up' if fact.higher_is_better else 'down'} is better)".strip()
    draw = partial(_panel, marks=marks, scale=fact.scale, pipelines=pipelines, label=label,
                   whose="recognizer")
    return drawn(draw, SIZE, name, caption)


def _mark_of(each: Priced, metric: str) -> Mark:
    gain = each.gains[metric]
    return Mark(each.pipeline, each.time.factor, gain.value, gain.low, gain.high)


def _caption(costs: Costs, metric: str, fact: Fact) -> str:
    title = fact.named(metric)
    return title if costs.over_nothing else f"Change of {in_sentence(title)}"


def _label(costs: Costs, fact: Fact) -> str:
    what, unit = (("value", fact.unit) if costs.over_nothing else
                  ("change", fact.difference_unit))
    better = "up" if fact.higher_is_better else "down"
    return f"{what}{f', {unit}' if unit else ''} ({better} is better)"


def _panel(figure: Figure, *, marks: Sequence[Mark], scale: int, pipelines: Sequence[str],
           label: str, whose: str) -> None:
    axes = figure.subplots()
    by_ratio(axes, [each.factor for each in marks])
    places = [(each.factor, scale * each.value) for each in marks]
    made = [_mark(axes, each, scale, pipelines.index(each.pipeline)) for each in marks]
    axes.set(xlabel=f"{whose} alone: seconds of processor for a second of audio", ylabel=label)
    axes.margins(y=0.12)
    from_nothing(axes)
    for artists, points in zip(made, apart(axes, places), strict=True):
        beside(axes, artists, points)
    _lines(axes)
    decorate(axes, pipelines, [each.pipeline for each in marks])


def _mark(axes: Axes, mark: Mark, scale: int, series: int) -> list[Artist]:
    made: list[Artist] = []
    colour, shape = COLOURS[series % len(COLOURS)], SHAPES[series % len(SHAPES)]
    if math.isfinite(mark.low) and math.isfinite(mark.high):
        made.append(axes.vlines(mark.factor, scale * mark.low, scale * mark.high, color=colour,
                                linewidth=1.3))
    made += axes.plot([mark.factor], [scale * mark.value], marker=shape, color=colour,
                      markersize=SIDE, linestyle="none", markeredgecolor=PAPER,
                      markeredgewidth=0.8, clip_on=False)
    return made


def apart(axes: Axes, places: Sequence[tuple[float, float]]) -> list[float]:
    """How many points beside its place each mark stands, so that none hides another, within limits
    that are set: those that would touch stand side by side, the cheaper to the left."""
    at = axes.transData.transform(places) * 72 / axes.figure.dpi
    moved = {i: SIDE * (k - (len(group) - 1) / 2) for group in _touching(at)
             for k, i in enumerate(group)}
    return [moved[i] for i in range(len(at))]


def _touching(at: np.ndarray) -> list[list[int]]:
    """The places (n, 2) that are nearer to each other than SIDE, from left to right."""
    groups: list[list[int]] = []
    for i in np.argsort(at[:, 0], kind="stable").tolist():
        near = [group for group in groups if (np.abs(at[group] - at[i]).max(1) < SIDE).any()]
        groups = [group for group in groups if group not in near] + [[*chain(*near), i]]
    return groups


def beside(axes: Axes, artists: Iterable[Artist], points: float) -> None:
    """Draws ``artists`` so many points to the right of their places."""
    from matplotlib.transforms import ScaledTranslation

    if points:
        shift = ScaledTranslation(points / 72, 0, axes.figure.dpi_scale_trans)
        for each in artists:
            each.set_transform(axes.transData + shift)


def by_ratio(axes: Axes, amounts: Sequence[float]) -> None:
    """A logarithmic axis of costs, all above 0, so far around them that two of its numbers are
    within, however near to each other they are."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

    axes.set_xscale("log")
    axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlim(min(amounts) / 2.2, max(amounts) * 2.2)


def from_nothing(axes: Axes) -> None:
    """Begins the axis of values at 0 where it would begin below and no value is there, as none of
    an error rate is."""
    if axes.get_ylim()[0] < 0 <= axes.dataLim.ymin:
        axes.set_ylim(bottom=0)


def _lines(axes: Axes) -> None:
    """At 0, where nothing changes; and the one to the right of which one core does not keep up."""
    if axes.get_ylim()[0] <= 0 < axes.get_ylim()[1]:
        axes.axhline(0, color=INK, linewidth=1.1)
    low, high = axes.get_xlim()
    if low < 1 < high:
        axes.axvline(1, color=INK, linewidth=1.1, linestyle="--")
        axes.text(1, 1.01, "real time", transform=axes.get_xaxis_transform(), ha="center",
                  va="bottom")
