"""``results.json`` of a mitigation experiment: what every arm does to the speakers of test."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Interval, Number
from evalkit.store.documents.base import Document, Part
from evalkit.store.documents.findings import Outline

START = "none"
"""The arm that changes nothing: the model as it was."""


class DevCohort(Part):
    """A cohort on the speakers of dev: its pooled word error rate before training, of ``words``
    reference words in ``n`` utterances."""

    cohort: str
    value: Number
    words: float
    n: int
    n_speakers: int


class DevCohorts(Part):
    """The cohorts found on dev, the one with the highest rate first, and where on the globe they
    are, None where they are no places."""

    rule: dict[str, Any]
    on_dev: list[DevCohort]
    outlines: dict[str, Outline] | None


class SplitSize(Part):
    """Of a part of the speech."""

    utterances: int
    speakers: int


class RecognitionSplits(Part):
    """``adaptation`` and ``selection`` are parts of dev: what is trained on, and what selects
    strengths."""

    general: SplitSize
    adaptation: SplitSize
    selection: SplitSize
    test: SplitSize


class TriedStrength(Part):
    """One arm at one strength: means over seeds of the word error rate on the selection part of
    dev, of the worst region and overall. ``keeps_overall``: the latter is not above that of the
    start."""

    arm: str
    strength: float
    worst: Number
    overall: Number
    keeps_overall: bool
    chosen: bool


class FrontierPoint(Part):
    """Word error rates of one trained model on test: overall, of the worst region, and of all
    target regions pooled. ``chosen``: it has the strength that was chosen for its arm."""

    arm: str
    strength: float
    seed: int
    overall: Number
    worst: Number
    target: Number
    chosen: bool


class ArmStatistic(Part):
    """The mean over seeds, the value of each seed, and the change of the mean relative to the
    start with its 95 % interval over speakers, drawn alike for both. Undefined where a rate or
    the start's value is 0 or undefined."""

    value: Number
    by_seed: list[Number]
    change: Number
    low: Number
    high: Number


class RegionResult(Part):
    """The rate in one region of test, the mean over seeds, and that minus the start's."""

    region: str
    rate: Interval
    difference: Interval


class RecognitionArmResult(Part):
    """One arm at its chosen strength, on test. ``keeps_overall`` is what it was on dev.
    ``statistics``: see docs/mitigation.md. ``regions`` begins with "all"."""

    arm: str
    strength: float
    keeps_overall: bool
    seeds: list[int]
    statistics: dict[str, ArmStatistic]
    regions: list[RegionResult]


class TrialKey(Part):
    """What a folder under ``trials`` holds."""

    arm: str
    strength: float
    seed: int


class RecognitionResults(Part):
    """Fine-tuning of a recognizer. ``start`` is a digest of the weights before; ``best`` the
    cohort with the lowest rate on dev; ``recommended`` an arm, None where none is better than
    the start; ``config`` the section of mitigate.yaml; ``left_out`` the cohorts that the test
    speakers say nothing of."""

    kind: Literal["recognition"] = "recognition"
    config: dict[str, Any]
    start: str
    metric: Literal["wer"] = "wer"
    targets: list[str]
    best: str
    cohorts: DevCohorts
    splits: RecognitionSplits
    tried: list[TriedStrength]
    arms: list[RecognitionArmResult]
    frontier: list[FrontierPoint]
    trials: dict[str, TrialKey]
    recommended: str | None
    conclusion: str
    left_out: list[LeftOut]
    wall_seconds: float


class DetectionRate(Part):
    """A rate in [0, 1], or a cost, with its interval over speakers."""

    value: Number
    low: Number
    high: Number
    warning: str | None


class DetectionRates(Part):
    """Of all trials or those between two speakers of a group: equal error rate, false rejections
    and acceptances at the one threshold where these are equal overall, minimum detection cost at
    a target prior of 0.01. None where there is no such threshold."""

    n_targets: int
    n_nontargets: int
    n_speakers: int
    eer: DetectionRate
    frr: DetectionRate | None
    far: DetectionRate | None
    min_dcf: DetectionRate | None


class SpeakerCounts(Part):
    """Speakers in each part of a split."""

    train: int
    dev: int
    test: int


class StoppedTraining(Part):
    """Where training on one split was stopped, and the equal error rate on dev there and at the
    start."""

    step: int
    dev: float
    dev_at_start: float


class SeedResult(Part):
    """A model trained from one seed, on the test trials; START has neither seed nor training.
    ``gap`` is the largest minus the smallest equal error rate of a group, by metadata column,
    ``deviation`` their standard deviation (ddof 0); ``stopped`` has an entry a split, ``weights``
    the mean weight of each group's training utterances by column."""

    seed: int | None
    stopped: list[StoppedTraining]
    weights: dict[str, dict[str, Number]]
    threshold: Number
    overall: DetectionRates
    groups: dict[str, dict[str, DetectionRates]]
    gap: dict[str, Number]
    deviation: dict[str, Number]


class ArmChange(Part):
    """A rate before and after, their difference, the mean over seeds with its 95 % interval over
    speakers, and each seed's."""

    before: Number
    after: Number
    value: Number
    low: Number
    high: Number
    seeds: list[Number]


class VerificationArmResult(Part):
    """An arm from every seed. ``changes`` are against START and the arms that others are compared
    with, of what is named "overall", "COLUMN=GROUP", "gap:COLUMN" and "deviation:COLUMN"."""

    seeds: list[SeedResult]
    changes: dict[str, dict[str, ArmChange]]


class VerificationResults(Part):
    """Training of a speaker encoder. ``arms`` begins with START; ``left_out`` are utterances
    without an input of the model or beyond those asked for, and speakers without a label;
    ``config`` the section of mitigate.yaml."""

    kind: Literal["verification"] = "verification"
    config: dict[str, Any]
    splits: list[SpeakerCounts]
    left_out: list[LeftOut]
    n_trials: int
    arms: dict[str, VerificationArmResult]


class MitigationResults(Document):
    """``mitigation/NAME/results.json``."""

    schema_number: ClassVar[int] = 3
    made_by: ClassVar[str] = "evalkit mitigate"

    results: Annotated[RecognitionResults | VerificationResults, Field(discriminator="kind")]


Experiments = Mapping[str, RecognitionResults | VerificationResults]
"""The results of a run's mitigation experiments, by name."""
