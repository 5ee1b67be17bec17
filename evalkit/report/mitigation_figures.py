"""Figures of mitigation experiments: what is gained against what it costs, and maps before and
after."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING

import numpy as np
from markupsafe import Markup

from evalkit.core.text import number, short
from evalkit.core.types import Fact
from evalkit.report.colour_scale import colour_scale
from evalkit.report.figures import COLOURS, INK, PAPER, SHAPES, decorate, drawn
from evalkit.report.maps import Region, Window, shaded, windows
from evalkit.store.documents.findings import Outline
from evalkit.store.documents.mitigation import (
    START,
    FrontierPoint,
    RecognitionArmResult,
    RecognitionResults,
)

if TYPE_CHECKING:
    from matplotlib.figure import Figure

RATE = Fact("%", False, "", decimals=1)
_SHARES = np.linspace(0.1, 0.9, 9)
"""How far within a region its label may stand."""
Outlines = Mapping[str, Outline]


def figures(results: RecognitionResults, name: str) -> list[tuple[str, Markup]]:
    """The frontier, and maps of the start and the recommended arm where regions are places."""
    title = "Worst region against all test speakers"
    frontier = drawn(partial(_frontier, points=results.frontier), (5.2, 3.9), f"{name}-frontier",
                     title)
    shown = [arm for arm in results.arms if arm.arm in (START, results.recommended)]
    outlines = results.cohorts.outlines
    return [(title, frontier), *(_maps(outlines, shown, name) if outlines else ())]


def _frontier(figure: Figure, points: Sequence[FrontierPoint]) -> None:
    """Every trial is a mark; those of the chosen strength are filled."""
    axes = figure.subplots()
    arms = list(dict.fromkeys(point.arm for point in points))
    for point in points:
        i = arms.index(point.arm)
        colour = COLOURS[i % len(COLOURS)]
        axes.plot(100 * point.overall, 100 * point.worst, linestyle="none", color=colour,
                  marker=SHAPES[i % len(SHAPES)], markersize=6.5, markeredgecolor=colour,
                  markerfacecolor=colour if point.chosen else PAPER)
    axes.axvline(100 * points[0].overall, color=INK, linewidth=0.8, linestyle=":")
    axes.axhline(100 * points[0].worst, color=INK, linewidth=0.8, linestyle=":")
    axes.set(xlabel="word error rate of all, %", ylabel="word error rate of the worst region, %")
    decorate(axes, [short(name, 24) for name in arms])


def _maps(outlines: Outlines, arms: Sequence[RecognitionArmResult], name: str
          ) -> Iterator[tuple[str, Markup]]:
    """Of the arms beside or above one another; again where most regions crowd in a part."""
    bounds = np.array([outline.bbox for outline in outlines.values()], float)
    corners = np.vstack([bounds[:, [0, 1]], bounds[:, [2, 3]]])
    for i, window in enumerate(windows(corners)):
        title = "Map " + " and ".join("at the start" if arm.arm == START
                                      else f"after {label(arm)}" for arm in arms)
        draw = partial(_map, outlines=outlines, arms=arms, window=window)
        rows = _rows(window, len(arms))
        height = 1.0 + rows * min(5.0, 0.4 + 5.0 * rows / len(arms) / window.across)
        yield (title if i == 0 else f"{title}, where most regions are",
               drawn(draw, (5.2, height), f"{name}-map-{i}", title))


def _map(figure: Figure, outlines: Outlines, arms: Sequence[RecognitionArmResult], window: Window
         ) -> None:
    """Every region has the colour of its rate, on one scale for all arms, and its rate as label."""
    by_region = [{result.region: result.rate.value for result in arm.regions} for arm in arms]
    rates = np.array([[known.get(name, math.nan) for name in outlines] for known in by_region])
    colours = colour_scale(rates.ravel(), RATE)
    rows = _rows(window, len(arms))
    panels = figure.subplots(rows, len(arms) // rows, squeeze=False, sharex=True, sharey=True)
    for axes, arm, values in zip(panels.flat, arms, rates, strict=True):
        regions = [Region(number(value, RATE), outline.bbox, _inside(*outline.bbox))
                   for outline, value in zip(outlines.values(), values, strict=True)]
        shaded(axes, window, regions, colours.classes(values))
        axes.set_title(label(arm), fontsize="medium", loc="left")
        axes.label_outer()
    colours.legend(figure, "region")


def _rows(window: Window, panels: int) -> int:
    """Maps that are clearly wider than high stand above one another."""
    return panels if window.across > 1.3 else 1


def _inside(west: float, south: float, east: float, north: float) -> np.ndarray:
    """Places for a label, (n, 2)."""
    width = (east - west) % 360
    across, up = np.meshgrid(west + width * _SHARES, south + (north - south) * _SHARES)
    return np.column_stack([(across.ravel() + 180) % 360 - 180, up.ravel()])


def label(arm: RecognitionArmResult) -> str:
    """The arm and its strength; whether it broke the rule of choice on dev."""
    strength = f" {arm.strength:g}" if arm.strength else ""
    return f"{arm.arm}{strength}{'' if arm.keeps_overall else ' (costs overall on dev)'}"
