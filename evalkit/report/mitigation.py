"""What mitigation experiments came to: tables and figures from their results.json alone."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

import numpy as np
from markupsafe import Markup

from evalkit.core.errors import RunError
from evalkit.core.text import number, short
from evalkit.core.types import Fact
from evalkit.report.colour_scale import colour_scale
from evalkit.report.figures import COLOURS, INK, PAPER, SHAPES, decorate, drawn
from evalkit.report.maps import Region, Window, shaded, windows
from evalkit.report.table import Cell, Column, Row, Table, measured
from evalkit.store.runfolder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION = 1
"""Of the results.json that are read here."""

Results = Mapping[str, Any]


def known(value: float | None) -> float:
    """NaN for JSON's null."""
    return math.nan if value is None else float(value)


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
class Experiment:
    """``conclusion`` is a sentence for who decides on a release, "" where there is none."""

    name: str
    conclusion: str
    tables: list[Table]
    figures: list[tuple[str, Markup]]


def experiments(run: RunFolder) -> list[Experiment]:
    """The finished experiments of a run, by name. Raises RunError for results that this version
    does not read."""
    return [_experiment(run, name, results, f"mitigation-{i}")
            for i, (name, results) in enumerate(run.mitigations().items(), 1)]


def _experiment(run: RunFolder, name: str, results: Results, prefix: str) -> Experiment:
    if results.get("schema") != SCHEMA_VERSION:
        raise RunError(f"{run.path}: mitigation {name!r} has schema {results.get('schema')!r}, "
                       f"this evalkit reads {SCHEMA_VERSION}; run it again with this version")
    figures = _figures(results, prefix) if results["kind"] == "recognition" else []
    return Experiment(name, str(results.get("conclusion", "")), tables(results, prefix), figures)


def tables(results: Results, prefix: str = "mitigation") -> list[Table]:
    """The tables of one experiment, the most important first, named after ``prefix``."""
    if results["kind"] == "recognition":
        return [_statistics(results["arms"], f"{prefix}-1"),
                _regions(results["arms"], results["targets"], f"{prefix}-2")]
    names = list(_changes(results["arms"]))
    groups = [name for name in names if "=" in name]
    whole = [name for name in names if name not in groups]
    return [_error_rates(results["arms"], whole, f"{prefix}-1"),
            _error_rates(results["arms"], groups, f"{prefix}-2"),
            _at_one_threshold(results["arms"], f"{prefix}-3")]


def _table(name: str, caption: str, corner: str, columns: Sequence[str],
           rows: Sequence[tuple[str, Sequence[Cell]]]) -> Table:
    """A heading, which ``corner`` names, and a number for each of the columns."""
    keys = [f"column {i}" for i, _ in enumerate(columns)]
    return Table(name, caption, [Column("heading", corner), *(
        Column(key, title, "number") for key, title in zip(keys, columns, strict=True))],
        [Row({"heading": Cell(heading), **dict(zip(keys, cells, strict=True))})
         for heading, cells in rows])


def _statistics(arms: Sequence[Results], name: str) -> Table:
    rows = [(_label(arm), [_statistic(arm, statistic) for statistic in STATISTICS])
            for arm in arms]
    return _table(name, "Word error rate on test speakers, %, and its change relative to the "
                  "start, %, with 95 % interval; the variance is over regions, the last column how "
                  "much the targets' rate is above that of the region with the lowest, relative to "
                  "it",
                  "arm", list(STATISTICS.values()), rows)


def _statistic(arm: Results, name: str) -> Cell:
    statistic = arm["statistics"][name]
    scale = 100 if name == "variance" else 1  # of points²
    change = {} if arm["arm"] == START else _change(statistic, "change")
    return _cell(scale * known(statistic["value"]), change)


def _regions(arms: Sequence[Results], targets: Sequence[str], name: str) -> Table:
    cells = {arm["arm"]: {r["region"]: r for r in arm["regions"]} for arm in arms}
    rows = [(f"{region} (target)" if region in targets else region, [
        _region(cells[arm["arm"]][region], arm["arm"] == START) for arm in arms])
            for region in cells[START]]
    return _table(name, "Word error rate by region, %, with 95 % interval; after the start its "
                  "change in points", "region", [_label(arm) for arm in arms], rows)


def _region(outcome: Results, is_start: bool) -> Cell:
    """The start's rate with its interval; another arm's with that of the change."""
    rate = outcome["rate"]
    if is_start:
        return measured(known(rate["value"]), RATE, known(rate["low"]), known(rate["high"]))
    return _cell(known(rate["value"]), _change(outcome["difference"], "value"))


def _changes(arms: Results) -> Results:
    """By measure, the changes of the first arm that is not the start."""
    changes: Results = next(arm for name, arm in arms.items() if name != START)["changes"][START]
    return changes


def _error_rates(arms: Results, names: Sequence[str], name: str) -> Table:
    before = _changes(arms)
    rows = [(_measure(measure), [
        _cell(known(before[measure]["before"]), {}) if arm == START else
        _changed(outcome["changes"][START][measure]) for arm, outcome in arms.items()])
            for measure in names]
    return _table(name, "Equal error rate on test speakers, %, and its change from the start in "
                  "points, with 95 % interval", "speakers", list(arms), rows)


def _changed(outcome: Results) -> Cell:
    return _cell(known(outcome["after"]), _change(outcome, "value"))


def _measure(name: str) -> str:
    """Such as "gap over age" for gap:age."""
    kind, _, column = name.partition(":")
    if column and kind in SPREADS:
        return f"{SPREADS[kind]} {column}"
    return "all" if name == "overall" else name.replace("=", " = ", 1)


def _at_one_threshold(arms: Results, name: str) -> Table:
    first = next(iter(arms.values()))["seeds"][0]
    groups = [(column, group) for column, rates in first["groups"].items() for group in rates]
    rows = [("all", [_errors([seed["overall"] for seed in arm["seeds"]])
                     for arm in arms.values()])]
    rows += [(f"{column} = {group}", [_errors([seed["groups"][column][group]
                                               for seed in arm["seeds"]])
                                      for arm in arms.values()]) for column, group in groups]
    return _table(name, "False rejections / false acceptances at one threshold for all, %, means "
                  "over seeds", "speakers", list(arms), rows)


def _errors(seeds: Sequence[Results]) -> Cell:
    return Cell(" / ".join(number(fmean(known(seed[rate]["value"]) for seed in seeds), RATE)
                           for rate in ("frr", "far")))


def _cell(value: float, change: Mapping[str, float]) -> Cell:
    """A rate and, where there is one, its ``change`` with the bounds of that."""
    if not change:
        return measured(value, RATE)
    shown, low, high = change.values()
    bounds = f"{number(low, RATE)} to {number(high, RATE)}"
    detail = f"{number(shown, RATE, signed=shown > 0)} ({bounds})"
    parts = {name: RATE.scale * part for name, part in change.items()}
    return replace(measured(value, RATE), detail=detail, parts=parts)


def _change(outcome: Results, key: str) -> dict[str, float]:
    return {"change": known(outcome[key]), "change, low": known(outcome["low"]),
            "change, high": known(outcome["high"])}


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
    colours = colour_scale(rates.ravel(), RATE)
    rows = _rows(window, len(arms))
    panels = figure.subplots(rows, len(arms) // rows, squeeze=False, sharex=True, sharey=True)
    for axes, arm, values in zip(panels.flat, arms, rates, strict=True):
        regions = [Region(number(value, RATE), feature["bbox"], _inside(*feature["bbox"]))
                   for feature, value in zip(features, values, strict=True)]
        shaded(axes, window, regions, colours.classes(values))
        axes.set_title(_label(arm), fontsize="medium", loc="left")
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


def _rates(arm: Results) -> dict[str, float]:
    return {r["region"]: known(r["rate"]["value"]) for r in arm["regions"] if r["region"] != "all"}


def _label(arm: Results) -> str:
    """The arm and its strength; whether it broke the rule of choice on dev."""
    strength = f" {arm['strength']:g}" if arm["strength"] else ""
    return f"{arm['arm']}{strength}{'' if arm['keeps_overall'] else ' (costs overall on dev)'}"

