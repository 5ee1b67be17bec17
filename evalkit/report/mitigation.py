"""What mitigation experiments came to: tables and figures from their results.json alone."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from statistics import fmean
from typing import TYPE_CHECKING, Any

from markupsafe import Markup

from evalkit.errors import RunError
from evalkit.protocols import Fact
from evalkit.report.figures import COLOURS, INK, PAPER, SHAPES, decorate, drawn
from evalkit.report.listing import Cell
from evalkit.report.text import known, number, short
from evalkit.runfolder import RunFolder

if TYPE_CHECKING:
    from matplotlib.figure import Figure

SCHEMA_VERSION = 1
"""Of the results.json that are read here."""

Results = Mapping[str, Any]
RATE = Fact("%", False, "", decimals=1)
START = "none"
"""The arm that is the start itself."""

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
    for i, arm in enumerate(shown if regions else ()):
        title = "Map at the start" if arm["arm"] == START else f"Map after {_label(arm)}"
        draw = partial(_map, features=regions["features"], rates=_rates(arm),
                       scale=_rates(shown[0]))
        figures.append((title, drawn(draw, (5.2, 3.4), f"{name}-map-{i}", title)))
    return figures


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


def _map(figure: Figure, features: Sequence[Results], rates: Mapping[str, float],
         scale: Mapping[str, float]) -> None:
    """Regions in degrees, each as dark as its rate is high; white to the start's highest."""
    axes = figure.subplots()
    top = max((rate for rate in scale.values() if math.isfinite(rate)), default=0.0) or 1.0
    for i, feature in enumerate(features, 1):
        rate = rates.get(feature["properties"]["name"], math.nan)
        shade = min(1.0, max(0.0, rate / top)) if math.isfinite(rate) else 0.0
        for ring in _rings(feature["geometry"]):
            east, north = zip(*ring, strict=True)
            axes.fill(east, north, facecolor=COLOURS[1], edgecolor=INK, linewidth=0.8,
                      alpha=0.85 * shade)
            # Beside one another: bands of latitude can be too narrow for labels in one column.
            across = min(east) + (max(east) - min(east)) * i / (len(features) + 1)
            axes.text(across, (min(north) + max(north)) / 2, number(rate, RATE), ha="center",
                      va="center")
    axes.set(xlabel="degrees east", ylabel="degrees north")
    axes.spines[["top", "right"]].set_visible(False)


def _rings(geometry: Results) -> Iterable[Sequence[Sequence[float]]]:
    polygons = ([geometry["coordinates"]] if geometry["type"] == "Polygon"
                else geometry["coordinates"])
    return (polygon[0] for polygon in polygons)


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
