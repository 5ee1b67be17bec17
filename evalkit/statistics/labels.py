"""Labels of groups, and the group of those whose label is missing."""

from __future__ import annotations

import pandas as pd

UNKNOWN = "unknown"


def labels_of(column: pd.Series) -> pd.Series:
    """Labels as text, UNKNOWN where missing or blank; whole numbers without a decimal point."""
    if pd.api.types.is_float_dtype(column) and (column.dropna() % 1 == 0).all():
        column = column.astype("Int64")
    text = column.astype("string").str.strip().fillna("")
    return text.where(text != "", UNKNOWN).astype(object)
