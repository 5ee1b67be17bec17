"""Geographic tree: regions of unlike error rates (Trinh et al. 2022, arXiv 2207.07850).

Speakers are divided by latitude and longitude so that the rates of the resulting regions differ
most. Boxes are of degrees: a cylindrical equal-area projection, which only stretches each axis,
would cut at the same speakers. Longitudes are counted from the middle of the widest empty arc,
so that no region ends at the dateline.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from evalkit.cohorts.evidence import FLOORS, Floors
from evalkit.cohorts.finder import Search, by_code
from evalkit.cohorts.search.partition import Growth, Partition, Score, grower, value_axis
from evalkit.cohorts.speakers import (
    Outcomes,
    Speakers,
    eastward,
    largest_gap,
    named_speakers,
)
from evalkit.core.ledger import LeftOut
from evalkit.store.documents.findings import Geometry, Outline

MOST_DECIMALS = 5


@dataclass(frozen=True)
class Tree:
    """Finds at most ``max_regions`` regions, none below ``floors``; None asks for half of the
    square root of the number of speakers, that the floor grows more slowly than they do.
    ``score`` is what a cut maximises and ``alpha`` how sure it must be
    (evalkit.cohorts.search.partition.Growth)."""

    score: Score = "weighted"
    max_regions: int = 126
    floors: Floors | None = None
    alpha: float = 0.1
    name: Literal["tree"] = "tree"
    unit: Literal["speaker"] = "speaker"
    projected: ClassVar[bool] = False

    def lacks(self, speakers: Speakers) -> str | None:
        """Why it cannot work on these speakers; None where it can."""
        known = ~np.isnan(speakers.location).any(axis=1)
        if known.sum() < 2 * self._floors(int(known.sum())).speakers:
            return f"latitude and longitude are known of {known.sum()} speakers"
        return None

    def left_out(self, speakers: Speakers) -> list[LeftOut]:
        """Speakers without a place."""
        return named_speakers(self.name, "latitude and longitude are unknown", speakers.ids,
                              np.isnan(speakers.location).any(axis=1))

    def prepare(self, speakers: Speakers) -> Search:
        """Sorts the speakers along both axes."""
        known = ~np.isnan(speakers.location).any(axis=1)
        cut = largest_gap(speakers.location[known, 1])
        points = _points(speakers.location[known], cut)
        growth = Growth(self.score, self.max_regions, floors=self._floors(len(points)),
                        alpha=self.alpha)
        grow = grower([value_axis(points[:, 0]), value_axis(points[:, 1])], growth)

        def search(outcomes: Outcomes) -> Regions:
            partition = grow(outcomes.take(known))
            return Regions(partition, cut, _extents(points, partition.assign(points)))

        return search

    def _floors(self, n_speakers: int) -> Floors:
        wide = max(FLOORS.speakers, round(n_speakers**0.5 / 2))
        return self.floors or FLOORS._replace(speakers=wide)


@dataclass(frozen=True)
class Regions:
    """A frozen partition of the globe. ``meridian`` is where longitudes are counted from,
    ``extents`` (regions, 2, 2) the least and greatest latitude and degrees east of it that were
    seen in every region."""

    partition: Partition
    meridian: float
    extents: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """Where the speakers of every region live, with as few decimals as tell regions apart.
        The region itself goes on to halfway to its neighbours."""
        for decimals in range(1, MOST_DECIMALS + 1):
            names = tuple(self._name(box, decimals) for box in self.extents)
            if len(set(names)) == len(names):
                break
        return names

    def members(self, speakers: Speakers) -> list[np.ndarray]:
        """Indices of every region's speakers."""
        region = self.assign(speakers.location[:, 0], speakers.location[:, 1])
        return by_code(region, int(self.partition.leaf.max()) + 1)

    def assign(self, latitude: np.ndarray, longitude: np.ndarray) -> np.ndarray:
        """The region of points in degrees, arrays of shape (n,); -1 where one is NaN."""
        return self.partition.assign(_points(np.stack([latitude, longitude], axis=1),
                                             self.meridian))

    def boxes(self) -> np.ndarray:
        """(regions, 2, 2): latitude and degrees east of ``meridian``, from and to, within the
        extent of the speakers."""
        low = self.extents[:, :, 0].min(axis=0)[:, None]
        high = self.extents[:, :, 1].max(axis=0)[:, None]
        return np.clip(self.partition.boxes(2), low, high)

    def describe(self) -> dict[str, Any]:
        """The rule in JSON's types."""
        return {"meridian": self.meridian, "boxes": self.boxes().tolist()}

    def outlines(self) -> list[Outline]:
        """Every region's box, and the bounds of where its speakers live."""
        return [Outline(geometry=_geometry(box[0], box[1] + self.meridian),
                        bbox=_bbox(seen[0], seen[1] + self.meridian))
                for box, seen in zip(self.boxes(), self.extents, strict=True)]

    def _name(self, box: np.ndarray, decimals: int) -> str:
        latitudes = _span(box[0], "N", "S", decimals)
        longitudes = (box[1] + self.meridian + 180) % 360 - 180
        return f"{latitudes}, {_span(longitudes, 'E', 'W', decimals)}"


def _extents(points: np.ndarray, region: np.ndarray) -> np.ndarray:
    """Least and greatest coordinates of the points of every region, (regions, 2, 2)."""
    order = np.argsort(region, kind="stable")
    starts = np.searchsorted(region[order], np.arange(region.max() + 1))
    return np.stack([bound.reduceat(points[order], starts)
                     for bound in (np.minimum, np.maximum)], axis=2)


def _points(location: np.ndarray, meridian: float) -> np.ndarray:
    return np.stack([location[:, 0], eastward(location[:, 1], meridian)], axis=1)


def _geometry(latitudes: np.ndarray, longitudes: np.ndarray) -> Geometry:
    """A box whose ``longitudes`` ascend, perhaps beyond 180."""
    west, east = longitudes - 360 * np.floor((longitudes[0] + 180) / 360)
    parts = [(west, east)] if east <= 180 else [(west, 180.0), (-180.0, east - 360)]
    south, north = latitudes
    rings = [[[[a, south], [b, south], [b, north], [a, north], [a, south]]] for a, b in parts]
    plain = np.asarray(rings, float).round(MOST_DECIMALS).tolist()
    if len(plain) == 1:
        return Geometry(type="Polygon", coordinates=plain[0])
    return Geometry(type="MultiPolygon", coordinates=plain)


def _bbox(latitudes: np.ndarray, longitudes: np.ndarray) -> tuple[float, float, float, float]:
    """West, south, east, north; west is the larger where the dateline lies between."""
    west, east = (longitudes + 180) % 360 - 180
    bounds = np.array([west, latitudes[0], east, latitudes[1]]).round(MOST_DECIMALS)
    west, south, east, north = bounds.tolist()
    return west, south, east, north


def _span(bounds: np.ndarray, positive: str, negative: str, decimals: int) -> str:
    """Such as "41.2 to 43.0 N" or "1.0 W to 2.5 E"."""
    low, high = bounds
    first, last = (positive if x >= 0 else negative for x in (low, high))
    texts = [f"{abs(x):.{decimals}f}" for x in (low, high)]
    if first == last:
        return f"{texts[0]} to {texts[1]} {last}"
    return f"{texts[0]} {first} to {texts[1]} {last}"
