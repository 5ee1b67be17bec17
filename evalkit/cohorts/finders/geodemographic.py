"""Geo-demographic split: what is known of where speakers live (Dheram et al. 2022, arXiv
2207.11345, as summarised by others; the paper's own thresholds and stopping rule are not
public).

Postal codes are joined with population attributes, and speakers are divided in two by whether
an attribute holds for the majority of their postal code, so that the gap in error rate is
largest; each part is divided again, to a stated depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from evalkit.cohorts.evidence import FLOORS, Floors
from evalkit.cohorts.finder import Search, by_code
from evalkit.cohorts.search.partition import Growth, Partition, Score, grower, threshold_axis
from evalkit.cohorts.speakers import Outcomes, Speakers, named_speakers
from evalkit.core.ledger import LeftOut


@dataclass(frozen=True)
class Geodemographic:
    """Finds partitions by majority attribute, ``max_depth`` cuts deep and none below
    ``floors``. ``thresholds`` are the shares to cut at; ``score`` is what a cut maximises and
    ``alpha`` how sure it must be (evalkit.cohorts.search.partition.Growth)."""

    thresholds: tuple[float, ...] = (0.5,)
    max_depth: int = 3
    score: Score = "abs_diff"
    floors: Floors = FLOORS
    alpha: float = 0.05
    name: Literal["geodemographic"] = "geodemographic"
    unit: Literal["speaker"] = "speaker"
    projected: ClassVar[bool] = False

    def lacks(self, speakers: Speakers) -> str | None:
        """Why it cannot work on these speakers; None where it can."""
        if not speakers.attributes.shape[1]:
            return "no postal codes, or no table with shares of most of them"
        known = speakers.attributes.notna().all(axis=1).sum()
        if known < 2 * self.floors.speakers:
            return f"the table of postal codes has those of {known} speakers"
        return None

    def left_out(self, speakers: Speakers) -> list[LeftOut]:
        """Speakers of whose postal code an attribute is unknown."""
        unknown = speakers.attributes.isna()
        return named_speakers(self.name, "an attribute of the postal code is unknown",
                              speakers.ids, (unknown.any(axis=1) & ~unknown.all(axis=1)).to_numpy())

    def prepare(self, speakers: Speakers) -> Search:
        """Notes which side of every threshold the speakers are on."""
        shares = speakers.attributes.to_numpy(float)
        known = ~np.isnan(shares).any(axis=1)
        growth = Growth(self.score, max_depth=self.max_depth, floors=self.floors,
                        alpha=self.alpha)
        grow = grower([threshold_axis(column, self.thresholds) for column in shares[known].T],
                      growth)
        names = tuple(speakers.attributes.columns)

        def search(outcomes: Outcomes) -> Majorities:
            return Majorities(grow(outcomes.take(known)), names)

        return search


@dataclass(frozen=True)
class Majorities:
    """A frozen partition by population attributes."""

    partition: Partition
    attributes: tuple[str, ...]

    @property
    def names(self) -> tuple[str, ...]:
        """Such as "share_over_60 > 0.5, share_degree <= 0.5"."""
        return tuple(self._name(box) for box in self.partition.boxes(len(self.attributes)))

    def members(self, speakers: Speakers) -> list[np.ndarray]:
        """Indices of every partition's speakers."""
        shares = speakers.attributes[list(self.attributes)].to_numpy(float)
        return by_code(self.partition.assign(shares), int(self.partition.leaf.max()) + 1)

    def describe(self) -> dict[str, Any]:
        """The rule in JSON's types."""
        return {"attributes": list(self.attributes), "partitions": list(self.names)}

    def outlines(self) -> None:
        """None: its cohorts are no places."""

    def _name(self, box: np.ndarray) -> str:
        parts = [f"{name} {sign} {bound:g}" for name, (low, high) in
                 zip(self.attributes, box, strict=True)
                 for sign, bound in ((">", low), ("<=", high)) if np.isfinite(bound)]
        return ", ".join(parts) or "everybody"
