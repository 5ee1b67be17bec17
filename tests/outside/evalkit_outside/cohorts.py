"""A finder of cohorts that are places, so that the page draws a map of them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np

from evalkit.cohorts.finder import Search
from evalkit.cohorts.speakers import Speakers
from evalkit.core.ledger import LeftOut
from evalkit.store.documents.findings import Geometry, Outline


@dataclass(frozen=True)
class Hemispheres:
    """Those who live north of the latitude ``parting``, and those who live south of it."""

    parting: float = 0.0
    name: Literal["hemispheres"] = "hemispheres"
    unit: Literal["speaker"] = "speaker"
    projected: ClassVar[bool] = False

    def lacks(self, speakers: Speakers) -> str | None:
        return None if len(speakers.location) else "nobody"

    def left_out(self, speakers: Speakers) -> list[LeftOut]:
        return []

    def prepare(self, speakers: Speakers) -> Search:
        return lambda outcomes: Parted(self.parting)


@dataclass(frozen=True)
class Parted:
    parting: float
    names: tuple[str, ...] = ("the far north", "the far south")

    def members(self, speakers: Speakers) -> list[np.ndarray]:
        latitude = speakers.location[:, 0]
        return [np.flatnonzero(latitude >= self.parting), np.flatnonzero(latitude < self.parting)]

    def describe(self) -> dict[str, Any]:
        return {"parting": self.parting}

    def outlines(self) -> list[Outline]:
        return [_box(self.parting, 80.0), _box(-60.0, self.parting)]


def _box(south: float, north: float) -> Outline:
    west, east = -20.0, 40.0
    ring = [[west, south], [east, south], [east, north], [west, north], [west, south]]
    return Outline(geometry=Geometry(type="Polygon", coordinates=[ring]),
                   bbox=(west, south, east, north))
