"""Binary partitions against scikit-learn and against all possible cuts."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.tree import DecisionTreeRegressor

from evalkit.cohorts.evidence import Floors
from evalkit.cohorts.search import partition
from evalkit.cohorts.search.partition import (
    Growth,
    Partition,
    Score,
    grower,
    threshold_axis,
    value_axis,
)
from evalkit.cohorts.speakers import Outcomes

ANY = Floors(1, 0, 0)


def outcomes(rng: np.random.Generator, n: int) -> Outcomes:
    weight = rng.integers(5, 40, n).astype(float)
    return Outcomes(rng.poisson(0.2 * weight).astype(float), weight, np.full(n, 4.0), np.zeros(n),
                    np.arange(n))


def grow(points: np.ndarray, own: Outcomes, growth: Growth) -> Partition:
    return grower([value_axis(column) for column in points.T], growth)(own)


def same(a: np.ndarray, b: np.ndarray) -> bool:
    """Whether two labellings part the points alike."""
    pairs = np.unique(np.stack([a, b], axis=1), axis=0)
    return len(pairs) == len(np.unique(a)) == len(np.unique(b))


@pytest.mark.parametrize("leaves", [2, 5, 12])
def test_the_weighted_tree_is_cart(leaves: int) -> None:
    rng = np.random.default_rng(leaves)
    points, own = rng.standard_normal((200, 2)), outcomes(rng, 200)
    reference = DecisionTreeRegressor(max_leaf_nodes=leaves, min_samples_leaf=6, random_state=0)
    reference.fit(points, own.harm / own.weight, sample_weight=own.weight)
    ours = grow(points, own, Growth(max_cohorts=leaves, floors=Floors(6, 0, 0), alpha=1))
    assert same(ours.assign(points), reference.apply(points))
    fresh = rng.standard_normal((500, 2))
    # scikit-learn compares in single precision, so a point on a cut may fall on either side.
    assert np.mean(ours.assign(fresh) == ours.assign(fresh.astype(np.float32))) > 0.99
    assert same(ours.assign(fresh), reference.apply(fresh))


@pytest.mark.parametrize("score", ["weighted", "abs_diff", "z"])
def test_the_first_cut_is_the_best_of_all(score: Score) -> None:
    rng = np.random.default_rng(3)
    points, own = rng.integers(0, 12, (60, 2)).astype(float), outcomes(rng, 60)
    found = grow(points, own, Growth(score, max_cohorts=2, floors=Floors(5, 0, 0), alpha=1))

    def gain(left: np.ndarray) -> float:
        rate = [own.harm[side].sum() / own.weight[side].sum() for side in (left, ~left)]
        weight = [own.weight[side].sum() for side in (left, ~left)]
        difference = abs(rate[0] - rate[1])
        if score == "abs_diff":
            return difference
        if score == "weighted":
            return weight[0] * weight[1] / sum(weight) * difference**2
        residual = own.harm - np.where(left, *rate) * own.weight
        square = (residual**2).sum() / (own.weight**2).sum() * 60 / 58
        leverage = sum((own.weight[side]**2).sum() / own.weight[side].sum()**2
                       for side in (left, ~left))
        return difference / np.sqrt(square * leverage)

    cuts = [points[:, axis] <= value for axis in (0, 1) for value in np.arange(12) + 0.5]
    allowed = [cut for cut in cuts if 5 <= cut.sum() <= 55]
    best = max(gain(cut) for cut in allowed)
    assert gain(found.assign(points) == 0) == pytest.approx(best, rel=1e-12)


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 10_000), st.integers(1, 6), st.integers(2, 9),
       st.sampled_from(["weighted", "abs_diff", "z"]))
def test_no_leaf_is_below_the_floors(seed: int, floor: int, most: int, score: Score) -> None:
    rng = np.random.default_rng(seed)
    points, own = rng.integers(0, 8, (40, 2)).astype(float), outcomes(rng, 40)
    floors = Floors(floor, 12, 60.0)
    leaf = grow(points, own, Growth(score, most, floors=floors, alpha=1)).assign(points)
    assert leaf.min() == 0
    assert leaf.max() + 1 == len(np.unique(leaf)) <= most
    if leaf.max() > 0:
        assert np.bincount(leaf).min() >= floor
        assert np.bincount(leaf, own.n).min() >= 12
        assert np.bincount(leaf, own.weight).min() >= 60


def test_boxes_hold_their_points_and_nobody_else() -> None:
    rng = np.random.default_rng(1)
    points, own = rng.standard_normal((300, 2)), outcomes(rng, 300)
    found = grow(points, own, Growth(max_cohorts=9, floors=ANY, alpha=1))
    for i, box in enumerate(found.boxes(2)):
        inside = ((points > box[:, 0]) & (points <= box[:, 1])).all(axis=1)
        assert np.array_equal(inside, found.assign(points) == i)


def test_what_chance_explains_is_taken_back() -> None:
    rng = np.random.default_rng(5)
    points, own = rng.standard_normal((200, 2)), outcomes(rng, 200)
    assert grow(points, own, Growth(alpha=0.001)).leaf.max() == 0
    harmed = points[:, 0] > 1
    worse = Outcomes(own.harm * np.where(harmed, 3, 1), own.weight, own.n, own.n_failed,
                     own.speaker)
    leaf = grow(points, worse, Growth(alpha=0.001)).assign(points)
    assert same(leaf, harmed)


def test_the_best_of_many_cuts_is_kept_by_chance_as_often_as_it_says() -> None:
    """Bonferroni's bound over some 370 cuts would keep hardly one in a hundred."""
    kept = []
    for seed in range(400):
        rng = np.random.default_rng(seed)
        points, own = rng.standard_normal((200, 2)), outcomes(rng, 200)
        found = grow(points, own, Growth("z", 2, floors=Floors(8, 0, 0), alpha=0.1))
        kept.append(found.leaf.max() > 0)
    assert 0.05 < np.mean(kept) < 0.14


def test_quantiles_serve_where_there_are_too_many_values(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(2)
    points, own = rng.standard_normal((5_000, 2)), outcomes(rng, 5_000)
    exact = grow(points, own, Growth(max_cohorts=20, floors=ANY, alpha=1)).assign(points)
    monkeypatch.setattr(partition, "MOST_BINS", 256)
    binned = grow(points, own, Growth(max_cohorts=20, floors=ANY, alpha=1)).assign(points)

    def explained(leaf: np.ndarray) -> float:
        sums = np.bincount(leaf, own.harm), np.bincount(leaf, own.weight)
        return float((sums[0]**2 / sums[1]).sum() - own.harm.sum()**2 / own.weight.sum())

    assert explained(binned) > 0.5 * explained(exact)
    assert np.bincount(value_axis(points[:, 0]).codes).max() <= 21


def test_thresholds_are_kept_to() -> None:
    axis = threshold_axis(np.array([0.1, 0.5, 0.6, 0.9]), (0.5, 0.8))
    assert axis.codes.tolist() == [0, 0, 1, 2]
    assert axis.high.tolist() == [0.5, 0.8, np.inf]


def test_a_point_without_a_place_is_nowhere() -> None:
    rng = np.random.default_rng(0)
    found = grow(rng.standard_normal((30, 2)), outcomes(rng, 30), Growth(floors=ANY, alpha=1))
    assert found.assign(np.array([[0.0, np.nan]])).tolist() == [-1]
