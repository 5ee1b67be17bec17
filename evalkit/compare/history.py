"""Metrics over versions: one table of several runs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from evalkit.compare.baseline import read_baseline
from evalkit.compare.comparison import is_headline
from evalkit.core.errors import ConfigError, one_line
from evalkit.core.names import offer
from evalkit.core.text import number
from evalkit.core.types import Fact, Interval
from evalkit.statistics.bootstrap import DEFAULT, Contrast, Resampling, intervals, on_scale
from evalkit.statistics.sums import SpeakerSums
from evalkit.store.documents.baseline import Baseline, Cell, TrialCell

COLUMNS = ["metric", "pipeline", "condition", "created", "version"]
HEAD = [*COLUMNS, "value", "95 %", "n", "failed"]


def history(paths: Sequence[Path], metrics: Sequence[str] = (), *,
            resampling: Resampling = DEFAULT) -> tuple[pd.DataFrame, dict[str, Fact]]:
    """One row a version, metric, pipeline and condition, versions from old to new, with
    ``value``, ``low``, ``high``, ``n`` and ``n_failed``; and what the newest version says of the
    metrics. ``paths`` are run folders or frozen baselines. Raises ConfigError for a metric that
    none has."""
    versions = sorted((read_baseline(path, []) for path in paths), key=lambda v: v.facts.created)
    facts = {name: fact for version in versions for name, fact in version.facts.metrics.items()}
    wanted = set(metrics) or {name for name in facts if is_headline(name, facts)}
    _check_measured(metrics, versions)
    table = pd.DataFrame(_rows(versions, wanted, resampling))
    order = table[COLUMNS[:3]].apply(tuple, axis=1).sort_values(kind="stable").index
    return table.loc[order].reset_index(drop=True), facts


def cells(table: pd.DataFrame, facts: Mapping[str, Fact]) -> list[list[str]]:
    """The table as text, under HEAD."""
    lines = []
    for row in table.to_dict("records"):
        fact = facts[row["metric"]]
        low, high = number(row["low"], fact), number(row["high"], fact)
        lines.append([one_line(cell) for cell in (
            *(row[c] for c in COLUMNS), f"{number(row['value'], fact)} {fact.unit}".strip(),
            f"[{low}, {high}]", row["n"], row["n_failed"])])
    return lines


def _rows(versions: Iterable[Baseline], metrics: set[str], resampling: Resampling
          ) -> list[dict[str, Any]]:
    return [_row(version, cell, resampling) for version in versions
            for cell in _of_everybody(version) if cell.metric in metrics]


def _check_measured(metrics: Iterable[str], versions: Iterable[Baseline]) -> None:
    measured = {cell.metric for version in versions for cell in _of_everybody(version)}
    if missing := sorted(set(metrics) - measured):
        raise ConfigError(f"no version has a metric {missing[0]!r}; "
                          f"{offer(missing[0], sorted(measured))}")


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
    rate = on_scale(_rate(amount, weight, resampling), version.facts.metrics[cell.metric].bounds)
    return {"metric": cell.metric, "pipeline": cell.pipeline, "condition": cell.condition,
            "created": version.facts.created, "version": Path(version.name).name,
            "value": rate.value, "low": rate.low, "high": rate.high, "n": n, "n_failed": n_failed}


def _rate(amount: np.ndarray, weight: np.ndarray, resampling: Resampling) -> Interval:
    sums = SpeakerSums(np.arange(len(amount)), ("all",), ("all",), amount[:, None, None],
                       weight[:, None, None], np.zeros((3, 1, 1)))
    return intervals(sums, [Contrast((0, 0))], resampling)[0]
