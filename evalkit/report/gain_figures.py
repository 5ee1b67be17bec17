"""Figures of what enhancers change: groups against gain, and a line where nothing changes."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import groupby
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
from markupsafe import Markup

from evalkit.core.text import short
from evalkit.core.types import Fact
from evalkit.report.figures import COLOURS, INK, MOST_GROUPS, PAPER, SHAPES, decorate, drawn
from evalkit.report.gains import Gain
from evalkit.report.text import in_sentence
from evalkit.statistics.gains import GainRow

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

APART = 0.2
"""How far two pipelines of a group are apart, in rows."""


class _Line(NamedTuple):
    """A row of the figure: the name of a column, or a group with its row under every pipeline."""

    label: str
    rows: Sequence[tuple[str, GainRow]] = ()


def gains_by_group(found: Sequence[Gain], pipelines: Sequence[str]) -> list[tuple[str, Markup]]:
    """A caption and a figure for every metric and condition under which any group is judged: the
    groups of all columns, a mark for each of the ``pipelines`` that has an enhancer, in the
    colours that they have in other figures."""
    figures: list[tuple[str, Markup]] = []
    for _, cells in groupby(found, lambda gain: (gain.metric, gain.condition)):
        gains = list(cells)
        if not any(gain.judged for gain in gains):
            continue
        caption = f"{gains[0].title} in {gains[0].condition}"
        lines = _lines(gains)
        draw = partial(_panel, lines=lines, fact=gains[0].fact, title=gains[0].title,
                       pipelines=pipelines, shown=[gain.enhanced for gain in gains])
        height = 1.3 + len(lines) * max(0.27, 0.12 * len(gains))
        figures.append((caption, drawn(draw, (5.2, height), f"gain-{len(figures) + 1}",
                                       f"Change of {in_sentence(caption)} by group")))
    return figures


def _lines(gains: Sequence[Gain]) -> list[_Line]:
    """Everybody, and below its name every column's groups by name, those last that are not
    compared; of very many those with the most speakers."""
    lines = [_Line("everybody", [(gain.enhanced, gain.everybody) for gain in gains])]
    for reports in zip(*(gain.reports for gain in gains), strict=True):
        lines.append(_Line(reports[0].by[0]))
        by_name = [{row.group: row for row in report.rows} for report in reports]
        shown = sorted(by_name[0].values(), key=lambda row: -row.n_speakers)[:MOST_GROUPS]
        lines += [_Line(row.group, [(gain.enhanced, rows[row.group])
                                    for gain, rows in zip(gains, by_name, strict=True)
                                    if row.group in rows])
                  for row in sorted(shown, key=lambda row: (row.status != "ok", row.group))]
    return lines


def _panel(figure: Figure, *, lines: Sequence[_Line], fact: Fact, title: str,
           pipelines: Sequence[str], shown: Sequence[str]) -> None:
    axes = figure.subplots()
    axes.axvline(0, color=INK, linewidth=1.1)
    for place, line in enumerate(lines):
        for name, row in line.rows:
            shift = APART * (shown.index(name) - (len(shown) - 1) / 2)
            _mark(axes, place + shift, row, fact.scale, pipelines.index(name))
    axes.set_yticks(range(len(lines)), [_label(line) for line in lines])
    for text, line in zip(axes.get_yticklabels(), lines, strict=True):
        text.set_fontweight("normal" if line.rows else "bold")
    unit = f", {fact.difference_unit}" if fact.difference_unit else ""
    axes.set(ylim=(len(lines) - 0.4, -0.6), xlim=_limits(lines, fact),
             xlabel=f"change of {in_sentence(title)}{unit}")
    _sides(axes, fact)
    decorate(axes, pipelines, shown)


def _mark(axes: Axes, place: float, row: GainRow, scale: int, series: int) -> None:
    """Full where the change is clear, hollow where it is not or is not judged."""
    colour, shape = COLOURS[series % len(COLOURS)], SHAPES[series % len(SHAPES)]
    clear = row.effect in ("helped", "harmed")
    low, high = scale * row.change.low, scale * row.change.high
    if np.isfinite([low, high]).all():
        axes.hlines(place, low, high, color=colour, linewidth=1.3)
    axes.plot([scale * row.change.value], [place], marker=shape, markersize=6.0,
              linestyle="none", markerfacecolor=colour if clear else PAPER,
              markeredgecolor=colour, markeredgewidth=1.3)


def _label(line: _Line) -> str:
    """A group with the number of its speakers."""
    name = short(line.label, 24)
    speakers = {row.n_speakers for _, row in line.rows}
    return f"{name} ({max(speakers)})" if max(speakers, default=0) else name


def _sides(axes: Axes, fact: Fact) -> None:
    """Which side of the line is which."""
    left, right = ("harm", "help") if fact.higher_is_better else ("help", "harm")
    axes.text(0, 1, f"← {left}", transform=axes.transAxes, ha="left", va="bottom")
    axes.text(1, 1, f"{right} →", transform=axes.transAxes, ha="right", va="bottom")


def _limits(lines: Sequence[_Line], fact: Fact) -> tuple[float, float]:
    """Of the axis: nothing changes within them, and an interval that would dwarf all values is
    cut."""
    rows = [row.change for line in lines for _, row in line.rows]
    values = np.array([0.0, *(row.value for row in rows if np.isfinite(row.value))])
    reach = np.ptp(values) or 1.0
    low = np.nanmin([row.low for row in rows] + [values.min()])
    high = np.nanmax([row.high for row in rows] + [values.max()])
    low, high = max(low, values.min() - reach / 2), min(high, values.max() + reach / 2)
    margin = 0.06 * ((high - low) or reach)
    return float(fact.scale * (low - margin)), float(fact.scale * (high + margin))
