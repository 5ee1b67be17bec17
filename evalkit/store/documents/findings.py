"""``findings.json``: the cohorts that finders discovered on one half of the speakers, and what
the other half says of them. A gap is positive where a cohort is worse, whichever direction of the
metric is better."""

from __future__ import annotations

from typing import Any, ClassVar, Literal, get_args

from pydantic import Field

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Interval, Number
from evalkit.store.documents.base import Document, Part
from evalkit.store.documents.run import ShownFact

Unit = Literal["speaker", "utterance"]
"""What a finder sends to cohorts."""
Status = Literal["confirmed", "not confirmed", "too few fresh speakers", "insufficient",
                 "nothing found"]
STATUSES: tuple[Status, ...] = get_args(Status)
"""From the best proved on; "insufficient" are too few utterances or words of fresh speakers."""


class OnHalf(Part):
    """A cohort on one half of the speakers. ``share`` is of that half's speakers;
    ``sufficient`` whether it reaches the floors of the search or, on fresh speakers, the test."""

    value: Interval
    n: int
    n_failed: int
    n_speakers: int
    share: Number
    weight: float
    sufficient: bool


class Cohort(Part):
    """A cohort where it was discovered and on fresh speakers."""

    name: str
    discovery: OnHalf
    confirmation: OnHalf


class Chance(Part):
    """The gap of a finder's first candidate, 0 where there is none, and quantiles (2.5 %,
    50 %, 97.5 %) and p-value of what ``shuffles`` searches in shuffled outcomes found."""

    gap: float
    shuffles: int
    low: Number
    median: Number
    high: Number
    p_value: Number


class Trait(Part):
    """A metadata label that is more frequent in a cohort: its share of the cohort's units and
    of the others."""

    column: str
    label: str
    share: float
    elsewhere: float


class Verdict(Part):
    """A cohort put to the test: by how much its rate is worse than that of the speakers in no
    cohort tested before it, where it was discovered and on fresh speakers, there also relative to
    their rate; one-sided p-value, and adjusted for all that was tested. ``gap`` is None where
    fresh speakers, or what they said, are too few. ``who`` describes its units on both halves,
    after the fact: no finder but those of labels has read them."""

    cohort: str
    status: Status
    discovered_gap: float
    gap: Interval | None
    relative_gap: Number
    p_value: Number
    p_adjusted: Number
    who: list[Trait]


class Extremes(Part):
    """The gap between the worst and the best cohort of the discovery half, there and between the
    same two on fresh speakers, also relative to the best one's rate."""

    worst: str
    best: str
    discovered_gap: Number
    confirmed_gap: Number
    discovered_relative_gap: Number
    confirmed_relative_gap: Number


class Geometry(Part):
    """A polygon, or several where the dateline cuts it, of positions [longitude, latitude] in
    degrees (RFC 7946)."""

    type: Literal["Polygon", "MultiPolygon"]
    coordinates: list[Any]


class Outline(Part):
    """Where a cohort is: what it covers, and the bounds west, south, east, north of where its
    speakers live in degrees; west is the larger where the dateline lies between."""

    geometry: Geometry
    bbox: tuple[float, float, float, float]


class Feature(Outline):
    """A cohort and where it is, as GeoJSON."""

    type: Literal["Feature"] = "Feature"
    properties: Cohort


class Regions(Part):
    """The cohorts of a finder that are regions of the globe, a GeoJSON FeatureCollection."""

    type: Literal["FeatureCollection"] = "FeatureCollection"
    features: list[Feature]


class Finding(Part):
    """What one finder concluded. ``projected`` says that a projection of the speaker embeddings
    shows its cohorts, ``regions`` where on the globe they are, None where they are no places."""

    finder: str
    unit: Unit
    projected: bool
    status: Status
    options: dict[str, Any]
    rule: dict[str, Any]
    chance: Chance
    verdicts: list[Verdict]
    extremes: Extremes | None
    cohorts: list[Cohort]
    regions: Regions | None

    def cohort(self, name: str) -> Cohort:
        """The cohort of that name. Raises KeyError where there is none."""
        for cohort in self.cohorts:
            if cohort.name == name:
                return cohort
        raise KeyError(name)


class Findings(Document):
    """What all finders concluded together about one metric; ``condition`` None pools all of
    them. ``columns`` are the columns of metadata that were searched, and their labels;
    ``left_out`` the finders, columns, labels and speakers that took no part, and why.
    Once they are written, ``run`` is the digest of the run's tables that all was computed from, and
    ``tables`` are the seals of those that lie beside the findings."""

    schema_number: ClassVar[int] = 3
    made_by: ClassVar[str] = "evalkit cohorts"

    run: str | None = None
    tables: dict[str, str] = Field(default_factory=dict)
    metric: str
    fact: ShownFact
    pipeline: str
    condition: str | None
    n_discovery: int
    n_confirmation: int
    overall: OnHalf
    level: float
    seed: int
    finders: list[Finding]
    columns: dict[str, list[str]]
    left_out: list[LeftOut]
    warnings: list[str]
