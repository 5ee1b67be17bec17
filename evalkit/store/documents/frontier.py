"""Cost against error of the pipelines of a run, for everybody and for every group: which of them
are dominated, and who pays for what is cheaper."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Interval, Number
from evalkit.store.documents.base import Document, Part
from evalkit.store.documents.run import ShownFact

AxisName = Literal["macs_per_second", "weights", "bytes", "peak_bytes", "real_time_factor",
                   "latency_ms"]
Amount = Annotated[float | None, Field(ge=0, le=1e18, allow_inf_nan=False)]
Delay = Annotated[float | None, Field(ge=-1e9, le=1e9, allow_inf_nan=False)]
"""A word may be shown before it ends."""


@dataclass(frozen=True)
class Axis:
    """A kind of cost: the word by which it is asked for, and how it is shown: a stored
    number times ``scale``."""

    name: AxisName
    word: str
    title: str
    unit: str
    scale: float
    decimals: int

    def shown(self, taken: Taken) -> str:
        """The number with its decimals; "" where it is not known."""
        amount = taken.on(self.name)
        return "" if amount is None else f"{self.scale * amount:,.{self.decimals}f}"

    @property
    def heading(self) -> str:
        """Title and unit, for the head of a column."""
        return f"{self.title}, {self.unit}" if self.unit else self.title


AXES: Mapping[str, Axis] = {axis.name: axis for axis in (
    Axis("macs_per_second", "macs", "Multiply-accumulates", "M/s", 1e-6, 1),
    Axis("bytes", "bytes", "Size of weights", "MB", 1e-6, 3),
    Axis("weights", "weights", "Weights", "M", 1e-6, 3),
    Axis("peak_bytes", "memory", "Peak memory", "MB", 1e-6, 0),
    Axis("real_time_factor", "rtf", "Real-time factor of enhancer and recognizer", "", 1.0, 4),
    Axis("latency_ms", "latency", "Latency", "ms", 1.0, 0))}
"""By name, in the order in which one is taken where none is asked for: bytes before weights, since
few bits make fewer bytes of as many weights."""


class Taken(Part):
    """What a pipeline takes; None is what is not known. Multiply-accumulates in a second of audio,
    weights, and the bytes that they are kept in, are those of its enhancer and its recognizer
    together; ``peak_bytes`` is the most memory that a process had resident, ``real_time_factor``
    seconds of processors a second of audio, and ``latency_ms`` the median of words."""

    macs_per_second: Amount = None
    weights: Amount = None
    bytes: Amount = None
    peak_bytes: Amount = None
    real_time_factor: Amount = None
    latency_ms: Delay = None

    def on(self, axis: AxisName) -> float | None:
        """One of the numbers."""
        found: float | None = getattr(self, axis)
        return found


class Dominated(Part):
    """That the pipeline ``by`` takes no more, and errs less by the ``difference`` (the dominated
    one's rate minus its own, paired by speaker); or as much, for less. ``sure`` says whether the
    difference is clear of 0, with ``p_adjusted`` for all pairs of pipelines of which one takes no
    more than the other (step-down over the same sign flips)."""

    by: str
    difference: Interval
    p_adjusted: Number
    sure: bool


class PaidFor(Part):
    """What changed against the reference pipeline: ``change`` of the rate, and by how much it is
    ``beyond`` that of the other groups together, None where there are none. p-values are adjusted
    (Holm) over all pipelines and all groups of all columns of the document, those of everybody
    over the pipelines. ``effect`` is of the
    change, ``standing`` of what is beyond; ``pays`` says that both are significantly for the
    worse."""

    change: Interval
    p_adjusted: Number
    effect: Literal["helped", "harmed", "unclear", "unchanged"] | None
    beyond: Interval | None
    beyond_p_adjusted: Number
    standing: Literal["better", "worse", "unclear"] | None
    pays: bool


class Variant(Part):
    """A pipeline with its error rate, or other metric, on the utterances that all have a value of.
    ``change`` is None for the reference."""

    pipeline: str
    taken: Taken
    value: Interval
    dominated: Dominated | None
    change: PaidFor | None


class OfGroup(Part):
    """A group of the crossed columns ``by`` with its value in one pipeline; ``dominated`` names a
    pipeline that takes no more and is better for this group, by the estimates alone."""

    by: tuple[str, ...]
    group: str
    pipeline: str
    status: Literal["ok", "insufficient", "unknown"]
    n: int
    n_failed: int
    n_speakers: int
    value: Interval
    dominated: str | None
    change: PaidFor | None


class Frontier(Document):
    """Variants from the cheapest on ``axis`` to the dearest. ``against`` is the pipeline that
    changes are from; ``condition`` None is all together."""

    schema_number: ClassVar[int] = 1
    made_by: ClassVar[str] = "evalkit frontier --json"

    metric: str
    fact: ShownFact
    axis: AxisName
    against: str
    condition: str | None
    level: float
    seed: int
    variants: list[Variant]
    groups: list[OfGroup]
    warnings: list[str]
    left_out: list[LeftOut]

    @property
    def reference(self) -> Variant:
        """The variant that changes are from."""
        return next(each for each in self.variants if each.pipeline == self.against)

    @property
    def untested(self) -> str:
        """Why no group is set beside others, for after a colon; "" where any is."""
        if any(row.change is not None and row.change.beyond is not None for row in self.groups):
            return ""
        return "no two have enough speakers and utterances" if self.groups else "there is none"

    @property
    def payers(self) -> list[OfGroup]:
        """The groups that pay more than the others, those whose change is largest first."""
        found = [(row.change.change.value, row) for row in self.groups
                 if row.change is not None and row.change.pays]
        return [row for _, row in sorted(found, key=lambda each: -self.fact.worse * each[0])]
