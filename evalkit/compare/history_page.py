"""A figure and a page of metrics over versions."""

from __future__ import annotations

import html
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evalkit.compare.history import HEAD, cells
from evalkit.core.errors import ConfigError
from evalkit.core.files import replacing
from evalkit.core.text import short
from evalkit.core.types import Fact
from evalkit.report.figures import COLOURS, SHAPES, svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes

SUFFIXES = (".svg", ".html")
LABEL = 40
"""Characters of a name in the figure; the table below has all."""
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>evalkit history</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem }}
table {{ border-collapse: collapse }} td, th {{ padding: .2rem .6rem; text-align: left }}
tr {{ border-bottom: 1px solid #ddd }} svg {{ max-width: 100%; height: auto }}
</style></head><body><main><h1>Metrics over versions</h1>{figure}
<table><caption>Values with 95 % intervals over speakers</caption>
<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></main></body></html>
"""


def write_history(table: pd.DataFrame, facts: Mapping[str, Fact], path: Path) -> None:
    """Writes the figure (.svg) or a page with figure and table (.html). Raises ConfigError for
    another suffix."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: write a file that ends in {' or '.join(SUFFIXES)}")
    text = figure(table, facts)
    if path.suffix == ".html":
        body = "".join(f"<tr>{_tagged('td', row)}</tr>" for row in cells(table, facts))
        text = _PAGE.format(figure=text[text.index("<svg"):], head=_tagged("th", HEAD), body=body)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def figure(table: pd.DataFrame, facts: Mapping[str, Fact]) -> str:
    """SVG: a row of panels a metric, a panel a condition, a line a pipeline, versions from left
    to right, with intervals."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = {"svg.hashsalt": "evalkit", "text.parse_math": False, "font.size": 9.0}
    metrics, conditions = (list(dict.fromkeys(table[c])) for c in ("metric", "condition"))
    with mpl.rc_context(style):
        drawn = Figure(figsize=(1.5 + 3.2 * len(conditions), 0.6 + 2.2 * len(metrics)),
                       layout="constrained")
        axes = drawn.subplots(len(metrics), len(conditions), squeeze=False, sharex=True)
        _draw_panels(axes, table, facts)
        return svg(drawn)


def _draw_panels(axes: np.ndarray, table: pd.DataFrame, facts: Mapping[str, Fact]) -> None:
    """``axes`` (metrics, conditions), both in the order of the table."""
    versions = list(dict.fromkeys(table.sort_values("created", kind="stable")["version"]))
    for row, metric in zip(axes, dict.fromkeys(table["metric"]), strict=True):
        for axis, condition in zip(row, dict.fromkeys(table["condition"]), strict=True):
            shown = table[(table["metric"] == metric) & (table["condition"] == condition)]
            _draw(axis, shown, versions, facts[metric].scale)
            axis.set_title(short(condition, LABEL))
        row[0].set_ylabel(f"{metric} {facts[metric].unit}".strip())


def _draw(axis: Axes, shown: pd.DataFrame, versions: list[str], scale: int) -> None:
    """The lines of one panel, side by side where they have the same version."""
    lines = list(shown.groupby("pipeline"))
    for i, (pipeline, rows) in enumerate(lines):
        x = np.array([versions.index(v) for v in rows["version"]], float)
        x += 0.08 * (i - (len(lines) - 1) / 2)
        value, low, high = (scale * rows[c].to_numpy(float) for c in ("value", "low", "high"))
        axis.errorbar(x, value, np.nan_to_num([value - low, high - value]), capsize=3,
                      marker=SHAPES[i % len(SHAPES)],
                      color=COLOURS[i % len(COLOURS)], label=short(pipeline, LABEL))
    axis.set_xticks(range(len(versions)), [short(version, LABEL) for version in versions],
                    rotation=30, ha="right")
    axis.spines[["top", "right"]].set_visible(False)
    if lines:
        axis.legend(frameon=False)


def _tagged(tag: str, texts: Sequence[str]) -> str:
    return "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts)
