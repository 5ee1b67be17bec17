"""Which utterances a page holds: all, or where they would be too many, the worst of everybody.

An utterance under a condition comes with all pipelines, so that they can be set side by side. Its
place is the best that it has in any list of the worst: that of a pipeline under the condition, and
within it those of the groups by every column of the page, of what failed, of loops and of words
where nothing was said. Each list has the most errors first (by a metric that counts no errors, the
worst value first). The page takes utterances by their places until its budget of bytes is spent.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pandas as pd
from pandas.api.extensions import take

from evalkit.report.explorer.reading import CELL
from evalkit.statistics.grouping import places

BUDGET = 2_000_000
"""Bytes of a page's utterances, at most."""
OF_A_ROW, OF_AN_UTTERANCE = 40, 90
"""Bytes beside texts and alignments, roughly: what the budget is compared with is an estimate
from above."""
UNIT = ["utterance_id", "condition"]


def chosen(ranked: pd.DataFrame, labels: Mapping[str, pd.Series], budget: int = BUDGET
           ) -> pd.DataFrame:
    """The rows of ``ranked`` that a page holds, and their ``place``, the first is 0; the order of
    rows stays. ``ranked`` has a row a pipeline, condition and utterance, with ``badness``, the
    number of ``errors``, its ``kind`` ("" or what it has a list of its own for) and the ``bytes``
    of its texts; ``labels`` are groups by utterance_id."""
    place = _places(ranked, labels)
    rows = ranked[[*UNIT, "errors", "bytes"]].assign(place=place, at=np.arange(len(ranked)))
    # Before a row stand at least as many units as its place says: those far behind cost too much.
    near = rows["place"] <= budget // (OF_A_ROW + OF_AN_UTTERANCE)
    unit = rows.groupby(UNIT, observed=True).ngroup()
    rows = rows[unit.isin(unit[near])]
    units = rows.groupby(UNIT, sort=True).agg(place=("place", "min"), errors=("errors", "max"),
                                              size=("bytes", "sum"), n=("bytes", "size"))
    units = units.sort_values(["place", "errors", *UNIT], ascending=[True, False, True, True])
    spent = (units["size"] + OF_A_ROW * units["n"] + OF_AN_UTTERANCE).cumsum()
    kept = units[spent <= budget]
    at = rows.loc[rows.set_index(UNIT).index.isin(kept.index), "at"].to_numpy()
    return ranked.iloc[at].assign(place=place[at])


def _places(ranked: pd.DataFrame, labels: Mapping[str, pd.Series]) -> np.ndarray:
    """Of every row the best place in any list."""
    ordered = ranked[[*CELL, "kind", "errors", "badness", "utterance_id"]].sort_values(
        ["errors", "badness", "utterance_id"], ascending=[False, False, True], kind="stable")
    cell = ordered.groupby(CELL).ngroup().to_numpy()
    best, at = np.minimum(_nth(cell), _nth(cell, ordered["kind"].to_numpy())), None
    for groups in labels.values():  # of the same utterances
        at = at if at is not None else places(ordered["utterance_id"], groups.index)
        best = np.minimum(best, _nth(cell, take(groups.array, at, allow_fill=True)))
    return pd.Series(best, ordered.index).reindex(ranked.index).to_numpy()


def _nth(cell: np.ndarray, label: Any = None) -> np.ndarray:
    """Of every row how many rows of its cell and label, also of none, stand before it."""
    code = cell if label is None else (
        cell + (1 + cell.max(initial=0)) * (1 + pd.factorize(label)[0]))
    return pd.Series(code).groupby(code).cumcount().to_numpy()
