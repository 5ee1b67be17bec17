"""The columns of metadata that people are grouped by where nobody names one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from evalkit.core.ledger import LeftOut
from evalkit.statistics.grouping import (
    MOST_GROUPS,
    OF_FINDERS,
    OF_THE_CORPUS,
    check_columns,
    group_labels,
    grouped,
    is_outcome,
    known_groups,
    metadata_columns,
    not_usual,
    refuse_outcomes,
    usual_columns,
)
from evalkit.statistics.outcome_columns import determined_metric, measured
from evalkit.store.scores import owners

MOST_UNASKED = 12
"""Groups of the first column where nobody has named one."""


@dataclass(frozen=True)
class GroupColumns:
    """The first column, then the others that make groups of their own; and what is left out."""

    names: list[str]
    left_out: list[LeftOut]


def first_column(utterances: pd.DataFrame, scores: pd.DataFrame, metric: str,
                 by: str | None = None, allowed: Collection[str] = ()) -> str | None:
    """The metadata column to group by, as ``choose_column`` says, of those that do not determine
    ``metric`` or are ``allowed``. Raises ConfigError where ``by`` is none, or such an outcome."""
    while column := choose_column(utterances, by, allowed):
        if column in allowed or not _determined_by(column, utterances, scores, metric):
            return column
        if by:
            raise is_outcome(column, f"it determines {metric}")
        utterances = utterances.drop(columns=column)
    return None


def choose_column(utterances: pd.DataFrame, by: str | None, allowed: Collection[str] = ()
                  ) -> str | None:
    """The column to group by: ``by``, or else "accent", or else the first usual metadata column
    (evalkit.statistics.grouping) of at most MOST_UNASKED groups, or else None. Raises ConfigError
    where ``by`` is not a metadata column, or an outcome that is not ``allowed``."""
    columns = metadata_columns(utterances)
    if by is not None:
        check_columns([by], columns, where=f"--by {by}: ")
        refuse_outcomes([by], (), allowed)
        return by
    if "accent" in columns and known_groups(grouped(utterances, "accent")) <= MOST_GROUPS:
        return "accent"
    return next((name for name in usual_columns(utterances)
                 if 2 <= known_groups(grouped(utterances, name)) <= MOST_UNASKED), None)


def group_columns(utterances: pd.DataFrame, scores: pd.DataFrame, metrics: Iterable[str],
                  first: str | None, allowed: Collection[str]) -> GroupColumns:
    """``first`` and what else people can be grouped by: a column that determines the most
    important of the ``metrics``, the first, is used only where it is ``allowed``."""
    known = list(metrics)
    chosen, lost = [first] if first else [], list(not_usual(utterances, known, allowed))
    for column in usual_columns(utterances, known, allowed):
        if column == first:
            continue
        why = next(_unwanted(utterances, column, chosen), None)
        if not why and column not in allowed and _determined_by(column, utterances, scores,
                                                                known[0]):
            why = f"determines {known[0]}"
        if why:
            lost.append(LeftOut("column", "groups", why, names=(column,)))
        else:
            chosen.append(column)
    return GroupColumns(chosen, lost)


def _determined_by(column: str, utterances: pd.DataFrame, scores: pd.DataFrame, metric: str
                   ) -> bool:
    """Whether ``column`` determines ``metric`` of any pipeline."""
    labels = group_labels(utterances, column).set_axis(utterances["utterance_id"])
    return determined_metric(labels, measured(scores, [metric])) is not None


def _unwanted(utterances: pd.DataFrame, column: str, chosen: Sequence[str]) -> Iterator[str]:
    """Why a column is not grouped by beside the ``chosen`` ones."""
    labels = grouped(utterances, column)
    if column in OF_FINDERS | OF_THE_CORPUS:
        yield "a place, or how the corpus is divided: `evalkit cohorts` looks there"
    for other in chosen:
        if _are_the_same(labels, grouped(utterances, other)):
            yield f"makes the same groups as {other}"
    if _are_the_same(labels, owners(utterances)):
        yield "every group is one speaker"


def _are_the_same(labels: pd.Series, others: pd.Series) -> bool:
    """Whether they make the same groups."""
    return pd.factorize(labels)[0].tolist() == pd.factorize(others)[0].tolist()
