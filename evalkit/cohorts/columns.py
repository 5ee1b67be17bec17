"""Which columns of metadata are searched, by which labels, and what of them is left out.

Numbers are cut at their quartiles and texts beside them stay labels of their own
(evalkit.statistics.bins). Of a column with more than MOST_GROUPS labels those that enough
speakers have are kept and the others pooled. Columns that are outcomes, that have one label, or
none that enough speakers have, are not searched.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from evalkit.core.ledger import NAMED, LeftOut
from evalkit.statistics.grouping import (
    ALLOW,
    MOST_GROUPS,
    OF_FINDERS,
    OF_THE_CORPUS,
    grouped,
    in_one_form,
    known_groups,
    look_alikes,
    metadata_columns,
)
from evalkit.statistics.labels import UNKNOWN, labels_of
from evalkit.statistics.outcome_columns import determined, named_outcome
from evalkit.store.scores import owners

WHERE = "discovery"
"""What these columns take no part in."""
OTHER = "other"
"""The label of all that are pooled."""
ENOUGH = 8
"""Speakers that a label of a column with very many labels needs: three to be found by and five
fresh ones to be confirmed by (evalkit.cohorts.evidence)."""


class Columns(NamedTuple):
    """``labels`` of every utterance (rows of the run's table of utterances), a column each."""

    labels: pd.DataFrame
    left_out: list[LeftOut]
    warnings: list[str]


class _Column(NamedTuple):
    """The labels of one column, None where ``why`` says that it is not searched."""

    labels: pd.Series | None
    why: str = ""
    pooled: Sequence[str] = ()


def searched_columns(utterances: pd.DataFrame, rows: pd.DataFrame, metrics: Collection[str] = (),
                     allowed: Collection[str] = ()) -> Columns:
    """Of the run's ``utterances``, of which ``rows`` are the measurements of one metric.
    ``metrics`` are names that no honest column has, ``allowed`` columns although they are
    outcomes."""
    names = sorted(set(metadata_columns(utterances)) - OF_FINDERS)
    measured = rows[rows["error"].isna()]
    place = pd.Index(utterances["utterance_id"]).get_indexer(measured["utterance_id"])
    found = {name: _column(utterances, name, measured, place, metrics=metrics,
                           allowed=name in allowed) for name in names}
    labels = {name: column.labels for name, column in found.items() if column.labels is not None}
    notes = (look_alikes(name, labels_of(utterances[name])) for name in labels)
    owner = owners(utterances)
    unsearched = (item for name, column in labels.items()
                  for item in _apart(name, labels_of(utterances[name]), column, owner))
    return Columns(pd.DataFrame(labels, index=utterances.index), [*_left_out(found), *unsearched],
                   [note for note in notes if note])


def _left_out(found: dict[str, _Column]) -> Iterator[LeftOut]:
    for name, column in found.items():
        if column.labels is None:
            yield LeftOut("column", WHERE, column.why, names=(name,))
        if column.pooled:
            yield LeftOut("label", WHERE, f"{name} has more than {MOST_GROUPS} labels, those of "
                          f"fewer than {ENOUGH} speakers or beyond the {MOST_GROUPS} most "
                          f"frequent count as {OTHER!r}", len(column.pooled),
                          tuple(column.pooled[:NAMED]))


def _apart(name: str, written: pd.Series, labels: pd.Series, owner: pd.Series) -> Iterator[LeftOut]:
    """The speakers whose cell of a searched column is blank, or no number among numbers."""
    unknown = labels == UNKNOWN
    cut = bool(((labels != written) & (labels != OTHER)).any())
    for which, why in (
            (unknown, f"{name} is not known of them, they are in its group {UNKNOWN!r} alone"),
            (~unknown & (labels == written) & cut,
             f"{name} is no number or stands for none, so that they are in none of its bins")):
        speakers = owner[which].unique()
        if len(speakers):
            yield LeftOut("speaker", WHERE, why, len(speakers), tuple(map(str, speakers[:NAMED])))


def _column(utterances: pd.DataFrame, name: str, measured: pd.DataFrame, place: np.ndarray, *,
            metrics: Collection[str], allowed: bool) -> _Column:
    """``place`` (measured,) is where in ``utterances`` the one of each measurement is."""
    if no_trait := _not_a_trait(name, utterances):
        return _Column(None, no_trait)
    if not allowed and (why := named_outcome(name, metrics)):
        return _Column(None, f"{why}, to search it add {ALLOW}")
    labels = grouped(utterances, name)
    if (n := known_groups(labels)) < 2:
        return _Column(None, "has one label only" if n else "nothing is known of anybody")
    column = _pooled(labels, owners(utterances))
    if column.labels is None or allowed:
        return column
    if determined(measured.assign(label=pd.Categorical(column.labels).take(place))):
        return _Column(None, f"determines what was measured, to search it add {ALLOW}")
    return column


def _not_a_trait(name: str, utterances: pd.DataFrame) -> str:
    """Why a column says nothing of who speaks that another does not; "" where it may."""
    if name in OF_THE_CORPUS:
        return "says how the corpus is divided"
    return in_one_form(name, utterances)


def _pooled(labels: pd.Series, owner: pd.Series) -> _Column:
    """Rare labels as OTHER where there are more than MOST_GROUPS; ``owner`` is whose each is."""
    speakers = owner.groupby(labels).nunique().drop(UNKNOWN, errors="ignore")
    if len(speakers) <= MOST_GROUPS:
        return _Column(labels)
    order = speakers.sort_values(ascending=False, kind="stable")
    kept = order.index[order >= ENOUGH][:MOST_GROUPS]
    if not len(kept):
        return _Column(None, f"has more than {MOST_GROUPS} labels, none of {ENOUGH} speakers")
    pooled = order.index.difference(kept, sort=False)
    return _Column(labels.where(~labels.isin(pooled), OTHER), pooled=list(pooled))
