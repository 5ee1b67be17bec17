"""A comparison of two versions: what changed, and what the gates say. Every format shows it."""

from __future__ import annotations

import math
from typing import ClassVar, Literal

from pydantic import Field

from evalkit.core.folders import without_folders
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Interval, Number
from evalkit.store.documents.base import Document, Part
from evalkit.store.documents.run import ShownFact

Verdict = Literal["worse", "better", "no change found", "insufficient"]
Status = Literal["passed", "failed", "not judged"]
Outcome = Literal["pass", "regression", "incomplete"]


class Tolerance(Part):
    """How much worse is no regression: the larger of ``absolute``, in the metric's unit as it
    is stored (a WER of 5 % is 0.05), and ``relative``, a share of the base's value."""

    absolute: float = Field(0.0, ge=0, allow_inf_nan=False)
    relative: float = Field(0.0, ge=0, allow_inf_nan=False)

    def budget(self, base: float) -> float:
        """In the metric's unit as stored."""
        return max(self.absolute, self.relative * abs(base))


class Terms(Part):
    """What a gate asks, but for whom it speaks of: every pipeline and condition that it does not
    name. With ``require: certain`` it passes only where the whole interval of the change is
    within the tolerance."""

    metric: str
    tolerance: Tolerance = Tolerance()
    require: Literal["no regression", "certain"] = "no regression"
    pipeline: str | None = None
    condition: str | None = None


class GateTerms(Terms):
    """A gate as gates.yaml has it."""

    scope: str

    def __str__(self) -> str:
        where = [name for name in (self.pipeline, self.condition) if name is not None]
        certain = ["certain"] if self.require == "certain" else []
        return ", ".join([f"{self.metric} {self.scope}", *where, *certain])


class Change(Part):
    """One score of one scope in both versions. ``change`` is candidate minus base in the
    metric's unit, ``worsening`` the same with the sign that makes more of it worse, and
    ``most_worsening`` the bound of the interval on the bad side. ``n`` counts paired utterances,
    or trials. ``gated`` says whether a gate asks for it; ``p_adjusted`` is over all gated changes
    then, and over all changes shown otherwise. Where ``why`` says that the change cannot be
    judged, the verdict is "insufficient"."""

    pipeline: str
    condition: str
    metric: str
    scope: str
    base: Number
    candidate: Number
    change: Interval
    worsening: Number
    most_worsening: Number
    n: int
    n_failed_base: int
    n_failed_candidate: int
    why: str | None
    p_value: Number = math.nan
    p_adjusted: Number = math.nan
    verdict: Verdict = "insufficient"
    gated: bool = False


class Check(Change):
    """A change under a gate. ``budget`` is the tolerance in the metric's unit; ``certain`` says
    whether the whole interval is within it."""

    status: Status
    reason: str
    certain: bool
    budget: Number


class GateResult(Part):
    """A gate with every change that it speaks of. It fails where one of them does, and is not
    judged where none of them could be."""

    gate: GateTerms
    status: Status
    checks: list[Check]


class Comparison(Document):
    """``problems`` are why the comparison is incomplete, ``notes`` what to know beside it;
    ``left_out`` are the gates and groups that could not be judged, and what is in one version
    only or has a value in one only.
    ``changes`` are all that is shown, the gated ones first; ``metrics`` has the facts of them.
    ``exit_code`` is 0 for pass, 1 for regression, 2 for incomplete."""

    schema_number: ClassVar[int] = 3
    made_by: ClassVar[str] = "evalkit compare --json"

    outcome: Outcome
    exit_code: int
    base: str
    candidate: str
    level: float
    problems: list[str]
    notes: list[str]
    left_out: list[LeftOut]
    metrics: dict[str, ShownFact]
    gates: list[GateResult]
    changes: list[Change]

    @classmethod
    def failed(cls, base: str, candidate: str, why: str) -> Comparison:
        """What there is to show where the two could not be compared at all."""
        return cls(outcome="incomplete", exit_code=2, base=without_folders(base),
                   candidate=without_folders(candidate), level=0.05,
                   problems=[without_folders(why)], notes=[], left_out=[], metrics={}, gates=[],
                   changes=[])
