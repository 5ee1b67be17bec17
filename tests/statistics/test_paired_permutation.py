"""Versions swapped within speakers, beside every swap there is."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.paired_permutation import (
    _signs,
    fewest_speakers,
    flip_signs,
    p_values,
    step_down,
)


def every_swap(contributions: np.ndarray) -> np.ndarray:
    """Sums of all 2^n swaps, (2^n, hypotheses)."""
    return np.array(list(product([-1, 1], repeat=len(contributions)))) @ contributions


def test_p_values_are_the_share_of_all_swaps() -> None:
    rng = np.random.default_rng(0)
    parts = rng.normal([0, 0.3, 0.6, 1.5], size=(9, 4))
    exact = (np.abs(every_swap(parts)) >= np.abs(parts.sum(0)) - 1e-12).mean(axis=0)
    found = p_values(flip_signs(parts, Resampling(draws=40_000, seed=1)))
    assert found == pytest.approx(exact, abs=0.01)
    assert exact.max() > 0.2 and exact.min() < 0.02


def test_step_down_is_that_of_westfall_and_young() -> None:
    """Equal group sizes: the tail orders like |sum| / root of the sum of squares."""
    rng = np.random.default_rng(1)
    parts = rng.normal([1.5, 0.9, 0.5, 0.2, 0.0], size=(10, 5))
    z = np.abs(every_swap(parts)) / np.sqrt((parts**2).sum(0))
    seen = np.abs(parts.sum(0)) / np.sqrt((parts**2).sum(0))
    order = np.argsort(-seen)
    expected, least = np.empty(5), 0.0
    for rank, h in enumerate(order):
        least = max(least, (z[:, order[rank:]].max(axis=1) >= seen[h] - 1e-12).mean())
        expected[h] = least
    found = step_down(flip_signs(parts, Resampling(draws=40_000, seed=2)))
    assert found == pytest.approx(expected, abs=0.01)
    assert (expected > p_values(flip_signs(parts)) + 0.005).any()


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 10**6), st.integers(2, 30), st.integers(1, 6))
def test_the_other_way_round_and_another_scale_are_the_same(seed: int, n: int, m: int) -> None:
    rng = np.random.default_rng(seed)
    parts = np.where(rng.random((n, m)) < 0.2, np.nan, rng.integers(-3, 4, (n, m)))
    resampling = Resampling(draws=200)
    here, there = flip_signs(parts, resampling), flip_signs(-parts * 1e-3, resampling)
    assert step_down(here) == pytest.approx(step_down(there))
    assert (step_down(here) >= p_values(here) - 1e-12).all()


def test_the_same_hypothesis_twice_costs_nothing() -> None:
    parts = np.random.default_rng(3).standard_normal((40, 1)) + 0.3
    one, two = (flip_signs(np.repeat(parts, k, axis=1)) for k in (1, 20))
    assert step_down(two) == pytest.approx(np.repeat(step_down(one), 20))


def test_nothing_changed_is_no_evidence() -> None:
    assert p_values(flip_signs(np.zeros((20, 2)))).tolist() == [1.0, 1.0]


def test_fewer_speakers_cannot_be_significant() -> None:
    n = fewest_speakers(0.05)
    assert n == 6
    least = [p_values(flip_signs(np.ones((k, 1)), Resampling(draws=20_000)))[0] for k in (n - 1, n)]
    assert least[0] > 0.05 > least[1]


def test_false_findings_in_forty_groups_of_few() -> None:
    """400 families of 40 groups of 8 speakers and their whole: 5 % may have a false finding."""
    rng = np.random.default_rng(4)
    hits = 0
    for repetition in range(400):
        d = rng.poisson(3, (320, 2)) @ [1.0, -1.0]
        group = np.repeat(np.arange(40), 8)
        parts = np.where(group[:, None] == np.arange(40), d[:, None], np.nan)
        parts = np.concatenate([parts, d[:, None]], axis=1)
        hits += step_down(flip_signs(parts, Resampling(200, repetition))).min() <= 0.05
    assert 5 <= hits <= 33


def test_signs_are_those_of_the_generator() -> None:
    for n in (1, 7, 1_000):
        rng = np.random.default_rng(5)
        drawn = np.concatenate(list(_signs(n, Resampling(draws=13, seed=5))))
        assert np.array_equal(drawn, 2.0 * rng.integers(0, 2, (13, n), dtype=np.int8) - 1)
