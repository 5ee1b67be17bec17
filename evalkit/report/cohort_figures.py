"""Figures of discovered cohorts: their ranking, the map, and the embeddings projected."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import partial
from math import isfinite
from typing import TYPE_CHECKING

import numpy as np
import pandas as pd
from markupsafe import Markup

from evalkit.core.text import short
from evalkit.core.types import Fact
from evalkit.report.cohort_words import found_among, in_figure
from evalkit.report.colour_scale import ColourScale, colour_scale, dots
from evalkit.report.figures import COLOURS, INK, LINE, PAPER, SHAPES, drawn
from evalkit.report.maps import Region, map_of, windows
from evalkit.report.text import in_sentence
from evalkit.store.documents.findings import Chance, Feature, Finding, Findings, Verdict

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

Titled = tuple[str, str, Markup]
"""A figure's title, what to read from it, and the figure."""
MOST_DOTS = 2000
"""Speakers that a figure shows; of more, every second, third, ... by their names."""
LABELLED = 12
"""Regions that have a number on the map: the worst."""
MARKED = 6
"""Cohorts of the projection that have a colour and shape: the first that were tested."""
_GAP = 1.35
"""Rows from one finder to the next."""


# Ranking

def ranking(finders: Sequence[Finding], fact: Fact) -> list[Titled]:
    """Every cohort that was tested; no figure where there is none."""
    rows = [verdict for finding in finders for verdict in finding.verdicts]
    if not rows:
        return []
    draw = partial(_ranking, finders=finders, fact=fact)
    title = "Gaps on discovery and on fresh speakers"
    height = 1.2 + 0.27 * (len(rows) + _GAP * len(finders))
    return [(title, "Empty circles: the gap among the speakers on whom the cohort was discovered, "
             "which overstates it, since large gaps were searched for. Filled marks: the gap on "
             "fresh speakers, with its 95 % interval. Shaded: the range that holds 95 % of the "
             "gaps that the same search finds when outcomes are shuffled among speakers, so that "
             "there is nothing to find.", drawn(draw, (5.2, height), "cohorts-ranking", title))]


def _ranking(figure: Figure, finders: Sequence[Finding], fact: Fact) -> None:
    axes = figure.subplots()
    scale = fact.scale
    row, ticks = 0.0, []
    for finding in finders:
        among = found_among(finding)
        among = short(f"{among} ({finding.finder})" if among != finding.finder else among, 40)
        ticks.append((row, f"{among}:" if finding.verdicts else f"{among}: nothing"))
        _null(axes, finding.chance, row, row + len(finding.verdicts), scale)
        for i, verdict in enumerate(finding.verdicts, 1):
            _gap(axes, verdict, row + i, scale)
            ticks.append((row + i, short(in_figure(verdict.cohort), 36)))
        row += len(finding.verdicts) + _GAP
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.set_yticks(*zip(*ticks, strict=True))
    axes.set(ylim=(row - 0.6, -0.7), xlim=_limits(finders, scale),
             xlabel=f"worse by, {fact.difference_unit}".rstrip(", "))
    axes.spines[["top", "right", "left"]].set_visible(False)
    axes.tick_params(length=0)
    axes.grid(axis="x")
    _explain(figure)


def _null(axes: Axes, chance: Chance, top: float, bottom: float, scale: float) -> None:
    low, median, high = scale * np.nan_to_num([chance.low, chance.median, chance.high])
    axes.fill_betweenx([top - 0.35, bottom + 0.35], low, high, color=LINE, linewidth=0)
    axes.vlines(median, top - 0.35, bottom + 0.35, color=INK, linewidth=0.8, linestyle=":")


def _gap(axes: Axes, verdict: Verdict, row: float, scale: float) -> None:
    shown, gap = verdict.status == "confirmed", verdict.gap
    colour = COLOURS[1] if shown else COLOURS[6]
    if gap and isfinite(gap.value):
        if isfinite(gap.low) and isfinite(gap.high):
            axes.hlines(row, scale * gap.low, scale * gap.high, color=colour, linewidth=1.6)
        axes.plot(scale * gap.value, row, marker="o" if shown else "D", color=colour,
                  markersize=7 if shown else 6, markeredgecolor=PAPER)
    axes.plot(scale * verdict.discovered_gap, row, marker="o", markersize=6, color=INK,
              markerfacecolor="none", markeredgecolor=INK, markeredgewidth=1.1)


def _limits(finders: Sequence[Finding], scale: float) -> tuple[float, float]:
    """Wide enough for every value; intervals of a few speakers may run out."""
    verdicts = [verdict for finding in finders for verdict in finding.verdicts]
    values = [finding.chance.high for finding in finders]
    values += [verdict.discovered_gap for verdict in verdicts]
    values += [verdict.gap.value for verdict in verdicts if verdict.gap]
    shown = [0.0, *filter(isfinite, values)]
    low, high = min(shown), max(shown)
    reach = 0.35 * (high - low) or 1.0
    return scale * (low - reach), scale * (high + reach)


def _explain(figure: Figure) -> None:
    from matplotlib.lines import Line2D
    from matplotlib.patches import Patch

    mark = partial(Line2D, [], [], linestyle="none", markersize=6.5)
    handles = [mark(marker="o", color=COLOURS[1]), mark(marker="D", color=COLOURS[6]),
               mark(marker="o", color=INK, markerfacecolor="none"),
               Patch(color=LINE)]
    figure.legend(handles, ["confirmed", "not confirmed", "on discovery", "chance"],
                  loc="outside upper left", frameon=False, ncols=4, handletextpad=0.2,
                  columnspacing=1.2)


# Map and projection

def column_of(finder: str) -> str:
    """The column that holds speakers' cohorts of ``finder``."""
    return f"cohorts.{finder}"


def people_figures(people: pd.DataFrame, mapped: Mapping[str, Sequence[Feature]],
                   findings: Findings) -> list[Titled]:
    """Maps where places are known, one a finder that is ``mapped`` to its regions, and projections
    where embeddings are. ``people`` have a ``rate`` and perhaps a ``column_of`` cohorts."""
    people = people.iloc[::1 + (len(people) - 1) // MOST_DOTS] if len(people) else people
    colours = colour_scale(people["rate"].to_numpy(float), findings.fact)
    maps = [figure for i, (finder, regions) in enumerate((mapped or {"": []}).items(), 1)
            for figure in _maps(people, i, finder, regions, colours)]
    return [*maps, *_projections(people, colours, findings)]


def _maps(people: pd.DataFrame, n: int, finder: str, regions: Sequence[Feature],
          colours: ColourScale) -> Iterator[Titled]:
    """The map of the ``n``-th finder of places, and perhaps a closer one."""
    if not {"latitude", "longitude"} <= set(people):
        return
    people = people.dropna(subset=["latitude", "longitude"])
    if people.empty:
        return
    places = people[["longitude", "latitude"]].to_numpy(float)
    shapes = [_region(i, region, people, finder) for i, region in enumerate(regions, 1)]
    of = "" if n == 1 else f", {finder}"
    for i, window in enumerate(windows(places), 1):
        title = f"Map of the speakers{of}" if i == 1 else f"Detail: where most speakers live{of}"
        draw = partial(map_of, window=window, places=places, colours=colours, regions=shapes,
                       classes=colours.classes(people["rate"].to_numpy(float)))
        height = min(6.5, max(2.6, 0.8 + 4.6 / window.across))
        name = f"cohorts-map-{i}" if n == 1 else f"cohorts-map-{n}-{i}"
        yield title, "A dot is a speaker. " + (
            f"Dashed lines and numbers: the regions that the finder {finder} found, numbered as in "
            "the table below." if regions else
            "No finder divided the map into regions."), (
            drawn(draw, (5.2, height), name, title))


def _region(i: int, region: Feature, people: pd.DataFrame, finder: str) -> Region:
    column = column_of(finder)
    inside = people[people[column] == region.properties.name] if column in people else people[:0]
    return Region(str(i) if i <= LABELLED else "", list(region.bbox),
                  inside[["longitude", "latitude"]].to_numpy(float))


def _projections(people: pd.DataFrame, colours: ColourScale, findings: Findings
                 ) -> Iterator[Titled]:
    if not {"x", "y"} <= set(people):
        return
    people = people.dropna(subset=["x", "y"])
    if people.empty:
        return
    title = f"Speaker embeddings by {in_sentence(findings.fact.named(findings.metric))}"
    yield title, "Projected to the plane in which they vary most; a dot is a speaker.", drawn(
        partial(_by_error, people=people, colours=colours), (5.2, 4.6), "cohorts-errors", title)
    shown = (f for f in findings.finders if f.projected and column_of(f.finder) in people)
    for i, finding in enumerate(shown, 1):
        title = "Speaker embeddings by cohort" if i == 1 else (
            f"Speaker embeddings: {found_among(finding)}")
        name = "cohorts-voices" if i == 1 else f"cohorts-voices-{i}"
        yield title, "The same plane. Colours and shapes: the cohorts that were tested.", drawn(
            partial(_by_cohort, people=people, cohort=people[column_of(finding.finder)],
                    tested={verdict.cohort for verdict in finding.verdicts}),
            (5.2, 4.6), name, title)


def _by_error(figure: Figure, people: pd.DataFrame, colours: ColourScale) -> None:
    axes = figure.subplots()
    dots(axes, people[["x", "y"]].to_numpy(float), colours.classes(people["rate"].to_numpy(float)))
    _bare(axes)
    colours.legend(figure)


def _by_cohort(figure: Figure, people: pd.DataFrame, cohort: pd.Series, tested: Collection[str]
               ) -> None:
    axes = figure.subplots()
    names = sorted(set(cohort.dropna()) & set(tested))[:MARKED]
    others = people[~cohort.isin(names)]
    axes.scatter(others["x"], others["y"], s=12, c=COLOURS[6], alpha=0.45, linewidths=0,
                 label="all others")
    for name, colour, shape in zip(names, COLOURS, SHAPES, strict=False):
        chosen = people[cohort == name]
        axes.scatter(chosen["x"], chosen["y"], s=34, c=colour, marker=shape, edgecolors=PAPER,
                     linewidths=0.5, label="\u200b" + short(in_figure(name), 30))
    _bare(axes)
    figure.legend(loc="outside upper left", frameon=False, ncols=2, handletextpad=0.2,
                  columnspacing=1.2)


def _bare(axes: Axes) -> None:
    """Directions in the plane mean nothing, distances do."""
    axes.set(xticks=[], yticks=[], aspect="equal", xlabel="", ylabel="")
