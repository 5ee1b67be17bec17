"""Speakers' sums, places and labels."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cohorts.speakers import (
    Outcomes,
    eastward,
    largest_gap,
    speakers_of,
    summed,
)
from tests.worlds import make_world


def table(**columns: object) -> pd.DataFrame:
    n = len(columns["speaker_id"])
    return pd.DataFrame({"condition": "clean", "utterance_id": [f"u{i}" for i in range(n)],
                         "amount": 1.0, "weight": 2.0, "error": None} | columns)


@given(st.lists(st.integers(0, 5), min_size=1, max_size=30), st.integers(0, 9))
def test_shuffling_moves_whole_speakers(sizes: list[int], seed: int) -> None:
    speaker = np.unique(sizes, return_inverse=True)[1]
    harm = np.arange(len(speaker)) + 1.0
    own = Outcomes(harm, 2 * harm, np.ones(len(harm)), np.zeros(len(harm)), speaker)
    shuffled = own.shuffled(np.random.default_rng(seed))
    assert np.array_equal(shuffled.speaker, speaker)
    assert np.array_equal(shuffled.weight, 2 * shuffled.harm)
    source = speaker[shuffled.harm.astype(int) - 1]
    came_from = [np.unique(source[speaker == s]) for s in range(speaker.max() + 1)]
    assert all(len(others) == 1 for others in came_from)
    assert len(np.unique(np.concatenate(came_from))) == speaker.max() + 1


def test_shuffling_speakers_of_equal_size_is_a_permutation() -> None:
    own = make_world().people().by_utterance
    shuffled = own.shuffled(np.random.default_rng(0))
    assert np.array_equal(np.sort(shuffled.harm), np.sort(own.harm))
    assert not np.array_equal(shuffled.harm, own.harm)


def test_sums_keep_failures_apart() -> None:
    rows = table(speaker_id=["a", "a", "b"], error=[None, "TooShort: 0.1 s", None])
    rows.loc[1, ["amount", "weight"]] = np.nan
    people = speakers_of(rows, table(speaker_id=["a", "a", "b"]))
    own = people.by_speaker
    assert [own.harm.tolist(), own.weight.tolist()] == [[1, 1], [2, 2]]
    assert [own.n.tolist(), own.n_failed.tolist()] == [[1, 1], [1, 0]]
    assert np.array_equal(summed(people.by_utterance).harm, own.harm)


def test_an_utterance_without_a_speaker_is_its_own() -> None:
    rows = table(speaker_id=["a", None, None])
    assert speakers_of(rows, rows).ids.tolist() == ["a", "u1", "u2"]


def test_higher_is_better_turns_the_harm() -> None:
    assert make_world().people(higher_is_better=True).by_speaker.harm.sum() == -(
        make_world().people().by_speaker.harm.sum())


def test_a_speaker_at_the_dateline_lives_there() -> None:
    rows = table(speaker_id=["a", "a", "a", "b"])
    facts = rows.assign(latitude=[0, 1, 2, 95.0], longitude=[179.5, -179.5, -179.7, 10])
    location = speakers_of(rows, facts).location
    assert location[0] == pytest.approx([1, -179.7])
    assert np.isnan(location[1]).all()  # no such latitude


def test_places_off_the_globe_are_counted() -> None:
    rows = table(speaker_id=list("abcdef"))
    facts = rows.assign(latitude=["95", "north", "1", " ", None, "unknown"],
                        longitude=[3, 3, 400, None, 3, 3])
    people = speakers_of(rows, facts)
    misplaced, = (item for item in people.left_out if item.what == "speaker")
    assert (misplaced.n, misplaced.names) == (3, ("a", "b", "c"))
    assert "off the globe" in misplaced.why
    assert np.isnan(people.location).all()
    assert not speakers_of(rows, rows[["utterance_id", "speaker_id"]]).left_out


@given(st.lists(st.floats(-180, 180), min_size=1, max_size=20))
def test_the_meridian_is_far_from_everybody(longitude: list[float]) -> None:
    cut = largest_gap(np.array(longitude))
    away = np.abs((np.array(longitude) - cut + 180) % 360 - 180)
    assert away.min() >= 180 / len(longitude) - 1e-9
    assert (eastward(np.array(longitude), cut) < 360).all()


def test_labels_of_speakers_and_of_utterances() -> None:
    people = make_world().people()
    assert list(people.labels) == ["age", "gender"]
    assert list(people.utterance_labels) == ["age", "gender", "room"]
    assert people.labels["age"].nunique() == 4  # quartiles of sixty ages
    half = people.take(np.arange(96) < 48)
    assert len(half.labels) == len(half.ids) == half.by_speaker.speaker.max() + 1 == 48
