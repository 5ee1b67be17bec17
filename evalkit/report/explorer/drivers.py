"""What drives the sum: how few utterances make half of all errors."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import pandas as pd

from evalkit.report.table import Column, Row, Table, counted, texts


@dataclass(frozen=True)
class Drivers:
    """With ``pipeline`` under ``condition``, "" for all together: the ``half`` utterances with the
    most errors have at least half of all ``errors``; ``wrong`` of the ``n`` have any. ``names`` are
    those of the half, the most errors first."""

    pipeline: str
    condition: str
    n: int
    wrong: int
    errors: int
    half: int
    names: tuple[str, ...]


def drivers(scores: pd.DataFrame) -> list[Drivers]:
    """Of the rows of one metric that counts errors: for every pipeline all conditions together,
    where it has several, then each."""
    measured = scores.dropna(subset="amount").groupby("pipeline", sort=False)
    return [each for pipeline, rows in measured for each in _of_pipeline(str(pipeline), rows)]


def _of_pipeline(pipeline: str, rows: pd.DataFrame) -> Iterator[Drivers]:
    parts = [(str(name), part) for name, part in rows.groupby("condition", sort=False)]
    for condition, part in [("", rows), *parts] if len(parts) > 1 else parts:
        errors = part.groupby("utterance_id")["amount"].sum().sort_values(
            ascending=False, kind="stable")
        half = fewest_for_half(errors.to_numpy())
        yield Drivers(pipeline, condition, len(errors), int((errors > 0).sum()),
                      round(float(errors.sum())), half, tuple(errors.index[:half]))


def fewest_for_half(errors: np.ndarray) -> int:
    """How many of the numbers, which are not negative and fall, make at least half of their sum; 0
    where the sum is 0."""
    if not errors.sum() > 0:
        return 0
    return 1 + int(np.searchsorted(np.cumsum(errors), errors.sum() / 2, side="left"))


def table(found: list[Drivers]) -> Table:
    """A row a pipeline and condition."""
    columns = [Column("pipeline", "Pipeline"), Column("condition", "Condition"),
               Column("n", "Utterances", "number"), Column("wrong", "With errors", "number"),
               Column("errors", "Errors", "number"),
               Column("half", "Utterances that make half of the errors", "number")]
    return Table("half-of-errors", "How few utterances make half of all errors", columns, [
        Row(texts(pipeline=each.pipeline, condition=each.condition or "all together")
            | {key: counted(getattr(each, key)) for key in ("n", "wrong", "errors", "half")})
        for each in found])
