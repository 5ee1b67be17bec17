"""Ranks with intervals: what they hold, and that they are what brute force gives."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, product

import numpy as np
import pytest

from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.ranks import Ranking, brackets, rankings, surely_better
from evalkit.statistics.sums import SpeakerSums

FEW = Resampling(draws=500)


def world(seed: int, speakers: int, rates: list[float], groups: int = 1) -> SpeakerSums:
    """Speakers who differ from one another, heard by systems of these true ``rates``."""
    rng = np.random.default_rng(seed)
    words = rng.integers(20, 60, (speakers, 1)).astype(float)
    voice = np.exp(0.5 * rng.standard_normal((speakers, 1)))
    luck = np.exp(0.3 * rng.standard_normal((speakers, len(rates))) - 0.045)
    errors = rng.poisson(words * voice * luck * rates).astype(float)
    here = (np.arange(speakers) % groups)[:, None] == np.arange(groups)
    return SpeakerSums(np.arange(speakers), tuple(f"g{i}" for i in range(groups)),
                       tuple(f"s{i}" for i in range(len(rates))), errors[:, None] * here[..., None],
                       np.repeat(words, len(rates), 1)[:, None] * here[..., None],
                       np.zeros((3, groups, len(rates))))


def ranked(sums: SpeakerSums, worse: int = 1) -> Ranking:
    return rankings(sums, worse, FEW)[0]


@pytest.mark.parametrize("rates", [[0.1] * 5, [0.08, 0.1, 0.1, 0.12, 0.2]])
def test_the_intervals_together_hold_the_true_ranks(rates: list[float]) -> None:
    """Of systems that tie in truth all their ranks."""
    truth = np.array(rates)
    first, last = (1 + (truth < r).sum() for r in rates), ((truth <= r).sum() for r in rates)
    wanted = dict(zip((f"s{i}" for i in range(len(rates))), zip(first, last, strict=True),
                      strict=True))
    held = [all(each.first <= wanted[each.system][0] and wanted[each.system][1] <= each.last
                for each in ranked(world(seed, 20, rates)).systems) for seed in range(150)]
    assert np.mean(held) > 0.95 - 2 * np.sqrt(0.95 * 0.05 / 150)


def test_what_differs_much_has_one_rank_and_equals_share_one_bracket() -> None:
    sure = ranked(world(1, 40, [0.4, 0.05, 0.15]))
    assert [(each.system, each.first, each.last) for each in sure.systems] == [
        ("s1", 1, 1), ("s2", 2, 2), ("s0", 3, 3)]
    assert sure.brackets == [] and sure.may_be_best == ["s1"] and sure.alike(0) == []
    reversed_ = ranked(world(1, 40, [0.4, 0.05, 0.15]), worse=-1)
    assert [each.system for each in reversed_.systems] == ["s0", "s2", "s1"]
    same = world(1, 40, [0.1])
    equal = ranked(SpeakerSums(same.speakers, same.cohorts, tuple("abcd"), same.amount.repeat(4, 2),
                               same.weight.repeat(4, 2), same.spread.repeat(4, 2)))
    assert equal.brackets == [(0, 1, 2, 3)] and len(equal.may_be_best) == 4
    assert {(each.first, each.last) for each in equal.systems} == {(1, 4)}


def step_down(parts: np.ndarray, level: float) -> Iterator[int]:
    """The hypotheses (speakers, hypotheses) that are rejected at ``level``, by every one of the
    2^n exchanges: the most extreme first, each against the largest of those that are left."""
    signs = np.array(list(product((1.0, -1.0), repeat=len(parts))))
    scale = np.sqrt((parts**2).sum(axis=0))
    null, seen = np.abs(signs @ parts) / scale, np.abs(parts.sum(axis=0)) / scale
    left = set(range(parts.shape[1]))
    while left:
        best = max(left, key=lambda i: seen[i])
        if np.mean(null[:, sorted(left)].max(axis=1) >= seen[best] - 1e-12) > level:
            return
        yield best
        left.remove(best)


@pytest.mark.parametrize("seed", range(4))
def test_surely_better_is_what_all_exchanges_say(seed: int) -> None:
    """The difference of two rates of the same words is a sum over speakers."""
    sums = world(seed, 10, [0.05, 0.08, 0.14, 0.4])
    pairs = list(combinations(range(4), 2))
    errors, words = sums.amount[:, 0], sums.weight[:, 0, 0]
    parts = np.stack([(errors[:, b] - errors[:, a]) / words.sum() for a, b in pairs], axis=1)
    expected = np.zeros((4, 4), bool)
    for i in step_down(parts, 0.05):
        a, b = pairs[i] if parts[:, i].sum() > 0 else pairs[i][::-1]
        expected[a, b] = True
    assert (surely_better(sums, 1, Resampling(draws=4000))[0] == expected).all()
    assert expected.any() and not expected.all()


def test_groups_are_judged_together() -> None:
    both = rankings(world(3, 60, [0.05, 0.1, 0.4], groups=2), 1, FEW)
    assert [each.group for each in both] == ["g0", "g1"]
    assert [each.systems[-1].system for each in both] == ["s2", "s2"]
    assert all(each.systems[-1].first == 3 for each in both)


def test_brackets_are_the_largest_sets_of_all_subsets() -> None:
    rng = np.random.default_rng(0)
    for _ in range(40):
        better = np.triu(rng.random((6, 6)) < 0.4, 1)
        alike = [set(places) for size in range(2, 7) for places in combinations(range(6), size)
                 if not better[np.ix_(places, places)].any()]
        largest = sorted(tuple(sorted(each)) for each in alike
                         if not any(each < other for other in alike))
        assert list(brackets(better)) == largest
