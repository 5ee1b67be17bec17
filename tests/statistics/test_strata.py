"""Blocks of very many speakers: the same sums, the same answers, and an exact test."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.statistics import permutation, strata
from evalkit.statistics.bootstrap import Contrast, Resampling, intervals
from evalkit.statistics.equal_rates import equal_rates
from evalkit.statistics.sums import SpeakerSums, with_rest

FEW = Resampling(1_000)


def sums_of(n: int, seed: int = 0, *, both: bool = False) -> SpeakerSums:
    """Of speakers in three groups, 6 %, 40 % and the rest, the first of which is worse; of ``both``
    some speakers are in two of them."""
    rng = np.random.default_rng(seed)
    group = rng.choice(3, size=n, p=[0.06, 0.4, 0.54])
    words = rng.integers(20, 200, n).astype(float)
    rate = rng.gamma(2.0, 0.05, n) * np.where(group == 0, 1.08, 1.0)
    amount, weight = np.zeros((n, 3, 1)), np.zeros((n, 3, 1))
    weight[np.arange(n), group, 0] = words
    amount[np.arange(n), group, 0] = rng.poisson(rate * words)
    if both:
        weight[: n // 4, 2], amount[: n // 4, 2] = 30.0, 3.0
    return SpeakerSums(np.arange(n), ("a", "b", "c"), ("x",), amount, weight, np.zeros((3, 3, 1)))


def test_few_speakers_are_as_they_are():
    sums = sums_of(strata.MOST)
    assert strata.folded(sums) is sums


@pytest.mark.parametrize("both", [False, True])
def test_blocks_have_the_sums_the_groups_and_the_speakers_of_all(both):
    sums = sums_of(20_000, both=both)
    blocks = strata.folded(sums)
    assert blocks.amount.sum(axis=0) == pytest.approx(sums.amount.sum(axis=0))
    assert blocks.weight.sum(axis=0) == pytest.approx(sums.weight.sum(axis=0))
    assert len(blocks.speakers) < 2 * strata.MOST
    assert blocks.size.sum() == 20_000
    assert set(blocks.size) == {1, 3}  # of one size, and who stays alone
    assert {tuple(row) for row in blocks.members} == {tuple(row) for row in sums.members}


def test_a_small_stratum_stays_as_it_is_among_others_who_do():
    sums = sums_of(20_000)
    for x in (sums.amount, sums.weight):
        x[1_000:, 1] += x[1_000:, 0]
        x[1_000:, 0] = 0.0
    blocks = strata.folded(sums)
    small, alone = blocks.members[:, 0], blocks.size == 1
    assert small.any() and alone[small].all()
    assert small.sum() * strata.OTHERS <= (alone & ~small).sum() <= small.sum() * 11


def test_labels_move_among_blocks_of_one_size_only():
    blocks = strata.folded(sums_of(20_000))
    cells = permutation.parts(blocks)
    assert set(cells.block) <= {0, -2}
    for labels in permutation._drawn_labels(cells.label.tobytes(), cells.block.tobytes(),
                                            Resampling(3)):
        for at in (cells.block == 0, cells.block == -2):
            assert (np.sort(labels[:, at]) == np.sort(cells.label[at])).all()
        assert (labels != cells.label).any(axis=1).all()


def test_intervals_and_p_values_are_those_of_all_speakers(monkeypatch):
    sums = sums_of(20_000)
    wanted = [Contrast((i, 0), (3 + i, 0)) for i in range(3)]

    def answers() -> tuple[np.ndarray, np.ndarray]:
        found = intervals(with_rest(sums), wanted, FEW)
        permutation._relabelled.cache_clear()
        return np.array([[x.low, x.high] for x in found]), equal_rates(sums, 0, FEW)

    bounds, p = answers()
    monkeypatch.setattr(strata, "MOST", 10**9)
    all_bounds, all_p = answers()
    width = all_bounds[:, 1] - all_bounds[:, 0]
    assert np.abs(bounds - all_bounds) / width[:, None] == pytest.approx(0, abs=0.06)
    assert p == pytest.approx(all_p, abs=0.1)
