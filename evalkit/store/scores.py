"""The scores table: one row per (pipeline, condition, utterance, metric).

Every summary is ``sum(amount) / sum(weight)`` over any set of rows; a row with ``error`` has
neither and is counted in ``n_failed``.
"""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.core.errors import RunError
from evalkit.core.types import Fact

SCHEMA = pa.schema([
    ("pipeline", pa.string()), ("condition", pa.string()),
    ("utterance_id", pa.string()), ("speaker_id", pa.string()),
    ("metric", pa.string()), ("amount", pa.float64()), ("weight", pa.float64()),
    ("error", pa.string()),
])
KEYS = ["pipeline", "condition", "metric"]
FILLED = (*KEYS, "utterance_id")
"""Columns without missing values."""


@dataclass(frozen=True)
class Derived:
    """A value that follows from those of two additive scores, and so has no rows of its own."""

    parts: tuple[str, str]
    formula: Callable[[pd.Series, pd.Series], pd.Series]
    fact: Fact


def _preserved(recall: pd.Series, precision: pd.Series) -> pd.Series:
    """Word information preserved. Precision is undefined where nothing at all was recognised:
    nothing is preserved then."""
    return recall.where(recall == 0, recall * precision)


_WORD_INFORMATION = ("correct words divided by reference words, times correct words divided by "
                     "hypothesis words, all pooled; Morris, Maier & Green 2004")
DERIVED: Mapping[str, Derived] = {
    "wip": Derived(("wer.hits", "wer.precision"), _preserved,
                   Fact("%", True, f"Word information preserved: {_WORD_INFORMATION}",
                        title="Word information preserved")),
    "wil": Derived(("wer.hits", "wer.precision"), lambda a, b: 1 - _preserved(a, b),
                   Fact("%", False, f"Word information lost, 1 minus: {_WORD_INFORMATION}",
                        title="Word information lost")),
}


def read_scores(run: Path | str) -> pd.DataFrame:
    """All shards of a run's scores table, sorted by its key columns.

    Raises RunError where there are none or one is not a scores table."""
    folder = Path(run) / "scores"
    shards = sorted(folder.glob("*.parquet"))
    if not shards:
        raise RunError(f"{folder}: no scores; is {run} a run folder? `evalkit run` makes one")
    try:
        table = pa.concat_tables(read_columns(s, SCHEMA.names, FILLED, SCHEMA) for s in shards)
    except (pa.ArrowException, OSError) as error:
        raise RunError(f"{folder}: not a scores table: {error}") from error
    frame = table.to_pandas()
    return frame.sort_values(["pipeline", "condition", "utterance_id", "metric"],
                             ignore_index=True, kind="stable")


def read_columns(path: Path, columns: Collection[str], filled: Collection[str] = (),
                 schema: pa.Schema | None = None) -> pa.Table:
    """A Parquet file, of ``schema`` where one is given. Raises RunError where the file lacks one
    of ``columns``, which reading by a schema would make up, or a value in one of ``filled``."""
    require_columns(path, pq.read_schema(path).names, columns)
    table = pq.read_table(path, schema=schema)
    for name in filled:
        if missing := table[name].null_count:
            raise RunError(f"{path}: column {name!r} has no value in {missing} of {len(table)} "
                           "rows; the file is damaged: run it again")
    return table


def require_columns(path: Path, present: Collection[str], columns: Collection[str]) -> None:
    """Raises RunError, naming the file, for ``columns`` that are not ``present``."""
    missing = [repr(name) for name in columns if name not in present]
    if missing:
        raise RunError(f"{path}: has no column {', '.join(missing)}; the file is damaged or of "
                       "another program: run it again")


def summarise(scores: pd.DataFrame, by: Sequence[str] = KEYS) -> pd.DataFrame:
    """One row a group of ``by`` (which must include "metric"), sorted by it, with columns
    ``value`` (NaN where the weights sum to 0), ``amount``, ``weight``, ``n`` (utterances that
    were measured), ``n_failed`` and ``n_speakers`` (of the measured ones)."""
    by = list(by)
    failed = scores["error"].notna()
    measured = scores[~failed]
    groups = measured.groupby(by, sort=True, dropna=False, observed=True)
    table = groups.agg(amount=("amount", "sum"), weight=("weight", "sum"),
                       n=("utterance_id", "size"), n_speakers=("speaker_id", "nunique"))
    failures = scores[failed].groupby(by, dropna=False, observed=True).size().rename("n_failed")
    table = table.join(failures, how="outer").sort_index()
    counts = ["n", "n_failed", "n_speakers"]
    table[counts] = table[counts].fillna(0).astype(int)
    table.insert(0, "value", ratio(table["amount"], table["weight"]))
    return _with_derived(table.reset_index(), by)


def ratio(amount: Any, weight: Any) -> np.ndarray:
    """``amount / weight`` elementwise, NaN where the weight is 0."""
    amount, weight = np.asarray(amount, float), np.asarray(weight, float)
    return np.divide(amount, weight, out=np.full(amount.shape, np.nan), where=weight != 0)


def _with_derived(table: pd.DataFrame, by: list[str]) -> pd.DataFrame:
    others = [name for name in by if name != "metric"]
    made = []
    for name, derived in DERIVED.items():
        first, second = derived.parts
        a = table[table["metric"] == first]
        b = table.loc[table["metric"] == second, [*others, "value"]]
        if a.empty or b.empty:
            continue
        both = (a.merge(b, on=others, suffixes=("", "_b")) if others
                else a.assign(value_b=b["value"].iloc[0]))
        values = derived.formula(both["value"], both["value_b"])
        made.append(both.drop(columns="value_b").assign(
            metric=name, value=values, amount=np.nan, weight=np.nan))
    if not made:
        return table
    return pd.concat([table, *made]).sort_values(by, ignore_index=True, kind="stable")
