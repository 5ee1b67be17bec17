"""Regions on the globe."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.cohorts.finders.tree import Regions, Tree
from evalkit.cohorts.speakers import speakers_of
from tests.worlds import CITIES, HARMED, World, make_world


def regions(world: World, **options: object) -> tuple[Regions, World]:
    people = world.people()
    rule = Tree(**options).prepare(people)(people.by_speaker)
    assert isinstance(rule, Regions)
    return rule, world


def moved(world: World, degrees: float) -> World:
    """The world turned about the poles."""
    longitude = (world.utterances["longitude"] + degrees + 180) % 360 - 180
    return world._replace(utterances=world.utterances.assign(longitude=longitude))


@pytest.mark.parametrize("degrees", [0, 77, 103.2, 180])
def test_a_harmed_city_is_a_region_wherever_the_dateline_is(degrees: float) -> None:
    rule, world = regions(moved(make_world(), degrees))
    people = world.people()
    region = rule.assign(people.location[:, 0], people.location[:, 1])
    harmed = world.city == HARMED
    assert len(set(region[harmed])) == 1
    there = region == region[harmed][0]
    assert harmed.sum() / there.sum() >= 0.8
    assert np.array_equal(rule.members(people)[region[harmed][0]], np.flatnonzero(there))


def test_a_region_across_the_dateline_is_two_polygons() -> None:
    centre = CITIES[HARMED][1]
    rule, _ = regions(moved(make_world(), 180 - centre))
    kinds = [outline.geometry.type for outline in rule.outlines()]
    assert "MultiPolygon" in kinds
    people = moved(make_world(), 180 - centre).people()
    region = rule.assign(people.location[:, 0], people.location[:, 1])
    for i, outline in enumerate(rule.outlines()):
        west, south, east, north = outline.bbox
        latitude, longitude = people.location[region == i].T
        assert [south, north] == pytest.approx([latitude.min(), latitude.max()], abs=1e-5)
        within = ((longitude >= west - 1e-5) & (longitude <= east + 1e-5) if west <= east
                  else (longitude >= west - 1e-5) | (longitude <= east + 1e-5))
        assert within.all()
        shape = outline.geometry
        rings = shape.coordinates if shape.type == "Polygon" else [
            ring for part in shape.coordinates for ring in part]
        for ring in rings:
            x, y = np.array(ring).T
            assert (np.abs(x) <= 180).all()
            assert (np.abs(y) <= 90).all()
            assert ring[0] == ring[-1]
            area = (x[:-1] * y[1:] - x[1:] * y[:-1]).sum() / 2
            assert area > 0  # counter-clockwise, as RFC 7946 wants


def test_names_are_degrees_that_people_read() -> None:
    rule, _ = regions(make_world())
    assert len(set(rule.names)) == len(rule.names)
    kingston = rule.names[int(rule.assign(np.array([18.0]), np.array([-76.8]))[0])]
    south, north = (float(x) for x in kingston.split(" N")[0].split(" to "))
    assert 17.4 < south < 18 < north < 41


def test_regions_are_at_most_as_many_as_asked_for() -> None:
    rule, _ = regions(make_world(), alpha=1.0, max_regions=3)
    assert len(rule.names) == 3


def test_speakers_of_unknown_place_are_in_no_region() -> None:
    world = make_world()
    facts = world.utterances.assign(latitude=world.utterances["latitude"].mask(
        world.utterances["speaker_id"] == "s000"))
    people = speakers_of(world.rows, facts)
    rule = Tree().prepare(people)(people.by_speaker)
    assert 0 not in np.concatenate(rule.members(people))
    nowhere = speakers_of(world.rows, facts.drop(columns="longitude"))
    assert Tree().lacks(nowhere) == "latitude and longitude are known of 0 speakers"
