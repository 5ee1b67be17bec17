"""Intervals over speakers: against SciPy's bootstrap, by law, and by coverage."""

from __future__ import annotations

import warnings
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evalkit.statistics import bootstrap
from evalkit.statistics.bootstrap import (
    Contrast,
    Resampling,
    counts,
    intervals,
    on_scale,
)
from evalkit.statistics.strata import speaker_strata
from evalkit.statistics.sums import SpeakerSums, speaker_sums
from tests.worlds import plant

RATE = Contrast((0, 0))
FEW = Resampling(draws=400)


def sums_of(amount, weight):
    """Amounts and weights (speakers, cohorts, systems) as SpeakerSums."""
    amount, weight = np.asarray(amount, float), np.asarray(weight, float)
    n, c, k = amount.shape
    return SpeakerSums(np.arange(n), tuple(f"c{i}" for i in range(c)),
                       tuple(f"k{i}" for i in range(k)), amount, weight, np.zeros((3, c, k)))


@pytest.fixture
def one():
    rng = np.random.default_rng(5)
    weight = rng.integers(50, 400, 60)
    amount = rng.poisson(0.2 * weight * np.exp(0.5 * rng.normal(size=60)))
    return sums_of(amount[:, None, None], weight[:, None, None])


@pytest.mark.parametrize("method", ["percentile", "bca"])
def test_agrees_with_scipy(one, method):
    a, w = one.amount[:, 0, 0], one.weight[:, 0, 0]
    theirs = stats.bootstrap((a, w), lambda x, y, axis: x.sum(axis) / y.sum(axis), paired=True,
                             vectorized=True, n_resamples=20_000, rng=np.random.default_rng(0),
                             method=method if method == "percentile" else "BCa")
    ours = intervals(one, [RATE], Resampling(20_000), method)[0]
    width = theirs.confidence_interval.high - theirs.confidence_interval.low
    assert ours.low == pytest.approx(theirs.confidence_interval.low, abs=0.04 * width)
    assert ours.high == pytest.approx(theirs.confidence_interval.high, abs=0.04 * width)
    assert ours.se == pytest.approx(theirs.standard_error, rel=0.04)


def test_t_interval_of_equal_weights_is_that_of_the_mean():
    values = np.random.default_rng(2).normal(0, 1, 12)
    ours = intervals(sums_of(values[:, None, None], np.ones((12, 1, 1))), [RATE])[0]
    theirs = stats.ttest_1samp(values, 0).confidence_interval()
    assert (ours.low, ours.high) == pytest.approx((theirs.low, theirs.high))
    assert ours.method == "t"
    assert ours.df == pytest.approx(11)
    assert "12 speakers: fewer than 30" in ours.warning


def test_gap_between_cohorts_of_equal_weights_is_welchs():
    rng = np.random.default_rng(4)
    amount, weight = np.zeros((25, 2, 1)), np.zeros((25, 2, 1))
    amount[:9, 0, 0], amount[9:, 1, 0] = rng.normal(5, 3, 9), rng.normal(4, 1, 16)
    weight[:9, 0, 0] = weight[9:, 1, 0] = 1
    ours = intervals(sums_of(amount, weight), [Contrast((0, 0), (1, 0))])[0]
    theirs = stats.ttest_ind(amount[:9, 0, 0], amount[9:, 1, 0], equal_var=False)
    assert (ours.low, ours.high) == pytest.approx(tuple(theirs.confidence_interval()))
    assert ours.df == pytest.approx(theirs.df)


def test_studentised_interval_of_a_mean_is_the_textbooks():
    """Efron & Tibshirani (1993), 12.5, drawn and studentised by hand."""
    values = np.random.default_rng(8).exponential(size=50)
    drawn = np.random.default_rng(1).choice(values, (20_000, 50))
    mean, se = values.mean(), values.std(ddof=1) / 50**0.5
    means, errors = drawn.mean(1), drawn.std(1, ddof=1) / 50**0.5
    ones = np.ones((50, 1, 1))
    reach = np.quantile(abs(np.log(means / mean)) / (errors / means), 0.95) * se / mean
    ours = intervals(sums_of(values[:, None, None], ones), [RATE], Resampling(20_000))[0]
    assert ours.method == "studentised"
    assert (ours.low, ours.high) == pytest.approx((mean * np.exp(-reach), mean * np.exp(reach)),
                                                  rel=0.02)
    shifted = intervals(sums_of(values[:, None, None] - 1, ones), [RATE], Resampling(20_000))[0]
    reach = np.quantile(abs(means - mean) / errors, 0.95) * se
    assert (shifted.low, shifted.high) == pytest.approx((mean - 1 - reach, mean - 1 + reach),
                                                        abs=0.02)


def test_draws_have_the_variance_of_the_jackknife(one):
    rng = np.random.default_rng(0)
    amount, weight = np.zeros((40, 2, 1)), np.zeros((40, 2, 1))
    weight[:5, 0, 0] = weight[5:, 1, 0] = 1
    amount[:, :, 0] = rng.normal(size=(40, 1)) * weight[:, :, 0]
    sums = sums_of(amount, weight)
    contrasts = [Contrast((0, 0)), Contrast((0, 0), (1, 0))]
    x = bootstrap._cells(sums, contrasts)
    strata = speaker_strata(sums)
    moments = bootstrap._resample(x, strata, Resampling(20_000))
    _, se, _ = bootstrap.jackknife(x, strata)
    assert [m.value.std() for m in moments] == pytest.approx(se, rel=0.03)


def test_paired_difference_of_a_system_with_itself_plus_a_constant(one):
    shifted = sums_of(np.concatenate([one.amount, one.amount + 0.1 * one.weight], axis=2),
                      one.weight.repeat(2, axis=2))
    alone, paired = intervals(shifted, [RATE, Contrast((0, 1), (0, 0))])
    assert paired.value == pytest.approx(0.1)
    assert paired.se < 1e-9 < alone.se


def test_same_seed_same_numbers_whatever_the_chunks(one, monkeypatch):
    whole = intervals(one, [RATE], FEW)
    monkeypatch.setattr(bootstrap, "COUNTERS", 100)
    assert intervals(one, [RATE], FEW)[0].high == pytest.approx(whole[0].high, rel=1e-12)
    assert intervals(one, [RATE], Resampling(400, seed=1)) != whole


def test_a_cohorts_interval_does_not_depend_on_what_else_is_asked(one):
    contrasts = [RATE, Contrast((0, 0), (0, 0))]
    found = intervals(one, contrasts, FEW)[0]
    assert found.high == pytest.approx(intervals(one, [RATE], FEW)[0].high, rel=1e-12)


def test_counts_are_drawn_n_minus_1_at_a_time():
    drawn = np.concatenate(list(counts(7, 5_000, np.random.SeedSequence(0))))
    assert drawn.shape == (5_000, 7)
    assert (drawn.sum(axis=1) == 6).all()
    assert drawn.mean(axis=0) == pytest.approx(np.full(7, 6 / 7), abs=0.05)
    assert np.cov(drawn.T)[0, 1] == pytest.approx(-6 / 49, abs=0.04)


def test_strata_are_equal_memberships_and_the_lonely_share_one():
    members = np.array([[1, 0, 0], [1, 0, 0], [0, 1, 0], [1, 1, 0], [0, 1, 0], [0, 0, 1]])
    sums = sums_of(members[..., None], members[..., None])
    assert sorted(sorted(s.tolist()) for s in speaker_strata(sums)) == [[0, 1], [2, 4], [3, 5]]


def test_no_draw_misses_a_small_cohort():
    weight = np.zeros((1_000, 2, 1))
    weight[:2, 0], weight[2:, 1] = 1, 1
    sums = sums_of(np.random.default_rng(0).random(weight.shape) * weight, weight)
    x = bootstrap._cells(sums, [RATE])
    drawn = bootstrap._resample(x, speaker_strata(sums), FEW)[0].value
    assert not np.isnan(drawn).any()


@pytest.mark.parametrize(("amounts", "why"), [
    ([3.0], "1 speaker"), ([0.0, 0.0, 0.0], "do not differ")])
def test_no_interval_where_nothing_can_be_said(amounts, why):
    amount = np.array(amounts)[:, None, None]
    found = intervals(sums_of(amount, np.ones_like(amount) * 10), [RATE], FEW)[0]
    assert np.isnan([found.low, found.high]).all()
    assert why in found.warning


@pytest.mark.parametrize("others", [0, 1, 2, 58])
def test_draws_of_speakers_that_are_alike_are_no_noise(others):
    amount, weight = np.zeros((2, 2 + others, 2, 1))
    amount[:2, 0, 0], weight[:2, 0, 0] = [2.0, 8.0], 10.0
    amount[2:, 1, 0], weight[2:, 1, 0] = 1.0, 10.0
    contrasts = [Contrast((0, 0)), Contrast((1, 0)), Contrast((0, 0), (1, 0))]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        found = intervals(sums_of(amount, weight), contrasts, FEW)
    assert found[0].value == pytest.approx(0.5)
    assert np.isnan([found[1].low, found[1].high]).all()


def test_an_empty_cohort_is_undefined_not_zero(one):
    empty = sums_of(np.concatenate([one.amount, 0 * one.amount], axis=1),
                    np.concatenate([one.weight, 0 * one.weight], axis=1))
    for contrast in (Contrast((1, 0)), Contrast((0, 0), (1, 0))):
        found = intervals(empty, [contrast], FEW)[0]
        assert np.isnan([found.value, found.low, found.high]).all()


def test_coverage_over_speakers_and_its_lack_over_utterances():
    """Of 300 tables of 40 speakers; the long version is in benchmarks/."""
    rng = np.random.default_rng(11)
    speakers, utterances = [], []
    for seed in range(300):
        table = plant(rng, 40, mean_utterances=20)
        for hits, t in ((speakers, table), (utterances, table.assign(speaker_id=None))):
            found = intervals(speaker_sums(t), [RATE], Resampling(200, seed))[0]
            hits.append(found.low <= 0.15 <= found.high)
    assert np.mean(speakers) == pytest.approx(0.95, abs=0.03)
    assert np.mean(utterances) < 0.75


def test_an_interval_ends_where_the_scale_of_its_metric_does() -> None:
    """Of two speakers Student's t goes far beyond; the value and what lies within stay."""
    rows = pd.DataFrame({"utterance_id": list("abcd"), "speaker_id": list("xxyy"), "weight": 1.0,
                         "amount": [0.99, 0.97, 0.8, 0.82], "error": None})
    (wide,) = intervals(speaker_sums(rows), [Contrast((0, 0))])
    assert wide.high > 1
    assert on_scale(wide, None) is wide
    cut = on_scale(wide, (-1.0, 1.0))
    assert (cut.high, cut.low, cut.value, cut.se) == (1.0, wide.low, wide.value, wide.se)
    assert on_scale(replace(wide, value=1.0000001), (-1.0, 1.0)).high == 1.0000001
    none = on_scale(replace(wide, low=np.nan, high=np.nan), (-1.0, 1.0))
    assert np.isnan([none.low, none.high]).all()
