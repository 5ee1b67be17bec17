"""Columns of metadata as numbers, and utterances that no slice can tell apart as one row."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evalkit.statistics.labels import UNKNOWN, labels_of

Column = Sequence[Any] | np.ndarray | pd.Categorical | pd.Series


class Rows(NamedTuple):
    """Utterances, those of one speaker with all values alike as one row. ``codes`` number the
    values, (columns, n); all others have the shape (n,). ``excess`` is by how much the
    amount exceeds that of the mean rate, at least 0."""

    codes: np.ndarray
    speaker: np.ndarray
    utterances: np.ndarray
    weight: np.ndarray
    amount: np.ndarray
    excess: np.ndarray

    def take(self, at: np.ndarray) -> Rows:
        return Rows(*(array.take(at, axis=-1) for array in self))


def distinct_rows(coded: list[tuple[np.ndarray, list[str]]], speaker: np.ndarray,
              amount: np.ndarray, weight: np.ndarray, rate: float) -> Rows:
    """Rows added up where the speaker and all columns' values are the same, as they often are
    where attributes are those of speakers. No slice can tell such rows apart."""
    key, size = speaker.astype(np.int64), int(speaker.max()) + 1
    for code, values in coded:
        if size * len(values) > np.iinfo(np.int64).max:
            distinct, key = np.unique(key, return_inverse=True)
            size = len(distinct)
        key, size = key * len(values) + code, size * len(values)
    _, first, place = np.unique(key, return_index=True, return_inverse=True)
    count, weight, amount = (np.bincount(place, of) for of in (None, weight, amount))
    codes = np.stack([code[first].astype(np.int32) for code, _ in coded])
    return Rows(codes, speaker[first], count, weight, amount,
                 np.maximum(amount - rate * weight, 0))


def coded(column: Column) -> tuple[np.ndarray, list[str]]:
    """A column's values as numbers, and the sorted labels that they number."""
    code, values = pd.factorize(pd.Series(column))
    labels = [*labels_of(pd.Series(values)), UNKNOWN]
    names, index = np.unique(np.array(labels, object), return_inverse=True)
    return index[code], names.tolist()


def speaker_codes(speakers: Column | None, n: int) -> np.ndarray:
    """Speakers as numbers, each row without one as another; all 0 where none are given."""
    if speakers is None:
        return np.zeros(n, int)
    code, names = pd.factorize(pd.Series(speakers))
    missing = code < 0
    return np.where(missing, len(names) + np.cumsum(missing) - 1, code)
