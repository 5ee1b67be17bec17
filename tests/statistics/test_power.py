"""What could have been shown, and what would settle it, against simulation."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from evalkit.core.types import Interval
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.contrasts import GroupContrast, against_rest
from evalkit.statistics.fairness import fairness
from evalkit.statistics.power import detectable, more_speakers, multiplier
from evalkit.statistics.sums import SpeakerSums

QUICK = Resampling(draws=400)
SIZES = (40, 60, 80)


def planted(rng: np.random.Generator, worse: float, times: float = 1.0) -> SpeakerSums:
    """Three groups of ``times`` as many speakers as SIZES; the first is worse by ``worse``."""
    group = np.repeat(np.arange(3), [round(times * n) for n in SIZES])
    weight = rng.integers(50, 400, len(group)).astype(float)
    rate = rng.normal(0.15, 0.05, len(group)) + np.where(group == 0, worse, 0.0)
    inside = (group[:, None] == np.arange(3)).astype(float)
    return SpeakerSums(np.arange(len(group)), ("a", "b", "c"), ("asr",),
                       (rate * weight)[:, None, None] * inside[..., None],
                       weight[:, None, None] * inside[..., None], np.zeros((3, 3, 1)))


def first(rng: np.random.Generator, worse: float, times: float = 1.0) -> GroupContrast:
    return against_rest(planted(rng, worse, times), resampling=QUICK)[0]


def found(worse: float, times: float = 1.0, n: int = 150) -> float:
    """How often the first group is found to differ."""
    rng = np.random.default_rng([7, round(100 * times), round(1e4 * worse)])
    return float(np.mean([first(rng, worse, times).p_adjusted < 0.05 for _ in range(n)]))


def reach() -> float:
    rng = np.random.default_rng(1)
    return float(np.mean([first(rng, 0.0).detectable for _ in range(15)]))


def test_a_gap_that_could_have_been_shown_is_shown_in_80_of_100() -> None:
    assert abs(found(reach()) - 0.8) < 0.1


def test_so_many_more_speakers_show_a_smaller_gap() -> None:
    rng, gap = np.random.default_rng(2), 0.6 * reach()
    needed = np.mean([more_speakers(first(rng, gap).difference, gap, 0.05 / 3, of=SIZES[0]) or 0
                      for _ in range(15)])
    assert found(gap) < 0.5
    assert abs(found(gap, 1 + float(needed) / SIZES[0]) - 0.8) < 0.1


def test_a_gap_says_whether_it_is_settled_and_what_would_settle_it() -> None:
    large, small = (first(np.random.default_rng(3), gap) for gap in (0.1, 0.01))
    assert large.p_adjusted < 0.05 and large.more_speakers == 0
    assert small.p_adjusted > 0.05 and small.more_speakers
    assert small.more_speakers == more_speakers(small.difference, small.difference.value,
                                                0.05 / 3, of=SIZES[0])
    sums = planted(np.random.default_rng(3), 0.1)
    whole = fairness(sums, resampling=QUICK)
    assert whole and whole.more_speakers == 0
    # Two groups of the three that are the worst and the best, at a third of the level.
    assert first(np.random.default_rng(3), 0.1).detectable < whole.detectable < 0.05


def test_the_formula_is_that_of_a_t_test() -> None:
    """Of one sample, whose power scipy's noncentral t gives."""
    difference = Interval(0.0, 0.0, 0.0, 1.0, 29.0, 30, "t")
    t = stats.t.ppf(0.975, 29)
    assert stats.nct.sf(t, 29, detectable(difference, 0.05)) == pytest.approx(0.8, abs=0.01)
    assert multiplier(0.05, np.inf) == pytest.approx(2.8016, abs=1e-4)
    assert more_speakers(difference, 1.0, 0.05, of=30) == pytest.approx(30 * (2.82**2 - 1), abs=3)
