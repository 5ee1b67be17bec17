"""Which columns of metadata are labels of speakers: what people are grouped by first."""

from __future__ import annotations

import re
from collections.abc import Iterable

import pandas as pd

from evalkit.statistics.grouping import grouped, usual_columns
from evalkit.statistics.labels import UNKNOWN, labels_of, number_of

KINDS = (("gender", "genders", "sex"), ("age", "ages"),
         ("accent", "accents", "dialect", "dialects"), ("l1", "native", "mother"),
         ("language", "languages"), ("country", "countries"),
         ("region", "regions", "origin", "ethnicity", "race", "nationality"))
"""Words of the names of columns that people are usually grouped by, the first first."""
_WORD = re.compile(r"[^\W_]+")
_ONE_LABEL = 0.9
"""Share of the speakers that have one label in a column that is of speakers."""


def speaker_labels(utterances: pd.DataFrame, metrics: Iterable[str] = ()) -> list[str]:
    """Of the usual columns (evalkit.statistics.grouping) those with several labels that several
    speakers share, KINDS first. A column of no kind has one label a speaker, and is not of numbers.
    Where no speaker is known every utterance stands for one."""
    speakers = utterances["speaker_id"]
    if speakers.isna().all():
        speakers = utterances["utterance_id"]
    kinds = {column: _kind(column) for column in usual_columns(utterances, metrics)}
    return sorted((column for column, kind in kinds.items()
                   if _shared(grouped(utterances, column), speakers)
                   and (kind < len(KINDS) or _of_speakers(utterances[column], speakers))),
                  key=kinds.__getitem__)


def _kind(column: str) -> int:
    """The place of a column's kind among KINDS, their number for one of none."""
    words = set(_WORD.findall(column.lower()))
    return next((place for place, names in enumerate(KINDS) if words & {*names}), len(KINDS))


def _shared(labels: pd.Series, speakers: pd.Series) -> bool:
    """Whether at least two labels are of two speakers or more."""
    sizes = speakers.groupby(labels.where(labels != UNKNOWN)).nunique()
    return bool((sizes > 1).sum() > 1)


def _of_speakers(column: pd.Series, speakers: pd.Series) -> bool:
    """Whether nearly every speaker has one label, and some label is no number."""
    labels = labels_of(column)
    known = labels[labels != UNKNOWN]
    if all(number_of(label) is not None for label in known.unique()):
        return False
    return bool((known.groupby(speakers).nunique() == 1).mean() >= _ONE_LABEL)
