"""Figures of metrics over versions: a panel a condition, a line a pipeline, versions from left to
right, with intervals."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
from markupsafe import Markup

from evalkit.core.text import short
from evalkit.core.types import Fact
from evalkit.report.figures import COLOURS, SHAPES, decorate, drawn, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SIZE = (3.9, 3.0)
"""In inches: on a telephone it is as wide as the screen, and its type is read."""
LABEL = 40
"""Characters of a name in the figure alone; the table has all."""
TICK, MOST_TICKS = 16, 8
"""Characters of a version's name under an axis, and how many stand there."""


def of_condition(rows: pd.DataFrame, fact: Fact, name: str, title: str) -> Markup:
    """One metric under one condition, as an element of a page in whose colours it is drawn;
    ``name`` is unique there."""
    return drawn(partial(_one, rows=rows, fact=fact), SIZE, name, title)


def _one(figure: Figure, *, rows: pd.DataFrame, fact: Fact) -> None:
    axes = figure.subplots()
    versions = in_time(rows)
    _lines(axes, rows, versions, fact.scale)
    step = math.ceil(len(versions) / MOST_TICKS)
    axes.set_xticks(range(0, len(versions), step), [short(each, TICK) for each in versions[::step]],
                    rotation=30 if len(versions) > 2 else 0,
                    ha="right" if len(versions) > 2 else "center")
    axes.set_xlim(-0.5, len(versions) - 0.5)
    axes.set_ylabel(fact.unit)
    decorate(axes, sorted(rows["pipeline"].unique()))


def in_time(rows: pd.DataFrame) -> list[str]:
    """The names of the versions, old to new."""
    return list(dict.fromkeys(rows.sort_values("created", kind="stable")["version"]))


def figure(table: pd.DataFrame, facts: Mapping[str, Fact]) -> str:
    """SVG: a row of panels a metric, a panel a condition."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = {"svg.hashsalt": "evalkit", "text.parse_math": False, "font.size": 9.0}
    metrics, conditions = (list(dict.fromkeys(table[c])) for c in ("metric", "condition"))
    with mpl.rc_context(style):
        drawn = Figure(figsize=(1.5 + 3.2 * len(conditions), 1.0 + 2.2 * len(metrics)),
                       layout="constrained")
        axes = drawn.subplots(len(metrics), len(conditions), squeeze=False, sharex=True)
        _draw_panels(axes, table, facts)
        decorate(axes[0, 0], sorted(table["pipeline"].unique()))
        return svg(drawn)


def _draw_panels(axes: np.ndarray, table: pd.DataFrame, facts: Mapping[str, Fact]) -> None:
    """``axes`` (metrics, conditions), both in the order of the table."""
    versions = in_time(table)
    for row, metric in zip(axes, dict.fromkeys(table["metric"]), strict=True):
        for axis, condition in zip(row, dict.fromkeys(table["condition"]), strict=True):
            shown = table[(table["metric"] == metric) & (table["condition"] == condition)]
            _lines(axis, shown, versions, facts[metric].scale)
            axis.set_xticks(range(len(versions)), [short(each, LABEL) for each in versions],
                            rotation=30, ha="right")
            axis.spines[["top", "right"]].set_visible(False)
            axis.set_title(short(condition, LABEL))
        row[0].set_ylabel(f"{metric} {facts[metric].unit}".strip())


def _lines(axes: Axes, shown: pd.DataFrame, versions: Sequence[str], scale: int) -> None:
    """The lines of one panel, side by side where they have the same version."""
    pipelines = sorted(shown["pipeline"].unique())
    for i, pipeline in enumerate(pipelines):
        rows = shown[shown["pipeline"] == pipeline].sort_values("created", kind="stable")
        x = np.array([versions.index(v) for v in rows["version"]], float)
        x += 0.08 * (i - (len(pipelines) - 1) / 2)
        value, low, high = (scale * rows[c].to_numpy(float) for c in ("value", "low", "high"))
        axes.errorbar(x, value, np.nan_to_num([value - low, high - value]), capsize=2,
                      marker=SHAPES[i % len(SHAPES)], color=COLOURS[i % len(COLOURS)])
