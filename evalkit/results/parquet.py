"""A Parquet file as rows of named cells. It is untrusted input: a cell that cannot be read costs
its row, and a column without one that can be read costs itself."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from evalkit.core.errors import ManifestError, one_line
from evalkit.core.ledger import LeftOut


@dataclass(frozen=True)
class ParquetColumns:
    """The columns that can be used, each as long as the others, and those that are left out."""

    cells: dict[str, Sequence[Any]]
    left_out: tuple[LeftOut, ...]

    def rows(self) -> Iterator[tuple[str, dict[str, Any] | str]]:
        """Where each row stands, and its cells by column, or why it is none."""
        for number, row in enumerate(zip(*self.cells.values(), strict=True), 1):
            cells = dict(zip(self.cells, row, strict=True))
            bad = [f"its {name!r} cannot be read: {cell.why}" for name, cell in cells.items()
                   if isinstance(cell, _Unread)]
            yield f"row {number}", bad[0] if bad else cells


@dataclass(frozen=True)
class _Unread:
    """In place of a cell that cannot be read."""

    why: str


def read_parquet(path: Path) -> ParquetColumns:
    """The table ``path``. Raises ManifestError for what is no Parquet, and for two columns of one
    name."""
    table = _table(path)
    (name, n), *_ = Counter(filter(None, table.column_names)).most_common(1) or [("", 0)]
    if n > 1:
        raise ManifestError(f"{path}: {n} columns are called {name!r}; rename or remove all but "
                            "one")
    cells: dict[str, Sequence[Any]] = {}
    left_out = []
    for field, column in zip(table.schema, table.columns, strict=True):
        found = _cells(field, column)
        if isinstance(found, str):
            left_out.append(LeftOut("column", path.name, found,
                                    names=(field.name,) if field.name else ()))
        else:
            cells[field.name] = found
    return ParquetColumns(cells, tuple(left_out))


def _table(path: Path) -> Any:
    """The Arrow table in the file."""
    import pyarrow.parquet as pq

    try:
        with pq.ParquetFile(path) as file:
            return file.read()
    except Exception as error:  # a hostile file may make the reader raise anything
        raise ManifestError(f"{path}: cannot read it as Parquet: {one_line(error)}") from error


def _cells(field: Any, column: Any) -> list[Any] | str:
    """The cells of an Arrow column, or why it is left out."""
    from pyarrow import types

    if not field.name:
        return "has no name"
    if types.is_nested(field.type):
        return "holds lists or structures"
    if "binary" in str(field.type):
        return "holds bytes, not text"
    try:
        return list(column.to_pylist())
    except Exception:  # what a library raises for what it cannot hold
        cells = list(map(_cell, column))
    unread = [cell for cell in cells if isinstance(cell, _Unread)]
    no_other = len(unread) + column.null_count == len(cells)
    return f"cannot be read: {unread[0].why}" if no_other else cells


def _cell(cell: Any) -> Any:
    try:
        return cell.as_py()
    except Exception as error:  # as above
        return _Unread(one_line(error))
