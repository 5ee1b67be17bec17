"""Costs of pipelines that a run does not know, from a small table or YAML."""

from __future__ import annotations

import math
from collections.abc import Collection, Iterator, Mapping
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError, one_line
from evalkit.core.names import listed, offer
from evalkit.core.yaml_files import read_yaml
from evalkit.results.cells import Cells, read_cells
from evalkit.store.documents.frontier import AXES, Taken

PIPELINE = "pipeline"
LARGEST = 1e18
Stated = Mapping[str, Mapping[str, Any]]
"""By pipeline and the name of an axis."""


def stated_costs(costs: Path | str | Stated, pipelines: Collection[str]) -> dict[str, Taken]:
    """``costs_of`` what is stated, or ``read_costs`` of a file."""
    if isinstance(costs, Mapping):
        return costs_of(costs, pipelines, "costs: ")
    if not isinstance(costs, Path | str):
        raise ConfigError(f"costs: expected a file, or costs by pipeline, not a "
                          f"{type(costs).__name__}")
    return read_costs(Path(costs), pipelines)


def read_costs(path: Path, pipelines: Collection[str]) -> dict[str, Taken]:
    """What a file says of pipelines, some of which at least are among ``pipelines``: a table with a
    column ``pipeline`` and one for each of some of AXES, empty cells where something is not known;
    or YAML or JSON with ``pipeline: {axis: number}``, null where something is not known. Raises
    ConfigError, naming file, pipeline and column, where it has none of the ``pipelines``, for a
    column that there is not, and for what is no number from 0 on."""
    if path.suffix.lower() in {".yaml", ".yml", ".json"}:
        return costs_of(read_yaml(path), pipelines, f"{path}: ")
    cells = read_cells(path, (PIPELINE, *AXES))
    if PIPELINE not in cells.columns:
        raise ConfigError(f"{path}: has no column {PIPELINE!r}, which names the pipeline of a row; "
                          f"there are {listed(_head(cells))}")
    if cells.left_out:
        raise ConfigError(f"{path}: {cells.left_out[0]}")
    stated: dict[str, dict[str, Any]] = {}
    for row in cells.rows:
        name = str(row.cells[PIPELINE]).strip()
        if name in stated:
            raise ConfigError(f"{path}: {row.place}: pipeline {one_line(name, 60)!r} has a row "
                              "already; keep one of them")
        stated[name] = {column: value for column, value in row.cells.items()
                        if column != PIPELINE and not _is_empty(value)}
    return costs_of(stated, pipelines, f"{path}: ")


def _head(cells: Cells) -> Iterator[str]:
    """The names of the columns, of a file without a known one the cells of its first row."""
    names = cells.columns if cells.named else cells.rows[0].cells.values()
    return (one_line(str(name), 60) for name in names)


def costs_of(stated: Stated, pipelines: Collection[str], where: str = "") -> dict[str, Taken]:
    """``read_costs`` of what stands in the file."""
    found = {}
    for name, numbers in stated.items():
        shown = one_line(str(name), 60)
        if not isinstance(numbers, Mapping):
            raise ConfigError(f"{where}{shown}: expected costs by name: {', '.join(AXES)}")
        found[str(name)] = Taken(**dict(_numbers(numbers, f"{where}{shown}: ")))
    if found and found.keys().isdisjoint(pipelines):
        first = next(iter(found))
        raise ConfigError(f"{where}no pipeline {one_line(first, 60)!r} is compared; "
                          f"{offer(first, pipelines)}")
    return found


def _numbers(stated: Mapping[str, Any], where: str) -> Iterator[tuple[str, float | None]]:
    for axis, value in stated.items():
        if axis not in AXES:
            raise ConfigError(f"{where}no cost {one_line(str(axis), 60)!r}; "
                              f"{offer(str(axis), AXES)}")
        yield axis, None if _is_empty(value) else _amount(value, f"{where}{axis}")


def _amount(value: Any, where: str) -> float:
    try:
        amount = math.nan if isinstance(value, bool) else float(value)
    except (TypeError, ValueError, OverflowError):
        amount = math.nan
    if not 0 <= amount <= LARGEST:
        raise ConfigError(f"{where} must be a number from 0 to {LARGEST:g}, not "
                          f"{one_line(repr(value), 60)}")
    return amount + 0.0  # which makes 0 of -0


def _is_empty(value: Any) -> bool:
    return value is None or not str(value).strip()
