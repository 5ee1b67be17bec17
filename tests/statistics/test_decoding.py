"""The noise between runs of one version, against a two-way table and by simulation."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.core.types import Interval
from evalkit.statistics.decoding import RunNoise, between_runs, with_noise


def change(value: float, se: float, df: float, level: float = 0.95) -> Interval:
    from scipy.stats import t
    reach = se * float(t.ppf((1 + level) / 2, df))
    return Interval(value, value - reach, value + reach, se, df, round(df) + 1, "t")


def test_the_variances_are_those_of_a_two_way_table() -> None:
    """Mean squares of speakers x runs, by the textbook."""
    rng = np.random.default_rng(0)
    sides = [rng.normal(size=(9, runs)) + rng.normal(size=runs) for runs in (4, 4)]
    between, residual = [], []
    for x in sides:
        columns = x.mean(axis=0) - x.mean()
        between.append(9 * (columns**2).sum() / 3)
        fitted = x.mean() + columns + (x.mean(axis=1, keepdims=True) - x.mean())
        residual.append(((x - fitted)**2).sum() / (8 * 3))
    found = between_runs(sides)
    assert found is not None and found.df == 6 and found.runs == (4, 4)
    # Values are sums over speakers: n times the mean squares.
    assert found.own == pytest.approx(9 * np.mean(residual))
    assert found.common == pytest.approx(9 * (np.mean(between) - np.mean(residual)))


def test_runs_that_do_not_differ_change_nothing() -> None:
    noise = between_runs([np.ones((5, 3)), np.ones((5, 2))])
    assert noise is not None
    before = change(0.1, 0.02, 4)
    assert with_noise(before, noise, 0.95) == before
    assert noise.share(before) == 0 and noise.enough(before) == 1
    assert between_runs([np.ones((5, 1)), np.ones((5, 1))]) is None
    assert between_runs([np.ones((1, 3)), np.ones((1, 3))]) is None


def test_so_many_runs_bring_the_share_to_a_tenth() -> None:
    seen = change(0.0, 0.03, 40)
    noise = RunNoise(common=0.0008, own=0.0002, df=4, runs=(3, 3))
    speakers = 0.03**2 - 2 / 3 * 0.0002
    assert noise.share(seen) == pytest.approx((2 / 3 * 0.001) / (2 / 3 * 0.001 + speakers))
    enough = noise.enough(seen)
    assert enough is not None
    share = [(2 / n * 0.001) / (2 / n * 0.001 + speakers) for n in (enough - 1, enough)]
    assert share[1] <= 0.1 < share[0]
    assert RunNoise(0.0, 0.0009, 4, (2, 2)).enough(seen) is None


@pytest.mark.parametrize("runs", [2, 3, 5])
def test_intervals_hold_the_truth_where_runs_differ(runs: int) -> None:
    """A run moves all of 40 speakers by as much as three standard errors over them."""
    rng, n, missed, ignored = np.random.default_rng(runs), 40, 0, 0
    for _ in range(500):
        base, other = (rng.normal(size=(n, runs)) + rng.normal(0, 3 / n**0.5, runs)
                       for _ in range(2))
        other = other + rng.normal(size=(n, 1))
        moved = other.mean(axis=1) - base.mean(axis=1)
        seen = change(moved.mean(), moved.std(ddof=1) / n**0.5, n - 1)
        noise = between_runs([base / n, other / n])
        assert noise is not None
        wider = with_noise(seen, noise, 0.95)
        missed += not wider.low <= 0 <= wider.high
        ignored += not seen.low <= 0 <= seen.high
    assert missed / 500 < 0.085 and ignored / 500 > 0.2
