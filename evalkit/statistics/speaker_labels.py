"""Which columns of metadata are labels of speakers: what people are grouped by first."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

import pandas as pd

from evalkit.statistics.grouping import MOST_COLUMNS, grouped, metadata_columns, unusual
from evalkit.statistics.labels import UNKNOWN, labels_of, number_of

KINDS = (("gender", "genders", "sex"), ("age", "ages"),
         ("accent", "accents", "dialect", "dialects"), ("l1", "native", "mother"),
         ("language", "languages"), ("country", "countries"),
         ("region", "regions", "origin", "ethnicity", "race", "nationality"))
"""Words of the names of columns that people are usually grouped by, the first first."""
_WORD = re.compile(r"[^\W_]+")
_ONE_LABEL = 0.9
"""Share of the speakers that have one label in a column that is of speakers."""


def speaker_labels(utterances: pd.DataFrame, metrics: Sequence[str] = ()) -> Iterator[str]:
    """Of the usual columns (evalkit.statistics.grouping) those with several labels that several
    speakers share, KINDS first. A column of no kind has one label a speaker, and is not of numbers.
    Where no speaker is known every utterance stands for one. At most MOST_COLUMNS are looked at."""
    speakers = utterances["speaker_id"]
    if speakers.isna().all():
        speakers = utterances["utterance_id"]
    columns = sorted(metadata_columns(utterances), key=_kind)[:MOST_COLUMNS]
    return (column for column in columns
            if _of_speakers(utterances[column], speakers, known=_kind(column) < len(KINDS))
            and not unusual(utterances, column, metrics, ())
            and _shared(grouped(utterances, column), speakers))


def _kind(column: str) -> int:
    """The place of a column's kind among KINDS, their number for one of none."""
    words = set(_WORD.findall(column.lower()))
    return next((place for place, names in enumerate(KINDS) if words & {*names}), len(KINDS))


def _shared(labels: pd.Series, speakers: pd.Series) -> bool:
    """Whether at least two labels are of two speakers or more."""
    sizes = speakers.groupby(labels.where(labels != UNKNOWN)).nunique()
    return bool((sizes > 1).sum() > 1)


def _of_speakers(column: pd.Series, speakers: pd.Series, *, known: bool) -> bool:
    """Whether a column is of a ``known`` kind, or nearly every speaker has one label in it, and
    some label is no number."""
    labels = labels_of(column)
    labels = labels[labels != UNKNOWN]
    if known or all(number_of(label) is not None for label in labels.unique()):
        return known
    return bool((labels.groupby(speakers).nunique() == 1).mean() >= _ONE_LABEL)
