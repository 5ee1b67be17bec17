"""Columns that are outcomes of a version: their groups would say what was measured in it.

They are told as ``evalkit groups`` tells them (evalkit.statistics.outcome_columns): by their names,
and by the scores of each version, of every pipeline and metric. Crossed columns are one where one
of them is. Cohorts are made of what was measured, and confirmed: they are none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence

import pandas as pd

from evalkit.core.types import Fact
from evalkit.statistics.grouping import is_outcome, refuse_outcomes
from evalkit.statistics.outcome_columns import determined_metric, measured
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
    labels = {column: {utterance: block.labels[columns.index(column)][0]
                       for block in blocks for utterance in block.utterances}
              for column in judged if not column.startswith(COHORTS)}
    return determined_by_labels(labels, scores, facts)


def determined_by_labels(labels: Mapping[str, Mapping[str, str]], scores: pd.DataFrame,
                         facts: Mapping[str, Fact]) -> dict[str, str]:
    """The columns, of which ``labels`` are those of every utterance, that determine a metric, and
    which."""
    rows = measured(scores, additive(facts)) if labels else []
    found = {column: determined_metric(labels[column], rows) for column in labels}
    return {column: metric for column, metric in found.items() if metric is not None}


def _is_allowed(column: str, allowed: Collection[str]) -> bool:
    return column.startswith(COHORTS) or bool({column, *column.split(",")} & set(allowed))
