"""What a run's scores come to in all, read a shard at a time."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc

from evalkit.store.scores import KEYS, SCHEMA, each_table, ratio

Counts = dict[tuple[str, str, str], int]
"""Utterances by pipeline, condition and score."""


class Overview(NamedTuple):
    """``summary`` is ``evalkit.store.scores.summarise`` of the table, ``failed`` are its rows with
    an error."""

    summary: pd.DataFrame
    failed: pd.DataFrame


def overview(run: Path) -> Overview:
    """Of the scores of ``run``. Raises RunError as each_table does."""
    sums, failed = [], [SCHEMA.empty_table()]
    for table in each_table(run):
        has_failed = pc.is_valid(table["error"])
        failed.append(table.filter(has_failed))
        sums.append(table.filter(pc.invert(has_failed)).group_by([*KEYS, "speaker_id"]).aggregate(
            [("amount", "sum"), ("weight", "sum"), ("utterance_id", "count")]))
    rows = pa.concat_tables(failed).to_pandas()
    return Overview(_summary(pa.concat_tables(sums).to_pandas(), rows), rows)


def _summary(sums: pd.DataFrame, failed: pd.DataFrame) -> pd.DataFrame:
    """Of ``sums`` by speaker and shard, and rows that have ``failed``."""
    table = sums.groupby(KEYS, sort=True).agg(
        amount=("amount_sum", "sum"), weight=("weight_sum", "sum"),
        n=("utterance_id_count", "sum"), n_speakers=("speaker_id", "nunique"))
    table = table.join(failed.groupby(KEYS).size().rename("n_failed"), how="outer").sort_index()
    counts = ["n", "n_failed", "n_speakers"]
    table[counts] = table[counts].fillna(0).astype(int)
    table.insert(0, "value", ratio(table["amount"], table["weight"]))
    return table.reset_index()


def utterances_of(run: Path, whole: Mapping[str, str]) -> Counts:
    """How many utterances have a row of each score; a metric is of the score that ``whole`` says.
    Those of one are never in two shards."""
    counts: dict[tuple[str, str, str], int] = {}
    for table in each_table(run):
        names = pc.dictionary_encode(table["metric"]).combine_chunks()
        scores = pa.array([whole.get(name, name) for name in names.dictionary.to_pylist()],
                          pa.string()).take(names.indices)
        place = table.schema.get_field_index("metric")
        found = table.set_column(place, "metric", scores).group_by(KEYS).aggregate(
            [("utterance_id", "count_distinct")]).to_pylist()
        for row in found:
            key = row["pipeline"], row["condition"], row["metric"]
            counts[key] = counts.get(key, 0) + row["utterance_id_count_distinct"]
    return counts
