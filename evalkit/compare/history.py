"""Metrics over versions: one table and one figure of several runs."""

from __future__ import annotations

import html
from collections.abc import Iterator, Sequence
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from evalkit.compare.baseline import read_baseline
from evalkit.compare.comparison import is_headline
from evalkit.core.errors import ConfigError, one_line
from evalkit.core.files import replacing
from evalkit.core.text import number
from evalkit.core.types import Fact
from evalkit.report.figures import COLOURS, SHAPES
from evalkit.statistics.bootstrap import DEFAULT, Contrast, Interval, Resampling, intervals
from evalkit.statistics.sums import SpeakerSums
from evalkit.store.documents.baseline import Baseline, Cell, TrialCell

if TYPE_CHECKING:
    from matplotlib.axes import Axes

COLUMNS = ["metric", "pipeline", "condition", "created", "version"]
HEAD = [*COLUMNS, "value", "95 %", "n", "failed"]
SUFFIXES = (".svg", ".html")
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>evalkit history</title><style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem }}
table {{ border-collapse: collapse }} td, th {{ padding: .2rem .6rem; text-align: left }}
tr {{ border-bottom: 1px solid #ddd }} svg {{ max-width: 100%; height: auto }}
</style></head><body><main><h1>Metrics over versions</h1>{figure}
<table><caption>Values with 95 % intervals over speakers</caption>
<thead><tr>{head}</tr></thead><tbody>{body}</tbody></table></main></body></html>
"""


def history(paths: Sequence[Path], metrics: Sequence[str] = (), *,
            resampling: Resampling = DEFAULT) -> tuple[pd.DataFrame, dict[str, Fact]]:
    """One row a version, metric, pipeline and condition, versions from old to new, with
    ``value``, ``low``, ``high``, ``n`` and ``n_failed``; and what the newest version says of the
    metrics. ``paths`` are run folders or frozen baselines. Raises ConfigError for a metric that
    none has."""
    versions = sorted((read_baseline(path, []) for path in paths), key=lambda v: v.facts.created)
    facts = {name: fact for version in versions for name, fact in version.facts.metrics.items()}
    wanted = set(metrics) or {name for name in facts if is_headline(name, facts)}
    rows = [_row(version, cell, resampling) for version in versions
            for cell in _of_everybody(version) if cell.metric in wanted]
    table = pd.DataFrame(rows)
    if missing := sorted(set(metrics) - {row["metric"] for row in rows}):
        raise ConfigError(f"no version has a metric {missing[0]!r}; there are "
                          f"{', '.join(sorted(facts))}")
    order = table[COLUMNS[:3]].apply(tuple, axis=1).sort_values(kind="stable").index
    return table.loc[order].reset_index(drop=True), facts


def cells(table: pd.DataFrame, facts: dict[str, Fact]) -> list[list[str]]:
    """The table as text, under HEAD."""
    found = []
    for row in table.to_dict("records"):
        fact = facts[row["metric"]]
        low, high = number(row["low"], fact), number(row["high"], fact)
        found.append([one_line(cell) for cell in (
            *(row[c] for c in COLUMNS), f"{number(row['value'], fact)} {fact.unit}".strip(),
            f"[{low}, {high}]", row["n"], row["n_failed"])])
    return found


def write_history(table: pd.DataFrame, facts: dict[str, Fact], path: Path) -> None:
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


def figure(table: pd.DataFrame, facts: dict[str, Fact]) -> str:
    """SVG: a row of panels a metric, a panel a condition, a line a pipeline, versions from left
    to right, with intervals."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    style: Any = {"svg.hashsalt": "evalkit", "text.parse_math": False, "font.size": 9.0}
    metrics, conditions = (list(dict.fromkeys(table[c])) for c in ("metric", "condition"))
    versions = list(dict.fromkeys(table.sort_values("created", kind="stable")["version"]))
    with mpl.rc_context(style):
        drawn = Figure(figsize=(1.5 + 3.2 * len(conditions), 0.6 + 2.2 * len(metrics)),
                       layout="constrained")
        axes = drawn.subplots(len(metrics), len(conditions), squeeze=False, sharex=True)
        for row, metric in zip(axes, metrics, strict=True):
            for axis, condition in zip(row, conditions, strict=True):
                shown = table[(table["metric"] == metric) & (table["condition"] == condition)]
                _draw(axis, shown, versions, facts[metric].scale)
                axis.set_title(one_line(condition))
            row[0].set_ylabel(f"{metric} {facts[metric].unit}".strip())
        out = StringIO()
        drawn.savefig(out, format="svg", metadata={"Date": None})
    return out.getvalue()


def _draw(axis: Axes, shown: pd.DataFrame, versions: list[str], scale: int) -> None:
    """The lines of one panel, side by side where they have the same version."""
    lines = list(shown.groupby("pipeline"))
    for i, (pipeline, rows) in enumerate(lines):
        at = np.array([versions.index(v) for v in rows["version"]], float)
        at += 0.08 * (i - (len(lines) - 1) / 2)
        value, low, high = (scale * rows[c].to_numpy(float) for c in ("value", "low", "high"))
        axis.errorbar(at, value, np.nan_to_num([value - low, high - value]), capsize=3,
                      marker=SHAPES[i % len(SHAPES)],
                      color=COLOURS[i % len(COLOURS)], label=one_line(pipeline))
    axis.set_xticks(range(len(versions)), [one_line(v) for v in versions], rotation=30, ha="right")
    axis.spines[["top", "right"]].set_visible(False)
    if lines:
        axis.legend(frameon=False)


def _of_everybody(version: Baseline) -> Iterator[Cell | TrialCell]:
    yield from version.scores
    yield from (cell for cell in version.trials if cell.column is None)


def _row(version: Baseline, cell: Cell | TrialCell, resampling: Resampling) -> dict[str, Any]:
    amount: np.ndarray
    weight: np.ndarray
    if isinstance(cell, TrialCell):
        n, n_failed = cell.n, cell.n_failed
        amount, weight = np.array(cell.values, float), np.ones(len(cell.values))
    else:
        n, n_failed = sum(cell.n), len(cell.failed)
        owner, _ = pd.factorize(np.array([block.name for block in version.blocks], object))
        amount, weight = np.bincount(owner, cell.amount), np.bincount(owner, cell.weight)
    rate = _rate(amount, weight, resampling)
    return {"metric": cell.metric, "pipeline": cell.pipeline, "condition": cell.condition,
            "created": version.facts.created, "version": Path(version.name).name,
            "value": rate.value, "low": rate.low, "high": rate.high, "n": n, "n_failed": n_failed}


def _rate(amount: np.ndarray, weight: np.ndarray, resampling: Resampling) -> Interval:
    sums = SpeakerSums(np.arange(len(amount)), ("all",), ("all",), amount[:, None, None],
                       weight[:, None, None], np.zeros((3, 1, 1)))
    return intervals(sums, [Contrast((0, 0))], resampling)[0]


def _tagged(tag: str, texts: Sequence[str]) -> str:
    return "".join(f"<{tag}>{html.escape(text)}</{tag}>" for text in texts)
