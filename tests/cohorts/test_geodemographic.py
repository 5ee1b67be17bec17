"""Partitions by what is known of postal codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit.cohorts.finders.geodemographic import Geodemographic
from evalkit.cohorts.postcodes import read_postcodes
from evalkit.core.errors import ConfigError
from tests.worlds import HARMED, POSTCODES, make_world


def test_the_majority_that_makes_the_difference_is_found() -> None:
    world = make_world()
    people = world.people()
    rule = Geodemographic().prepare(people)(people.by_speaker)
    # The harmed city is the only one with a majority of old people and one of degrees.
    worst = max(range(len(rule.names)), key=lambda i: np.mean(
        world.city[rule.members(people)[i]] == HARMED))
    assert rule.names[worst] == "share_old > 0.5, share_degree > 0.5"
    assert np.array_equal(rule.members(people)[worst], np.flatnonzero(world.city == HARMED))
    assert sum(len(at) for at in rule.members(people)) == len(people.ids)
    depth = max(name.count(",") for name in rule.names)
    assert depth <= 2


def test_thresholds_split_where_they_are() -> None:
    world = make_world()
    people = world.people()
    rule = Geodemographic(thresholds=(0.5, 0.8)).prepare(people)(people.by_speaker)
    assert "share_old > 0.8" in ", ".join(rule.names)


def test_speakers_of_unknown_postal_codes_are_in_no_partition() -> None:
    world = make_world()
    people = world._replace(utterances=world.utterances.assign(postcode="elsewhere")).people()
    assert Geodemographic().lacks(people) == "the table of postal codes has those of 0 speakers"


def test_only_shares_are_attributes(tmp_path: Path) -> None:
    path = tmp_path / "postcodes.csv"
    POSTCODES.assign(population=1234, latitude=51.0).to_csv(path, index_label="postcode")
    table = read_postcodes(path)
    assert table.shares.equals(POSTCODES)
    assert [str(item) for item in table.left_out] == [
        "table of postal codes: 1 column left out: no shares between 0 and 1 (population)",
        "table of postal codes: 1 column left out: no shares between 0 and 1 (latitude)"]


@pytest.mark.parametrize(("text", "why"), [
    ("a,b\n1,2\n", "has no column 'postcode'"),
    ("postcode,share\nP1,0.5\nP1,0.6\n", "'P1' is there twice"),
    ("postcode,population\nP1,500\n", "no column of shares"),
    ("", "cannot be read as CSV")])
def test_a_table_that_cannot_be_used_is_named(tmp_path: Path, text: str, why: str) -> None:
    path = tmp_path / "postcodes.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=why) as refused:
        read_postcodes(path)
    assert str(path) in str(refused.value)
    assert "\n" not in str(refused.value)
