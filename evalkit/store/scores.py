"""The scores table: one row per (pipeline, condition, utterance, metric).

Every summary is ``sum(amount) / sum(weight)`` over any set of rows; a row with ``error`` has
neither and is counted in ``n_failed``.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq

from evalkit.core.errors import RunError
from evalkit.core.memory import give_back
from evalkit.core.types import Derived, Fact
from evalkit.store.coded import read_coded
from evalkit.store.sealed import check

GIVEN = "given"
"""The condition of hypotheses, or scores of trials, that were made elsewhere."""
GIVEN_MEANS = f"{GIVEN!r} is the condition of what `evalkit score` and `evalkit trials` were given"
SCHEMA = pa.schema([
    ("pipeline", pa.string()), ("condition", pa.string()),
    ("utterance_id", pa.string()), ("speaker_id", pa.string()),
    ("metric", pa.string()), ("amount", pa.float64()), ("weight", pa.float64()),
    ("error", pa.string()),
])
KEYS = ["pipeline", "condition", "metric"]
FILLED = (*KEYS, "utterance_id")
"""Columns without missing values."""


def score_tables(run: Path) -> list[Path]:
    """The shards of a run's scores table; those that are half-written are none."""
    return sorted((run / "scores").glob("[!.]*.parquet"))


def each_table(run: Path) -> Iterator[pa.Table]:
    """The shards of a run's scores table, one after another.

    Raises RunError where there are none or one is not a scores table."""
    for shard in _whole_tables(run):
        try:
            yield read_columns(shard, SCHEMA.names, FILLED, SCHEMA)
        except (pa.ArrowException, OSError) as error:
            raise RunError(f"{shard.parent}: not a scores table: {error}") from error


def read_scores(run: Path | str, seal: str | None = None) -> pd.DataFrame:
    """All shards of a run's scores table, sorted by its key columns; texts are categories. The last
    table that had a ``seal`` is kept, as several questions are asked of one run. Raises RunError as
    ``each_table`` does."""
    return _read(Path(run)) if seal is None else _known(Path(run), seal).copy(deep=False)


@lru_cache(maxsize=1)
def _known(run: Path, _seal: str) -> pd.DataFrame:
    return _read(run)


def _read(run: Path) -> pd.DataFrame:
    shards = _whole_tables(run)
    try:
        return read_coded(shards, SCHEMA, ["pipeline", "condition", "utterance_id", "metric"],
                          _check_table)
    except (pa.ArrowException, OSError) as error:
        raise RunError(f"{shards[0].parent}: not a scores table: {error}") from error
    finally:
        give_back()


def _whole_tables(run: Path) -> list[Path]:
    folder, shards = run / "scores", score_tables(run)
    if not shards:
        raise RunError(f"{folder}: no scores; is {run} a run folder? `evalkit run` makes one")
    for shard in shards:
        check(shard)
    return shards


def _check_table(path: Path, table: pa.Table) -> None:
    require_columns(path, table.column_names, SCHEMA.names)
    require_filled(path, table, FILLED)


def read_columns(path: Path, columns: Collection[str], filled: Collection[str] = (),
                 schema: pa.Schema | None = None, *, alone: bool = False) -> pa.Table:
    """A Parquet file, of ``schema`` where one is given, or its ``columns`` ``alone``. Raises
    RunError where the file lacks one of ``columns``, which reading by a schema would make up, or a
    value in one of ``filled``."""
    require_columns(path, pq.read_schema(path).names, columns)
    table = pq.read_table(path, schema=schema, columns=list(columns) if alone else None)
    require_filled(path, table, filled)
    return table


def require_filled(path: Path, table: pa.Table, columns: Collection[str]) -> None:
    """Raises RunError, naming the file, for one of ``columns`` that lacks a value."""
    for name in columns:
        if missing := table[name].null_count:
            raise RunError(f"{path}: column {name!r} has no value in {missing} of {len(table)} "
                           "rows; the file is damaged: run it again")


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
    return table.reset_index()


def owners(rows: pd.DataFrame) -> pd.Series:
    """Whose each row is: its speaker, and where none is known its utterance."""
    speakers = rows["speaker_id"]
    return speakers.astype(object).where(speakers.notna(), rows["utterance_id"].astype(object)
                                         ) if speakers.isna().any() else speakers


def ratio(amount: Any, weight: Any) -> np.ndarray:
    """``amount / weight`` elementwise, NaN where the weight is 0."""
    amount, weight = np.asarray(amount, float), np.asarray(weight, float)
    if weight.all():  # in half the time
        return np.divide(amount, weight, out=np.empty(amount.shape))
    return np.divide(amount, weight, out=np.full(amount.shape, np.nan), where=weight != 0)


def with_derived(summary: pd.DataFrame, facts: Mapping[str, Fact],
                 by: Sequence[str] = KEYS) -> pd.DataFrame:
    """``summarise(scores, by)`` and a row a group for every fact that is derived from two scores
    which the group has; its counts are those of the first."""
    rows = [_derived(summary, name, fact.derived, by)
            for name, fact in facts.items() if fact.derived]
    return pd.concat([summary, *rows]).sort_values(list(by), ignore_index=True, kind="stable")


def _derived(summary: pd.DataFrame, name: str, derived: Derived, by: Sequence[str]
             ) -> pd.DataFrame:
    first, second = (summary[summary["metric"] == part] for part in derived.of)
    others = [column for column in by if column != "metric"]
    both = first.merge(second[[*others, "value"]], on=others or None,
                       how="inner" if others else "cross", suffixes=("", "_second"))
    value = _product(both["value"], both["value_second"])
    if derived.formula == "one minus product":
        value = 1 - value
    return both.drop(columns="value_second").assign(metric=name, value=value, amount=np.nan,
                                                    weight=np.nan)


def _product(first: pd.Series, second: pd.Series) -> pd.Series:
    return first.where(first == 0, first * second)
