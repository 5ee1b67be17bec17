"""A comparison of two versions: what changed, and what the gates say. Every format shows it."""

from __future__ import annotations

import math
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from evalkit.core.folders import without_folders
from evalkit.core.ledger import LeftOut
from evalkit.core.types import Interval, Number
from evalkit.store.documents.base import Document, Part
from evalkit.store.documents.run import ShownFact
from evalkit.store.documents.series import Standing

Verdict = Literal["worse", "better", "no change found", "insufficient"]
Status = Literal["passed", "failed", "inconclusive", "not judged"]
Outcome = Literal["pass", "regression", "inconclusive", "incomplete"]
Counted = Literal["speakers", "utterances"]
OnInconclusive = Literal["pass", "fail"]


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
    name. ``runs`` are how many of each version it needs to judge. ``on_inconclusive`` says whether
    a candidate may go on of which it is not certain that it is within the tolerance, nor that it is
    beyond it."""

    metric: str
    tolerance: Tolerance = Tolerance()
    runs: int = Field(1, ge=1)
    on_inconclusive: OnInconclusive = "pass"
    pipeline: str | None = None
    condition: str | None = None


class GateTerms(Terms):
    """A gate as gates.yaml has it."""

    scope: str

    def __str__(self) -> str:
        where = [name for name in (self.pipeline, self.condition) if name is not None]
        certain = ["inconclusive fails"] if self.on_inconclusive == "fail" else []
        runs = [f"{self.runs} runs"] if self.runs > 1 else []
        return ", ".join([f"{self.metric} {self.scope}", *where, *runs, *certain])


class Decoding(Part):
    """What runs of one version tell of the noise of decoding: its ``share`` in the variance of a
    change, and with how many runs of each version it would be a tenth at most: None where no
    number does, since nothing else differs."""

    share: Number
    enough: int | None


class Change(Part):
    """One score of one scope in both versions. ``change`` is candidate minus base in the
    metric's unit, ``worsening`` the same with the sign that makes more of it worse, and
    ``most_worsening`` the bound of the interval on the bad side. ``n`` counts paired utterances,
    or trials. ``gated`` says whether a gate asks for it; ``p_adjusted`` is over all gated changes
    then, and over all changes shown otherwise. ``runs`` are how many of base and candidate it is
    the mean of, and ``decoding`` what they tell, None where there is one of each. Where ``why``
    says that the change cannot be
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
    runs: list[int] = Field([1, 1], min_length=2, max_length=2)
    decoding: Decoding | None = None


class Check(Change):
    """A change under a gate. ``budget`` is the tolerance in the metric's unit, ``p_beyond`` the
    p-value of no more worsening than that, adjusted for all checks. ``detectable`` is by how much
    a true change has to lie on either side of the budget to be shown with 80 % power;
    ``more_speakers`` how many beside those at hand would settle an inconclusive one if it lies
    where it seems to: 0 where it is settled, None where no number is within reach.
    ``missing_runs`` are those of base and candidate without which the gate does not judge."""

    status: Status
    reason: str
    budget: Number
    p_beyond: Number
    detectable: Number
    more_speakers: int | None
    missing_runs: list[int] = Field([0, 0], min_length=2, max_length=2)


class GateResult(Part):
    """A gate with every change that it speaks of. It fails where one of them does, is inconclusive
    where one of the others is, and not judged where none of them could be."""

    gate: GateTerms
    status: Status
    checks: list[Check]

    @property
    def is_stopping(self) -> bool:
        """Whether a candidate may not go on."""
        return self.status == "failed" or (
            self.status == "inconclusive" and self.gate.on_inconclusive == "fail")


class Comparison(Document):
    """``problems`` are why the comparison is incomplete, ``notes`` what to know beside it;
    ``left_out`` are the gates and groups that could not be judged, and what is in one version
    only or has a value in one only.
    ``changes`` are all that is shown, the gated ones first; ``metrics`` has the facts of them.
    ``exit_code`` is 0 for pass, 1 for regression and inconclusive, 2 for incomplete. ``series`` is
    where it stands among the releases against one baseline, None where it is by itself.
    ``counted`` is "utterances" where nobody knows a speaker, so that each counts as one."""

    schema_number: ClassVar[int] = 5
    made_by: ClassVar[str] = "evalkit compare --json"

    outcome: Outcome
    exit_code: int
    base: str
    candidate: str
    level: float
    series: Standing | None
    problems: list[str]
    notes: list[str]
    left_out: list[LeftOut]
    metrics: dict[str, ShownFact]
    gates: list[GateResult]
    changes: list[Change]
    counted: Annotated[Counted, Field(exclude_if=lambda what: what == "speakers")] = "speakers"

    @property
    def fails_at(self) -> float:
        """What p beyond is at most where a check fails."""
        return self.series.level if self.series else self.level

    @classmethod
    def failed(cls, base: str, candidate: str, why: str) -> Comparison:
        """What there is to show where the two could not be compared at all."""
        return cls(outcome="incomplete", exit_code=2, base=without_folders(base),
                   candidate=without_folders(candidate), level=0.05, series=None,
                   problems=[without_folders(why)], notes=[], left_out=[], metrics={}, gates=[],
                   changes=[])
