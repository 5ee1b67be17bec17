"""Columns that are outcomes of a version: their groups would say what was measured in it.

They are told as ``evalkit groups`` tells them (evalkit.statistics.outcome_columns): by their names,
and by the scores of each version, of every pipeline and metric. Crossed columns are one where one
of them is. Cohorts are made of what was measured, and confirmed: they are none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import numpy as np
import pandas as pd

from evalkit.compare.blocks import place_among, utterances_of
from evalkit.core.types import Fact
from evalkit.statistics.grouping import is_outcome, refuse_outcomes
from evalkit.statistics.outcome_columns import first_determined, measured
from evalkit.statistics.usual_metric import additive
from evalkit.store.documents.baseline import Block

COHORTS = "cohorts."
"""Columns ``cohorts.FINDER`` are the cohorts of cohorts.parquet."""


def refuse_named(columns: Iterable[str], facts: Mapping[str, Fact], allowed: Collection[str]
                 ) -> None:
    """Raises ConfigError for a column that is named like an outcome and not ``allowed``."""
    for column in columns:
        if not _is_allowed(column, allowed):
            refuse_outcomes(column.split(","), facts, allowed)


def refuse_determining(determined: Mapping[str, str], allowed: Collection[str], *, of: str = ""
                       ) -> None:
    """Raises ConfigError for a column that ``determined`` a metric ``of`` one version and is not
    ``allowed``."""
    for column, metric in determined.items():
        if not _is_allowed(column, allowed):
            raise is_outcome(column, f"it determines {metric}{of}")


def determined_by_blocks(judged: Iterable[str], columns: Sequence[str], blocks: Sequence[Block],
                         scores: pd.DataFrame, *, facts: Mapping[str, Fact]) -> dict[str, str]:
    """The ``judged`` of the ``columns`` whose groups in ``blocks`` determine a metric, and
    which."""
    size = [len(block.utterances) for block in blocks]
    labels = {column: np.repeat(_first(blocks, columns.index(column)), size)
              for column in judged if not column.startswith(COHORTS)}
    return determined_by_labels(labels, utterances_of(blocks), scores, facts)


def determined_by_labels(labels: Mapping[str, np.ndarray], utterances: Sequence[str],
                         scores: pd.DataFrame, facts: Mapping[str, Fact]) -> dict[str, str]:
    """The columns, of which ``labels`` (n,) are those of the ``utterances`` (n,), that determine a
    metric, and which."""
    if not labels:
        return {}
    rows = measured(scores.assign(place=place_among(utterances, scores)), additive(facts))
    found = {column: first_determined((metric, _labelled(part, values)) for metric, part in rows)
             for column, values in labels.items()}
    return {column: metric for column, metric in found.items() if metric is not None}


def _first(blocks: Sequence[Block], column: int) -> np.ndarray:
    return np.array([block.labels[column][0] for block in blocks], object)


def _labelled(rows: pd.DataFrame, labels: np.ndarray) -> pd.DataFrame:
    """With the ``label`` at the ``place`` of every row, none at -1."""
    codes, names = pd.factorize(pd.Series(labels))
    of_rows = np.append(codes, -1)[rows["place"]]
    return rows.assign(label=pd.Categorical.from_codes(of_rows, names))


def _is_allowed(column: str, allowed: Collection[str]) -> bool:
    return column.startswith(COHORTS) or bool({column, *column.split(",")} & set(allowed))
