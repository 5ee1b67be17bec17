"""Tables in codes: a run has few names, and millions of rows of them.

A column of texts becomes a pandas categorical, its categories sorted, so that a row costs a byte to
four of it, and to sort, to group and to count is done with whole numbers.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterable, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

ROWS = 1 << 18
"""Rows that are looked at together."""
Check = Callable[[Path, pa.Table], None]
_Part = dict[str, np.ndarray]
"""The rows of one file: numbers, or of texts their codes, -1 where there is none."""


def read_coded(paths: Sequence[Path], schema: pa.Schema, order: Sequence[str], check: Check
               ) -> pd.DataFrame:
    """The rows of Parquet files in the columns of ``schema``, texts and numbers, sorted by the text
    columns ``order``; rows that are alike in them stay as they come. ``check`` is given each file's
    table and may refuse it. Raises as pyarrow does for what cannot be read."""
    texts = [field.name for field in schema if pa.types.is_string(field.type)]
    read = [part for path in paths if (part := _read(path, schema, texts, check))]
    names = {name: _Names(part.texts[name] for part in read) for name in texts}
    parts = []
    while read:
        parts.append(_sorted(_coded(read.pop(0), names), order))
    if not parts:
        return schema.empty_table().to_pandas()
    columns = _joined(parts, order)
    return pd.DataFrame({name: names[name].categorical(columns[name]) if name in names
                         else columns[name] for name in schema.names}, copy=False)


def recoded(table: pd.DataFrame, like: pd.DataFrame, columns: Sequence[str]) -> pd.DataFrame:
    """``table`` with ``columns`` in the codes of ``like``, which has their names; a column that has
    others too stays as it is."""
    names = {name: like[name].cat.categories for name in columns if len(like)}
    found = {name: pc.index_in(pa.array(table[name], pa.string()),
                               pa.array(known, pa.string())) for name, known in names.items()}
    return table.assign(**{name: pd.Categorical.from_codes(
        codes.to_numpy(), names[name]) for name, codes in found.items() if not codes.null_count})


def among(column: pd.Series, names: Collection[str]) -> np.ndarray:
    """Which rows of a column, (n,), are one of few ``names``. pandas' own ``isin`` keeps a table of
    all that a categorical may be, and takes eight bytes a row."""
    if not isinstance(column.dtype, pd.CategoricalDtype):
        return column.isin(names).to_numpy()
    wanted, codes = np.append(column.cat.categories.isin(names), False), column.cat.codes.to_numpy()
    found = np.empty(len(codes), bool)
    for start in range(0, len(codes), ROWS):
        found[start:start + ROWS] = wanted[codes[start:start + ROWS]]
    return found


class _File(NamedTuple):
    """The rows of one file, and the texts that its codes stand for."""

    rows: _Part
    texts: dict[str, pa.Array]


def _read(path: Path, schema: pa.Schema, texts: Sequence[str], check: Check) -> _File | None:
    """None where there are no rows."""
    table = pq.read_table(path, read_dictionary=list(texts))
    check(path, table)
    if not len(table):
        return None
    coded = pa.dictionary(pa.int32(), pa.string())
    wanted = pa.schema([field.with_type(coded) if field.name in texts else field
                        for field in schema])
    table = table.select(schema.names).cast(wanted).unify_dictionaries().combine_chunks()
    columns = {name: table[name].chunk(0) for name in schema.names}
    return _File({name: _places(column) if name in texts else np.array(column)
                  for name, column in columns.items()},
                 {name: columns[name].dictionary for name in texts})


def _places(column: pa.DictionaryArray) -> np.ndarray:
    """Places among the column's own texts in as few bytes as they take, -1 where there is none."""
    return column.indices.fill_null(-1).to_numpy().astype(_least(len(column.dictionary)))


def _least(n: int) -> np.dtype[Any]:
    """The smallest type of whole numbers for -1 to ``n`` - 1."""
    return np.min_scalar_type(-max(n, 1))


class _Names:
    """The texts of a column of several files, each with a code by its place among all, sorted."""

    def __init__(self, dictionaries: Iterable[pa.Array]) -> None:
        every = list(dictionaries)
        found = pa.chunked_array(every, pa.string()).combine_chunks().dictionary_encode()
        order = pc.sort_indices(found.dictionary).to_numpy()
        self.texts = found.dictionary.take(pa.array(order))
        place = np.empty(len(order), _least(len(order)))
        place[order] = np.arange(len(order))
        ends = np.cumsum([len(each) for each in every])[:-1]
        self._places = iter(np.split(place[found.indices.to_numpy()], ends))

    def codes(self, places: np.ndarray) -> np.ndarray:
        """The codes of the next file's column, of which ``places`` are those among its own
        texts."""
        place = next(self._places)
        return np.append(place, place.dtype.type(-1))[places]  # the last where there is none

    def categorical(self, codes: np.ndarray) -> pd.Categorical:
        """The texts of ``codes``."""
        return pd.Categorical.from_codes(codes, pd.Index(self.texts.to_pandas()), validate=False)


def _coded(file: _File, names: dict[str, _Names]) -> _Part:
    return {name: names[name].codes(column) if name in names else column
            for name, column in file.rows.items()}


def _sorted(part: _Part, order: Sequence[str]) -> _Part:
    at = np.lexsort([part[name] for name in reversed(order)])
    return {name: column[at] for name, column in part.items()}


def _joined(parts: list[_Part], order: Sequence[str]) -> _Part:
    """All rows, sorted; files mostly follow one another."""
    def end(part: _Part, at: int) -> tuple[int, ...]:
        return tuple(int(part[name][at]) for name in order)

    parts.sort(key=lambda part: end(part, 0))
    follow = all(end(a, -1) < end(b, 0) for a, b in pairwise(parts))
    whole = {name: np.concatenate([part.pop(name) for part in parts]) for name in list(parts[0])}
    return whole if follow else _sorted(whole, order)
