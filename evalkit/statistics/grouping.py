"""A column of metadata as groups: its labels, its numbers in bins, and neither so many that they
name people one by one nor made of what was measured."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from itertools import islice
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import take

from evalkit.core.errors import ColumnError
from evalkit.core.ledger import LeftOut
from evalkit.core.names import offer
from evalkit.core.types import AS_GIVEN
from evalkit.statistics.bins import binned
from evalkit.statistics.labels import UNKNOWN, alike, labels_of
from evalkit.statistics.outcome_columns import named_outcome
from evalkit.store.manifest_rows import FIELDS

MOST_COLUMNS = 200
"""Columns that are looked at for a hint."""
MOST_GROUPS = 50
"""A column with more of them is no grouping of speakers."""
OF_FINDERS = frozenset({"latitude", "longitude", "postcode"})
"""Columns that finders of cohorts read themselves."""
OF_THE_CORPUS = frozenset({"split"})
"""Columns that say how a corpus is divided, and nothing of who speaks."""
ALLOW = "--allow-outcome"
"""The option that uses a column although it is an outcome."""


def metadata_columns(utterances: pd.DataFrame) -> list[str]:
    """The columns of a run's utterances that the corpus declared."""
    known = {*FIELDS, "utterance_id", "speaker_id"}
    return [str(name) for name in utterances.columns if name not in known]


def grouped(utterances: pd.DataFrame, column: str) -> pd.Series:
    """The group of every utterance: its label, or the bin of its number where there are many
    numbers."""
    return binned(labels_of(utterances[column]))


def group_labels(utterances: pd.DataFrame, column: str) -> pd.Series:
    """``grouped``. Raises ConfigError for more than MOST_GROUPS groups."""
    labels = grouped(utterances, column)
    if (n := known_groups(labels)) > MOST_GROUPS:
        raise ColumnError(f"column {column!r} has {n:,} groups, more than {MOST_GROUPS}, which are "
                          "too many to compare; name another column, or put its labels together "
                          "in the manifest", column)
    return labels


def places(ids: pd.Series, known: pd.Index) -> np.ndarray:
    """Of every one of ``ids`` its place among those ``known``, -1 where it is not there: (n,)."""
    if isinstance(ids.dtype, pd.CategoricalDtype):
        return np.append(known.get_indexer(ids.cat.categories), -1)[ids.cat.codes]
    return known.get_indexer(pd.Index(ids))


def told_of(ids: pd.Series, facts: pd.DataFrame, columns: Iterable[str]) -> dict[str, Any]:
    """Of every one of ``ids`` what ``columns`` of ``facts``, by id, say, those that it has: missing
    where they do not know it."""
    known = [name for name in columns if name in facts]
    at = places(ids, facts.index) if known else np.empty(0, int)
    return {name: take(facts[name].array, at, allow_fill=True) for name in known}


def known_groups(labels: pd.Series) -> int:
    """How many different labels there are beside UNKNOWN."""
    return len(set(labels.unique()) - {UNKNOWN})


def usual_columns(utterances: pd.DataFrame, metrics: Iterable[str] = (),
                  allowed: Collection[str] = ()) -> list[str]:
    """The metadata columns of 2 to MOST_GROUPS groups, UNKNOWN among them, that are not named like
    outcomes (``metrics`` are such names too) or are ``allowed``."""
    return [column for column in metadata_columns(utterances)
            if not unusual(utterances, column, metrics, allowed)]


def has_usual(utterances: pd.DataFrame, metrics: Iterable[str] = ()) -> bool:
    """Whether there is any of ``usual_columns`` among the first MOST_COLUMNS."""
    names = list(metrics)
    return any(not unusual(utterances, column, names, ())
               for column in islice(metadata_columns(utterances), MOST_COLUMNS))


def not_usual(utterances: pd.DataFrame, metrics: Iterable[str] = (),
              allowed: Collection[str] = ()) -> Iterator[LeftOut]:
    """The other metadata columns, for the ledger."""
    for column in metadata_columns(utterances):
        if why := unusual(utterances, column, metrics, allowed):
            yield LeftOut("column", "groups", why, names=(column,))


def unusual(utterances: pd.DataFrame, column: str, metrics: Iterable[str],
            allowed: Collection[str]) -> str | None:
    """Why a column is not grouped by unasked; None where it is."""
    if column not in allowed and (why := named_outcome(column, metrics)):
        return f"{why}, to use it add {ALLOW}"
    if why := in_one_form(column, utterances):
        return why
    labels = grouped(utterances, column)
    if known_groups(labels) > MOST_GROUPS:
        return f"more than {MOST_GROUPS} groups"
    return "one group only" if labels.nunique() < 2 else None


def in_one_form(column: str, utterances: pd.DataFrame) -> str:
    """That the labels of a column stand in another in one form; "" where they do not."""
    other = column.removesuffix(AS_GIVEN)
    return f"its labels are in {other} in one form" if (
        other != column and other in utterances) else ""


def refuse_outcomes(columns: Iterable[str], metrics: Iterable[str], allowed: Collection[str]
                    ) -> None:
    """Raises ConfigError for a column that is named like an outcome (``metrics`` are such names
    too) and not among the ``allowed``."""
    names = list(metrics)
    for column in columns:
        if column not in allowed and (why := named_outcome(column, names)):
            raise is_outcome(column, why)


def is_outcome(column: str, why: str) -> ColumnError:
    """That a column is not grouped by unless it is allowed."""
    return ColumnError(f"column {column!r} is left out: {why}, so its groups would say what was "
                       f"measured and not who is served; to use it all the same, add {ALLOW} "
                       f"{column}", column)


def check_columns(columns: Iterable[str], known: Iterable[Any], *, also: Iterable[Any] = (),
                  where: str = "") -> None:
    """Raises ConfigError, after ``where`` naming the nearest, for a column that is neither
    ``known`` nor ``also`` there."""
    names = list(map(str, known))
    for column in columns:
        if column not in names and column not in also:
            raise ColumnError(f"{where}no column {column!r} to group by; {offer(column, names)}",
                              column)


def look_alikes(column: str, labels: pd.Series) -> str | None:
    """A warning of labels that differ in nothing but capital letters; None where none do."""
    same = alike(map(str, labels.unique()))
    if not same:
        return None
    sets = "; ".join(" and ".join(map(repr, spellings)) for spellings in same)
    return (f"labels of {column} that differ in capital letters only are groups of their own: "
            f"{sets}; write them alike in the manifest if they mean one thing")
