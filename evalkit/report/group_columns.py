"""The columns of metadata by which a page groups when nobody names one."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass

import pandas as pd

from evalkit.cohorts.columns import OF_FINDERS, OF_THE_CORPUS
from evalkit.core.ledger import LeftOut
from evalkit.report.groups import determined_by
from evalkit.statistics.grouping import grouped, not_usual, usual_columns


@dataclass(frozen=True)
class GroupColumns:
    """The page's own column, then the others that make groups of their own; and what is left
    out."""

    names: list[str]
    left_out: list[LeftOut]


def group_columns(utterances: pd.DataFrame, scores: pd.DataFrame, metrics: Iterable[str],
                  first: str, allowed: Collection[str]) -> GroupColumns:
    """``first`` and what else people can be grouped by: a column that determines the most
    important of the ``metrics``, the first, is used only where it is ``allowed``."""
    known = list(metrics)
    chosen, lost = [first], list(not_usual(utterances, known, allowed))
    for column in usual_columns(utterances, known, allowed):
        if column == first:
            continue
        why = next(_unwanted(utterances, column, chosen), None)
        if not why and column not in allowed and determined_by(column, utterances, scores,
                                                               known[0]):
            why = f"determines {known[0]}"
        if why:
            lost.append(LeftOut("column", "groups", why, names=(column,)))
        else:
            chosen.append(column)
    return GroupColumns(chosen, lost)


def _unwanted(utterances: pd.DataFrame, column: str, chosen: Sequence[str]) -> Iterator[str]:
    """Why a column is not grouped by beside the ``chosen`` ones."""
    labels = grouped(utterances, column)
    if column in OF_FINDERS | OF_THE_CORPUS:
        yield "a place, or how the corpus is divided: `evalkit cohorts` looks there"
    for other in chosen:
        if pd.factorize(labels)[0].tolist() == pd.factorize(grouped(utterances, other))[0].tolist():
            yield f"makes the same groups as {other}"
