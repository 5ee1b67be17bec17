"""A page of metrics over versions in the style of a report: its first screen, a figure for every
condition and the values; or the figure alone."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import pandas as pd
from markupsafe import Markup

from evalkit.compare.history_figure import figure, of_condition
from evalkit.compare.history_first import first_screen, in_order, title_of
from evalkit.core.errors import ConfigError
from evalkit.core.files import replacing
from evalkit.core.text import count
from evalkit.core.types import Fact
from evalkit.report.page import render
from evalkit.report.section import Content, Filled, Section
from evalkit.report.table import Cell, Column, Row, Table, measured, texts
from evalkit.store.scores import GIVEN

SUFFIXES = (".svg", ".html")


@dataclass(frozen=True)
class OfMetric:
    """One metric: a figure for every condition, and its ``table``."""

    title: str
    fact: Fact
    figures: list[tuple[str, Markup]]
    table: Table


def write_history(table: pd.DataFrame, facts: Mapping[str, Fact], path: Path,
                  versions: Sequence[Path] = ()) -> None:
    """Writes the figure (.svg) or a page (.html) of ``table`` (evalkit.compare.history). With the
    run folders and baselines ``versions`` that it is of, the page says first what changed since the
    oldest, and whom the newest serves worst. Raises ConfigError for another suffix."""
    if path.suffix not in SUFFIXES:
        raise ConfigError(f"{path}: write a file that ends in {' or '.join(SUFFIXES)}")
    text = figure(table, facts) if path.suffix == ".svg" else page(table, facts, versions)
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def page(table: pd.DataFrame, facts: Mapping[str, Fact], versions: Sequence[Path] = ()) -> str:
    """The page as HTML."""
    metrics = in_order(table, facts)
    chief, *others = [_of_metric(table[table["metric"] == name], facts[name], i)
                      for i, name in enumerate(metrics)]
    title = facts[metrics[0]].named(metrics[0])
    parts = [_filled("values", f"{title}, version by version", [chief])]
    parts += [_filled("others", "The other metrics", others)] if others else []
    first = first_screen(table, facts, versions)
    return render("history.html.j2", parts, None, first, title="Metrics over versions",
                  sentences=[], written_by=_written_by())


def _written_by() -> str:
    from evalkit import __version__

    return __version__


def _filled(name: str, title: str, shown: list[OfMetric]) -> Filled:
    content = Content(shown, [each.table for each in shown])
    return Filled(Section(name, title, lambda _: content, "history_metrics.html.j2"), content)


def _of_metric(rows: pd.DataFrame, fact: Fact, place: int) -> OfMetric:
    name = str(rows["metric"].iloc[0])
    return OfMetric(title_of(name, fact), fact, [
        (title, of_condition(part, fact, f"history-{place}-{i}", title))
        for i, (condition, part) in enumerate(rows.groupby("condition", sort=False))
        for title in [fact.named(name) + (f" in {condition}" if condition != GIVEN else "")]],
        _table(rows, fact, name))


def _table(rows: pd.DataFrame, fact: Fact, name: str) -> Table:
    """A row a pipeline and condition, a column a version, the oldest first."""
    versions = list(_versions(rows))
    columns = [Column("pipeline", "Pipeline"), Column("condition", "Condition"),
               *(Column(f"version {i}", version, "number")
                 for i, (_, version) in enumerate(versions))]
    lines = [Row(texts(pipeline=pipeline, condition=condition)
                 | {f"version {i}": _cell(part, version, fact)
                    for i, version in enumerate(versions)})
             for (pipeline, condition), part in rows.groupby(["pipeline", "condition"], sort=False)]
    return Table(f"history-{name.replace('@', '-')}", f"{title_of(name, fact)}: "
                 f"{count(len(versions), 'version')}, the oldest first, with 95 % intervals",
                 columns, lines)


def _versions(rows: pd.DataFrame) -> Iterator[tuple[str, str]]:
    """When each was made and what it is called, old to new."""
    known = rows[["created", "version"]].sort_values("created", kind="stable")
    yield from dict.fromkeys(known.itertuples(index=False, name=None))


def _cell(rows: pd.DataFrame, version: tuple[str, str], fact: Fact) -> Cell:
    found = rows[(rows["created"] == version[0]) & (rows["version"] == version[1])]
    if found.empty:
        return Cell("–", undefined="not measured in this version", value=float("nan"))
    row = found.iloc[0]
    shown = measured(row["value"], fact, row["low"], row["high"], "undefined")
    return Cell(shown.text, shown.detail, shown.undefined, int(row["n_failed"]), value=shown.value)
