"""Geo-demographic split: what is known of where speakers live (Dheram et al. 2022, arXiv
2207.11345, as summarised by others; the paper's own thresholds and stopping rule are not
public).

Postal codes are joined with population attributes, and speakers are divided in two by whether
an attribute holds for the majority of their postal code, so that the gap in error rate is
largest; each part is divided again, to a stated depth.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal

import numpy as np
import pandas as pd

from evalkit.cohorts.evidence import FLOORS, Floors
from evalkit.cohorts.finder import Search, by_code
from evalkit.cohorts.search.partition import Growth, Partition, Score, grower, threshold_axis
from evalkit.cohorts.speakers import Outcomes, Speakers
from evalkit.core.errors import ConfigError
from evalkit.core.files import regular
from evalkit.statistics.labels import labels_of


def read_postcodes(path: Path) -> pd.DataFrame:
    """Population attributes by postal code: the columns of a CSV table whose values are shares
    in [0, 1], indexed by its column ``postcode``. Raises ConfigError where there are none."""
    try:
        table = pd.read_csv(regular(path), dtype={"postcode": str})
    except (OSError, ValueError) as error:
        raise ConfigError(f"{path}: cannot be read as CSV ({error})") from error
    if "postcode" not in table:
        raise ConfigError(f"{path}: has no column 'postcode'; it has {', '.join(table.columns)}")
    codes = labels_of(table.pop("postcode"))
    if codes.duplicated().any():
        raise ConfigError(f"{path}: postcode {codes[codes.duplicated()].iloc[0]!r} is there twice")
    numbers = table.select_dtypes("number").set_axis(codes)
    shares = numbers.loc[:, numbers.ge(0).all() & numbers.le(1).all()]
    if shares.empty:
        raise ConfigError(f"{path}: has no column of shares between 0 and 1")
    return shares.astype(float)


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
            return "no table of postal codes"
        known = speakers.attributes.notna().all(axis=1).sum()
        if known < 2 * self.floors.speakers:
            return f"the table of postal codes has those of {known} speakers"
        return None

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
