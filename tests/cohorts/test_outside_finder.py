"""A finder of another author, with a map of its own: nothing of evalkit knows it by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.cohorts.discovery import discover
from evalkit.cohorts.finder import Search
from evalkit.cohorts.findings import write_discovery
from evalkit.cohorts.speakers import Speakers
from evalkit.cohorts.trial import Settings
from evalkit.report.discovery import discovery
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.documents.findings import Geometry, Outline
from tests.worlds import make_run, make_world


@dataclass(frozen=True)
class Hemispheres:
    """Speakers south and north of a parallel."""

    latitude: float = 30.0
    name: str = "hemispheres"
    unit: str = "speaker"
    projected: bool = False

    def lacks(self, speakers: Speakers) -> str | None:
        return None if np.isfinite(speakers.location).any() else "no places"

    def prepare(self, speakers: Speakers) -> Search:
        return lambda outcomes: Sides(self.latitude)


@dataclass(frozen=True)
class Sides:
    latitude: float
    names: tuple[str, ...] = ("south", "north")

    def members(self, speakers: Speakers) -> list[np.ndarray]:
        latitude = speakers.location[:, 0]
        return [np.flatnonzero(latitude < self.latitude), np.flatnonzero(latitude >= self.latitude)]

    def describe(self) -> dict[str, Any]:
        return {"latitude": self.latitude}

    def outlines(self) -> list[Outline]:
        return [box(-90.0, self.latitude), box(self.latitude, 90.0)]


def box(south: float, north: float) -> Outline:
    ring = [[-180.0, south], [180.0, south], [180.0, north], [-180.0, north], [-180.0, south]]
    return Outline(geometry=Geometry(type="Polygon", coordinates=[ring]),
                   bbox=(-180.0, south, 180.0, north))


def test_a_finder_from_outside_is_confirmed_and_has_a_map(tmp_path: Path) -> None:
    run = make_run(tmp_path, make_world())
    write_discovery(run, discover(run, finders=[Hemispheres()], settings=Settings(
        shuffles=19, resampling=Resampling(draws=499))))
    findings = run.findings()
    assert findings is not None
    assert (findings.metric, findings.finders[0].finder) == ("wer", "hemispheres")
    verdict = findings.finders[0].verdicts[0]
    assert (verdict.cohort, verdict.status) == ("south", "confirmed")
    assert [f.properties.name for f in findings.finders[0].regions.features] == ["south", "north"]
    section = discovery(run, findings)
    assert any(title.startswith("Map of the speakers") for title, *_ in section.figures)
    assert "hemispheres" in " ".join(note for _, note, *_ in section.figures)
