"""What mitigation experiments came to: tables and figures from their results.json alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from evalkit.core.errors import RunError
from evalkit.core.text import number, short
from evalkit.core.types import Fact
from evalkit.report.figures import COLOURS, INK, PAPER, SHAPES, decorate, drawn
from evalkit.report.heat import heat_of
from evalkit.report.listing import Cell
from evalkit.report.maps import Region, Window, shaded, windows
from evalkit.report.text import known
from evalkit.store.runfolder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION = 1
"""Of the results.json that are read here."""

Results = Mapping[str, Any]
RATE = Fact("%", False, "", decimals=1)
START = "none"
"""The arm that is the start itself."""
_SHARES = np.linspace(0.1, 0.9, 9)
"""How far within a region its label may stand."""

STATISTICS: Mapping[str, str] = {
    "overall": "All", "target": "Targets", "others": "Others", "max": "Worst region",
    "variance": "Variance, points²", "relative_gap": "Targets over best"}
SPREADS: Mapping[str, str] = {"gap": "gap over", "deviation": "deviation over"}


@dataclass(frozen=True)
class Table:
    """``rows`` have a heading each, which ``corner`` names, and a cell for each of the
    ``columns``."""

    caption: str
    corner: str
    columns: list[str]
    rows: list[tuple[str, list[Cell]]]


@dataclass(frozen=True)
class Experiment:
    """``conclusion`` is a sentence for who decides on a release, "" where there is none."""

    name: str
    conclusion: str
    tables: list[Table]
    figures: list[tuple[str, Markup]] = field(default_factory=list)


def mitigation_section(run: RunFolder) -> list[Experiment]:
    """The finished experiments of a run, by name; their template is mitigation.html.j2. Raises
    RunError for results that this version does not read."""
    return [_experiment(run, name, results, f"mended-{i}")
            for i, (name, results) in enumerate(run.mitigations().items())]


def _experiment(run: RunFolder, name: str, results: Results, prefix: str) -> Experiment:
    if results.get("schema") != SCHEMA_VERSION:
        raise RunError(f"{run.path}: mitigation {name!r} has schema {results.get('schema')!r}, "
                       f"this evalkit reads {SCHEMA_VERSION}; run it again with this version")
    figures = _figures(results, prefix) if results["kind"] == "recognition" else []
    return Experiment(name, str(results.get("conclusion", "")), tables(results), figures)


def tables(results: Results) -> list[Table]:
    """The tables of one experiment, the most important first."""
    if results["kind"] == "recognition":
        return [_statistics(results["arms"]), _regions(results["arms"], results["targets"])]
    names = list(_changes(results["arms"]))
    groups = [name for name in names if "=" in name]
    return [_error_rates(results["arms"], [name for name in names if name not in groups]),
            _error_rates(results["arms"], groups), _at_one_threshold(results["arms"])]


def _statistics(arms: Sequence[Results]) -> Table:
    rows = [(_label(arm), [_statistic(arm, name) for name in STATISTICS]) for arm in arms]
    return Table("Word error rate on test speakers, %, and its change relative to the start, %, "
                 "with 95 % interval; the variance is over regions, the last column how much the "
                 "targets' rate is above that of the region served best, relative to it",
                 "arm", list(STATISTICS.values()), rows)


def _statistic(arm: Results, name: str) -> Cell:
    found = arm["statistics"][name]
    scale = 100 if name == "variance" else 1  # of points²
    value = number(scale * known(found["value"]), RATE)
    return Cell(value, "" if arm["arm"] == START else _change(found, "change"))


def _regions(arms: Sequence[Results], targets: Sequence[str]) -> Table:
    cells = {arm["arm"]: {r["region"]: r for r in arm["regions"]} for arm in arms}
    rows = [(f"{region} (target)" if region in targets else region, [
        _region(cells[arm["arm"]][region], arm["arm"] == START) for arm in arms])
            for region in cells[START]]
    return Table("Word error rate by region, %, with 95 % interval; after the start its change in "
                 "points", "region", [_label(arm) for arm in arms], rows)


def _region(outcome: Results, is_start: bool) -> Cell:
    """The start's rate with its interval; another arm's with that of the change."""
    rate = outcome["rate"]
    value = number(known(rate["value"]), RATE)
    if is_start:
        return Cell(value, _span(rate))
    return Cell(value, _change(outcome["difference"], "value"))


def _changes(arms: Results) -> Results:
    """By measure, the changes of the first arm that is not the start."""
    changes: Results = next(arm for name, arm in arms.items() if name != START)["changes"][START]
    return changes


def _error_rates(arms: Results, names: Sequence[str]) -> Table:
    before = _changes(arms)
    rows = [(_measure(name), [
        Cell(number(known(before[name]["before"]), RATE)) if arm == START else
        _changed(found["changes"][START][name]) for arm, found in arms.items()]) for name in names]
    return Table("Equal error rate on test speakers, %, and its change from the start in points, "
                 "with 95 % interval", "speakers", list(arms), rows)


def _changed(found: Results) -> Cell:
    return Cell(number(known(found["after"]), RATE), _change(found, "value"))


def _measure(name: str) -> str:
    """Such as "gap over age" for gap:age."""
    kind, _, column = name.partition(":")
    if column and kind in SPREADS:
        return f"{SPREADS[kind]} {column}"
    return "all" if name == "overall" else name.replace("=", " = ", 1)


def _at_one_threshold(arms: Results) -> Table:
    first = next(iter(arms.values()))["seeds"][0]
    groups = [(column, group) for column, found in first["groups"].items() for group in found]
    rows = [("all", [_errors([seed["overall"] for seed in arm["seeds"]])
                     for arm in arms.values()])]
    rows += [(f"{column} = {group}", [_errors([seed["groups"][column][group]
                                               for seed in arm["seeds"]])
                                      for arm in arms.values()]) for column, group in groups]
    return Table("False rejections / false acceptances at one threshold for all, %, means over "
                 "seeds", "speakers", list(arms), rows)


def _errors(seeds: Sequence[Results]) -> Cell:
    return Cell(" / ".join(number(fmean(known(seed[rate]["value"]) for seed in seeds), RATE)
                           for rate in ("frr", "far")))


def _figures(results: Results, name: str) -> list[tuple[str, Markup]]:
    title = "Worst region against all test speakers"
    figures = [(title, drawn(partial(_frontier, points=results["frontier"]), (5.2, 3.9),
                             f"{name}-frontier", title))]
    regions = results["cohorts"]["regions"]
    shown = [arm for arm in results["arms"] if arm["arm"] in (START, results["recommended"])]
    return [*figures, *(_maps(regions["features"], shown, name) if regions else ())]


def _frontier(figure: Figure, points: Sequence[Results]) -> None:
    """Every trial is a mark; those of the chosen strength are filled."""
    axes = figure.subplots()
    arms = list(dict.fromkeys(point["arm"] for point in points))
    for point in points:
        i = arms.index(point["arm"])
        colour = COLOURS[i % len(COLOURS)]
        axes.plot(100 * point["overall"], 100 * point["worst"], linestyle="none", color=colour,
                  marker=SHAPES[i % len(SHAPES)], markersize=6.5, markeredgecolor=colour,
                  markerfacecolor=colour if point["chosen"] else PAPER)
    for draw, axis in ((axes.axvline, "overall"), (axes.axhline, "worst")):
        draw(100 * points[0][axis], color=INK, linewidth=0.8, linestyle=":")
    axes.set(xlabel="word error rate of all, %", ylabel="word error rate of the worst region, %")
    decorate(axes, [short(name, 24) for name in arms])


def _maps(features: Sequence[Results], arms: Sequence[Results], name: str
          ) -> Iterator[tuple[str, Markup]]:
    """Of the arms beside or above one another; again where most regions crowd in a part."""
    bounds = np.array([feature["bbox"] for feature in features], float)
    corners = np.vstack([bounds[:, [0, 1]], bounds[:, [2, 3]]])
    for i, window in enumerate(windows(corners)):
        title = "Map " + " and ".join("at the start" if arm["arm"] == START
                                      else f"after {_label(arm)}" for arm in arms)
        draw = partial(_map, features=features, arms=arms, window=window)
        rows = _rows(window, len(arms))
        height = 1.0 + rows * min(5.0, 0.4 + 5.0 * rows / len(arms) / window.across)
        yield (title if i == 0 else f"{title}, where most regions are",
               drawn(draw, (5.2, height), f"{name}-map-{i}", title))


def _map(figure: Figure, features: Sequence[Results], arms: Sequence[Results], window: Window
         ) -> None:
    """Every region has the colour of its rate, on one scale for all arms, and its rate as label."""
    rates = np.array([[_rates(arm).get(feature["properties"]["name"], math.nan)
                       for feature in features] for arm in arms])
    heat = heat_of(rates.ravel(), RATE)
    rows = _rows(window, len(arms))
    panels = figure.subplots(rows, len(arms) // rows, squeeze=False, sharex=True, sharey=True)
    for axes, arm, values in zip(panels.flat, arms, rates, strict=True):
        regions = [Region(number(value, RATE), feature["bbox"], _inside(*feature["bbox"]))
                   for feature, value in zip(features, values, strict=True)]
        shaded(axes, window, regions, heat.classes(values))
        axes.set_title(_label(arm), fontsize="medium", loc="left")
        axes.label_outer()
    heat.legend(figure, "region")


def _rows(window: Window, panels: int) -> int:
    """Maps that are clearly wider than high stand above one another."""
    return panels if window.across > 1.3 else 1


def _inside(west: float, south: float, east: float, north: float) -> np.ndarray:
    """Places for a label, (n, 2)."""
    width = (east - west) % 360
    across, up = np.meshgrid(west + width * _SHARES, south + (north - south) * _SHARES)
    return np.column_stack([(across.ravel() + 180) % 360 - 180, up.ravel()])


def _rates(arm: Results) -> dict[str, float]:
    return {r["region"]: known(r["rate"]["value"]) for r in arm["regions"] if r["region"] != "all"}


def _label(arm: Results) -> str:
    """The arm and its strength; whether it broke the rule of choice on dev."""
    strength = f" {arm['strength']:g}" if arm["strength"] else ""
    return f"{arm['arm']}{strength}{'' if arm['keeps_overall'] else ' (costs overall on dev)'}"


def _change(found: Results, key: str) -> str:
    value = known(found[key])
    sign = "+" if value > 0 else ""
    return f"{sign}{number(value, RATE)} ({_span(found)})"


def _span(found: Results) -> str:
    return " to ".join(number(known(found[bound]), RATE) for bound in ("low", "high"))
