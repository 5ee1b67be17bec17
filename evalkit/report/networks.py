"""What networks take, as tables show it: multiply-accumulates and weights."""

from __future__ import annotations

import math
from collections.abc import Sequence

from evalkit.core import text
from evalkit.core.types import Cost, Fact
from evalkit.report.table import Cell, Column, counted, measured

COLUMNS: Sequence[Column] = (
    Column("macs", "Multiply-accumulates, millions a second", "number"),
    Column("weights", "Weights", "number"), Column("bytes", "Weights, MB", "number"))
MOST = 40
"""Characters of what a number leaves out."""
ONE_DIGIT = Fact("", None, "", decimals=1)
UNSAID = Cost(unknown="the run does not say")


def cells(cost: Cost) -> dict[str, Cell]:
    """Of COLUMNS; where all of it is known, beside the multiply-accumulates what they leave out."""
    whole = None not in (cost.weights, cost.bytes, cost.macs_per_second)
    return {"macs": known(cost.macs_per_second, cost.unknown, 1e-6,
                          detail=text.short(cost.unknown, MOST) if whole else ""),
            "weights": (known(None, cost.unknown) if cost.weights is None
                        else counted(cost.weights)),
            "bytes": known(cost.bytes, cost.unknown, 1e-6)}


def known(number: float | None, unknown: str, scale: float = 1.0, *, detail: str = "") -> Cell:
    """A number times ``scale``, with one decimal where it has any; ``unknown`` says why there is
    none."""
    if number is None:
        return measured(math.nan, ONE_DIGIT, undefined=unknown)
    return Cell(f"{scale * number:,.1f}".removesuffix(".0"), detail, value=scale * number)
