"""Bands of clusters of voices."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.cohorts.finders.clusters import Bands, Clusters, bands, fit, nearest
from evalkit.cohorts.speakers import Speakers
from tests.worlds import HARMED, make_world


def test_harmed_voices_are_the_first_band() -> None:
    world = make_world()
    people = world.people()
    rule = Clusters().prepare(people)(people.by_speaker)
    first = rule.members(people)[0]
    harmed = np.flatnonzero(world.city == HARMED)
    assert len(np.intersect1d(first, harmed)) / len(np.union1d(first, harmed)) >= 0.6
    other = make_world(seed=7)  # other speakers of the same cities
    fresh = rule.members(other.people())[0]
    assert np.mean(other.city[fresh] == HARMED) >= 0.6


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 50), st.integers(1, 9)),
                min_size=1, max_size=20), st.floats(0.01, 1))
def test_bands_go_from_the_worst_cluster_to_the_best(sums: list[tuple[int, int, int]],
                                                     share: float) -> None:
    harm, weight, size = np.array(sums, float).T
    band = bands(harm, weight, size, share)
    assert set(band) == set(range(int(band.max()) + 1))
    rate = np.where(weight > 0, harm / np.maximum(weight, 1), -np.inf)
    for b in range(int(band.max())):
        assert rate[band == b].min() >= rate[band == b + 1].max()
        # One more cluster would not have come nearer to the share.
        held, target = size[band == b].sum(), share * size.sum()
        following = [size[i] for i in np.flatnonzero(band == b + 1)
                     if rate[i] == rate[band == b + 1].max()]
        assert max(following) + held - target >= target - held


def test_the_nearest_centroid_is_the_nearest() -> None:
    rng = np.random.default_rng(0)
    vectors, centroids = rng.standard_normal((100, 8)), rng.standard_normal((7, 8))
    distance = ((vectors[:, None] - centroids) ** 2).sum(axis=2)
    assert np.array_equal(nearest(vectors, centroids), distance.argmin(axis=1))


def test_clustering_is_repeatable() -> None:
    vectors = make_world().people().embedding
    assert np.array_equal(fit(vectors, 5, seed=3), fit(vectors, 5, seed=3))


def test_bands_have_readable_names() -> None:
    rule = Bands(np.zeros((6, 2)), np.array([0, 1, 0, 0, 0, 0]))
    assert rule.names == ("band 1 of 2: clusters 1, 3, 4, 5 and 1 more",
                          "band 2 of 2: cluster 2")


@pytest.mark.parametrize(("known", "why"), [(0, "no speaker embeddings"),
                                            (3, "there are embeddings of 3 speakers")])
def test_too_few_voices_are_said(known: int, why: str) -> None:
    world = make_world()
    vectors = world.vectors.iloc[:known] if known else None
    assert Clusters().lacks(world._replace(vectors=vectors).people()) == why


def voiced(*kinds: int, noise: float = 1e-16) -> Speakers:
    """The speakers of the world with the first voices, equal up to rounding, in turn."""
    people = make_world().people()
    rng = np.random.default_rng(0)
    vectors = people.embedding[np.resize(kinds, len(people.embedding))]
    return replace(people, embedding=vectors + noise * rng.standard_normal(vectors.shape))


def test_voices_that_are_all_alike_say_nothing() -> None:
    for noise in (1e-16, 1e-8):
        assert (Clusters().lacks(voiced(0, noise=noise))
                == "the embeddings of all 96 speakers are alike")
    assert Clusters(ks=(5,)).lacks(voiced(0, 1)) == "96 speakers have only 2 different embeddings"
    assert Clusters().lacks(voiced(0, 1)) is None


@pytest.mark.filterwarnings("error")
def test_no_more_clusters_than_voices_are_tried() -> None:
    people = make_world().people()
    same = replace(people, embedding=people.embedding[np.arange(len(people.embedding)) % 3])
    rule = Clusters().prepare(same)(same.by_speaker)
    assert rule.describe()["k"] == 2
