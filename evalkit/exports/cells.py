"""A value of everybody or of one group, with its interval and what stands behind it."""

from __future__ import annotations

import math
from dataclasses import dataclass

from evalkit.core.types import Fact
from evalkit.report.headline import Value
from evalkit.statistics.groups import GroupReport, GroupRow, Status
from evalkit.statistics.verification import VerificationReport, VerificationRow

NAN = math.nan


@dataclass(frozen=True)
class Cell:
    """``by`` are the columns that make ``group``, both empty for everybody. ``low`` and ``high``
    are the 95 % interval over speakers, NaN where there is none. ``n`` counts ``counted``.
    ``gap`` is by how much the value lies above that of all other groups together, with its
    interval and p-value adjusted for the number of groups; NaN where it was not compared."""

    metric: str
    condition: str
    value: float
    low: float
    high: float
    n: int
    n_failed: int
    n_speakers: int
    counted: str = "utterances"
    by: str = ""
    group: str = ""
    status: Status = "ok"
    gap: float = NAN
    gap_low: float = NAN
    gap_high: float = NAN
    p_adjusted: float = NAN

    @property
    def people(self) -> int:
        """How many it speaks of: utterances where nobody knows the speakers."""
        return self.n_speakers or self.n

    @property
    def slice(self) -> str:
        """Of whom it is, and where, such as "condition=clean, accent=Scottish"."""
        where = f"condition={self.condition}"
        return f"{where}, {self.by}={self.group}" if self.by else where


def of_value(row: Value) -> Cell:
    """A headline value."""
    low, high = row.interval or (NAN, NAN)
    return Cell(row.metric, row.condition, row.value, low, high, row.n or 0, row.n_failed,
                row.n_speakers or 0, row.counted)


def of_group(report: GroupReport, row: GroupRow) -> Cell:
    """A row of ``evalkit groups``."""
    gap = row.gap.difference if row.gap else None
    bounds = (gap.value, gap.low, gap.high) if gap else (NAN, NAN, NAN)
    return Cell(report.metric, report.condition or "", row.value.value, row.value.low,
                row.value.high, row.n, row.n_failed, row.n_speakers, "utterances",
                ", ".join(report.by), row.group, row.status, *bounds,
                row.gap.p_adjusted if row.gap else NAN)


def of_trials(report: VerificationReport, row: VerificationRow) -> Cell:
    """The equal error rate of a row of ``evalkit groups --metric eer``."""
    rate = row.rates["eer"]
    return Cell("eer", report.condition, rate.value, rate.low, rate.high,
                row.n_targets + row.n_nontargets, row.n_failed, row.n_speakers, "trials",
                ", ".join(report.by), row.group, row.status)


def plain(value: float, fact: Fact) -> str:
    """``value`` in the fact's unit and decimals for programs; "" where it is undefined."""
    return f"{fact.scale * value:.{fact.decimals}f}" if math.isfinite(value) else ""
