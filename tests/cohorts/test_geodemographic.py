"""Partitions by what is known of postal codes."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evalkit.cohorts.discovery import Settings, discover_among
from evalkit.cohorts.finders.geodemographic import Geodemographic
from evalkit.cohorts.postcodes import PostalCodes, attributes_of, read_postcodes
from evalkit.cohorts.speakers import speakers_of
from evalkit.core.errors import ConfigError
from tests.worlds import HARMED, POSTCODES, SUBJECT, make_world


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


CODES = ["P0", "P1", "P2", "P3", "P4", "P5"]
"""Of POSTCODES; P5 is where the harmed live."""


def table_of(path: Path, cells: dict[str, dict[str, object]]) -> Path:
    """The table of postal codes with other ``cells``, by code and column."""
    table = POSTCODES.astype(object)
    for code, row in cells.items():
        for column, value in row.items():
            table.loc[code, column] = value
    table.to_csv(path, index_label="postcode")
    return path


@pytest.mark.parametrize("cell", ["", "-666666666", "n/a", "0,4", "57", "inf", "-0.2"])
def test_a_bad_cell_is_unknown_for_its_code_alone(tmp_path: Path, cell: str) -> None:
    nowhere = {"P9": {"share_old": cell, "share_degree": 0.2}}
    table = read_postcodes(table_of(tmp_path / "p.csv", nowhere))
    assert table.shares.loc[CODES].equals(POSTCODES)
    assert "1 cell left out: share_old: no share between 0 and 1 (P9)" in str(table.left_out[0])
    world = make_world()
    people = speakers_of(world.rows, world.utterances, postcodes=table)
    found = discover_among(people, SUBJECT, [Geodemographic()], Settings(shuffles=0)).findings
    assert found.finders[0].status == "confirmed"
    lived_in = read_postcodes(table_of(tmp_path / "q.csv", {"P1": {"share_old": cell}}))
    people = speakers_of(world.rows, world.utterances, postcodes=lived_in)
    # A sixth of the speakers live there: more than a tenth, so the attribute is not searched.
    assert list(people.attributes) == ["share_degree"]
    assert any("more than 10% of the speakers" in item.why for item in people.left_out)


def test_speakers_of_a_code_with_a_bad_cell_are_counted() -> None:
    world = make_world()
    moved = world.utterances.assign(postcode=world.utterances["postcode"].mask(
        world.utterances["speaker_id"] == "s000", "P9"))
    shares = pd.concat([POSTCODES, pd.DataFrame({"share_degree": [0.4]}, index=["P9"])])
    people = speakers_of(world.rows, moved, postcodes=PostalCodes(shares, []))
    item, = Geodemographic().left_out(people)
    assert (item.n, item.names) == (1, ("s000",))


@pytest.mark.parametrize(("home", "code"), [
    ("2000", "02000"), ("02000", "2000"), (2000, "02000"), (2000.0, "2000"), ("2000.0", "2000"),
    (" 2000", "2000"), ("sw1a 1aa", "SW1A1AA"), ("00-950", "00950"), ("２０００", "2000")])
def test_a_code_is_found_however_it_is_written(home: object, code: str) -> None:
    shares = pd.DataFrame({"share": [0.1, 0.9]}, index=["77777", code])
    found = attributes_of(pd.Series([home]), np.array([0]), np.array(["s"]), shares)
    assert found.attributes["share"].tolist() == [0.9]
    assert not found.left_out


@pytest.mark.parametrize(("homes", "expected", "why"), [
    (["2000", "02000"], [0.1, 0.9], ()),
    ([2000, 2000], [None, None], ("could be several",)),
    (["002000", "2000"], [None, 0.1], ("could be several",)),
    (["3000", None], [None, None], ("is known", "not in the table"))])
def test_a_code_is_never_taken_for_another(homes: list[object], expected: list[float | None],
                                           why: tuple[str, ...]) -> None:
    shares = pd.DataFrame({"share": [0.1, 0.9]}, index=["2000", "02000"])
    found = attributes_of(pd.Series(homes), np.arange(2), np.array(["s", "t"]), shares)
    assert found.attributes["share"].astype(object).where(
        found.attributes["share"].notna(), None).tolist() == expected
    for text in why:
        assert any(item.what == "speaker" and text in item.why for item in found.left_out)
    assert bool(found.left_out) == bool(why)


def test_a_row_without_a_code_is_nobodys_home(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text("postcode,share\n,0.9\n,0.8\nP1,0.1\n")
    table = read_postcodes(path)
    assert list(table.shares.index) == ["P1"]
    assert str(table.left_out[0]) == (
        "table of postal codes: 2 rows left out: no postal code (row 1, row 2)")
    found = attributes_of(pd.Series([None, "P1"]), np.arange(2), np.array(["s", "t"]), table.shares)
    assert found.attributes["share"].isna().tolist() == [True, False]


@pytest.mark.parametrize("rows", [
    "P1,0.1,x\nP2,0.9,a, b\n", "P1,0.1,x\nP2,0.9\n", "P1,0.1,x\n\nP2\n", 'P1,0.1,"x"\nP2,,,0.9\n'])
def test_a_row_that_does_not_fit_is_left_out_by_name(tmp_path: Path, rows: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text("postcode,share,name\n" + rows)
    table = read_postcodes(path)
    assert table.shares["share"].to_dict() == {"P1": 0.1}
    assert "1 row left out: more or fewer cells than there are columns (row 2)" in str(
        table.left_out[0])


@pytest.mark.parametrize(("text", "message"), [
    ("postcode,share,share\nP1,0.1,0.9\n", "2 columns are called 'share'"),
    ("postcode,postcode,share\nP1,P2,0.9\n", "2 columns are called 'postcode'"),
    ("postcode,share\nP1,0.1,x\nP2,0.9,y\n", "no column of shares"),
    ('postcode,share\nP1,"0.1\nP2,0.9\n', "cannot be read as CSV"),
    ("\n", "it is empty"), ("postcode;share\nP1;0,1\n", "no column 'postcode'")])
def test_columns_of_a_table_never_shift(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "p.csv"
    path.write_text(text)
    with pytest.raises(ConfigError, match=message):
        read_postcodes(path)


def test_a_speaker_lives_where_most_utterances_say() -> None:
    shares = pd.DataFrame({"share": [0.1, 0.9]}, index=["A", "B"])
    found = attributes_of(pd.Series([None, "A", "B", "B", "A"]), np.array([0, 0, 0, 0, 1]),
                          np.array(["s", "t"]), shares)
    assert found.attributes["share"].tolist() == [0.9, 0.1]
    assert [str(item) for item in found.left_out] == [
        "postal codes: 1 cell left out: of a speaker with several, of which the most frequent "
        "counts (s)"]
