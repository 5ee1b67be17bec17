"""Permutation tests, contrasts and their adjustment."""

from __future__ import annotations

from dataclasses import replace
from itertools import combinations, permutations

import numpy as np
import pytest
from statsmodels.stats.multitest import multipletests

from evalkit.statistics import permutation
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.contrasts import against_rest, any_difference, pairwise
from evalkit.statistics.fairness import fairness
from evalkit.statistics.multiple import adjust
from evalkit.statistics.permutation import any_gap, gap_statistics, observed, parts, relabelled
from evalkit.statistics.sums import only, speaker_sums
from tests.worlds import plant

FEW = Resampling(draws=300)


def grouped(rng, sizes, rates, sigma=0.5):
    """Sums of one system; a speaker has one group."""
    label = np.repeat([f"g{i}" for i in range(len(sizes))], sizes)
    table = plant(rng, len(label), rate=np.repeat(rates, sizes), sigma=sigma)
    return table.assign(group=table["speaker_id"].str[1:].astype(int).map(dict(enumerate(label))))


def test_p_value_is_the_share_of_all_relabellings():
    sums = speaker_sums(grouped(np.random.default_rng(1), [3, 3], [0.1, 0.3]), "group")
    a, w = sums.amount.sum(1)[:, 0], sums.weight.sum(1)[:, 0]
    gaps = []
    for chosen in combinations(range(6), 3):
        rest = [i for i in range(6) if i not in chosen]
        gaps.append(abs(a[list(chosen)].sum() / w[list(chosen)].sum()
                        - a[rest].sum() / w[rest].sum()))
    found = any_gap(sums, resampling=Resampling(20_000))["gap"]
    assert found.value == pytest.approx(abs(np.diff(sums.rates[:, 0])[0]))
    exact = np.mean(np.array(gaps) >= found.value - 1e-12)
    assert found.p_value == pytest.approx(exact, abs=0.01)
    assert found.expected == pytest.approx(np.mean(gaps), rel=0.02)


def test_statistics_by_hand():
    found = gap_statistics(np.array([0.1, 0.2, 0.4]), 0.25)
    assert found == pytest.approx({
        "gap": 0.3, "relative_gap": 3.0, "ratio": 4.0, "variance": 0.14 / 9,
        "worst_excess": 0.15})
    # Population, not sample, deviation: 0.189 against 0.232.
    assert gap_statistics(np.array([1.04, 0.76, 1.22]), 1)["variance"] ** 0.5 == pytest.approx(
        0.189, abs=5e-4)
    quality = gap_statistics(np.array([1.5, 3.0]), 2.0, higher_is_better=True)
    assert quality["relative_gap"] == 0.5
    assert quality["worst_excess"] == 0.5


def test_labels_of_a_moving_speaker_stay_with_the_speaker():
    rng = np.random.default_rng(0)
    table = plant(rng, 12)
    table["group"] = np.where(table["speaker_id"] < "s0006", rng.choice(["a", "b"], len(table)),
                              np.where(table["speaker_id"] < "s0009", "a", "b"))
    sums = speaker_sums(table, "group")
    cells = parts(sums)
    moving = cells.block > 0
    assert moving.sum() == 12
    pools = [amounts for found in relabelled(cells, Resampling(50)) for amounts in found.amount]
    both = [cells.amount[cells.block == b] for b in np.unique(cells.block[moving])]
    alone = cells.amount[~moving]
    possible = {round(sum(part[i] for part, i in zip(both, choice, strict=True))
                      + sum(alone[list(three)]), 6)
                for choice in np.ndindex(*[2] * 6) for three in combinations(range(6), 3)}
    assert {round(p[0], 6) for p in pools} <= possible
    assert observed(cells).amount[0] == pytest.approx(sums.amount.sum(axis=0)[:, 0])


def test_relabelling_visits_every_arrangement_equally():
    sums = speaker_sums(grouped(np.random.default_rng(1), [1, 1, 1], [0.1, 0.2, 0.9]), "group")
    drawn = np.concatenate([f.amount for f in relabelled(parts(sums), Resampling(6_000))])
    amounts = sums.amount.sum(axis=(1, 2))
    for arrangement in permutations(amounts):
        assert np.mean((drawn == arrangement).all(axis=1)) == pytest.approx(1 / 6, abs=0.02)


def test_level_under_the_null_and_power():
    """Of 200 tables; the long version is in benchmarks/."""
    rng = np.random.default_rng(5)
    null, planted = [], []
    for seed in range(200):
        for found, rates in ((null, [0.15, 0.15, 0.15]), (planted, [0.15, 0.15, 0.3])):
            sums = speaker_sums(grouped(rng, [10, 20, 30], rates), "group")
            tests = any_gap(sums, resampling=Resampling(200, seed))
            found.append([tests[name].p_value <= 0.05 for name in ("gap", "ratio", "welch")])
    assert (np.mean(null, axis=0) <= 0.10).all()
    assert (np.mean(null, axis=0) >= 0.01).all()
    assert (np.mean(planted, axis=0) > 0.8).all()


def test_contrasts_find_the_planted_group_and_agree_for_two():
    table = grouped(np.random.default_rng(2), [40, 40, 40], [0.15, 0.15, 0.35], sigma=0.3)
    sums = speaker_sums(table, "group")
    rest = {c.group: c for c in against_rest(sums, resampling=FEW)}
    assert rest["g2"].p_adjusted == pytest.approx(3 * 2 / 301)  # the least: both tails of the draws
    assert rest["g2"].difference.low > 0.1
    rates = sums.rates[:, 0]
    pairs = {(c.group, c.other): c for c in pairwise(sums, resampling=FEW)}
    assert list(pairs) == [("g0", "g1"), ("g0", "g2"), ("g1", "g2")]
    assert pairs["g0", "g2"].difference.value == pytest.approx(rates[0] - rates[2])
    assert pairs["g0", "g2"].p_adjusted <= 0.05 < pairs["g0", "g1"].p_value
    two = only(sums, [0, 2])
    both = against_rest(two, resampling=FEW)
    assert [c.p_value for c in both] == [pairs["g0", "g2"].p_value] * 2
    # Each of two groups against the other is one question: nothing to adjust for.
    assert [c.p_adjusted for c in both] == [c.p_value for c in both]
    alone, = pairwise(two, resampling=FEW)
    assert both[0].detectable == both[1].detectable == pytest.approx(alone.detectable, rel=0.01)
    assert any_difference(both) == both[0].p_value
    assert any_difference(list(rest.values())) == rest["g2"].p_adjusted
    assert against_rest(only(sums, [0])) == []


@pytest.mark.parametrize("p", [[0.5], [0.01, 0.04, 0.03, 0.04], [0.9, 0.8, 1.0], [0.0, 0.02],
                               np.random.default_rng(0).random(30) ** 3])
def test_adjustment_is_that_of_statsmodels(p):
    for ours, theirs in (("holm", "holm"), ("benjamini_hochberg", "fdr_bh")):
        np.testing.assert_allclose(adjust(np.array(p), ours), multipletests(p, method=theirs)[1])


def test_undefined_p_values_are_not_counted():
    assert adjust(np.array([0.01, np.nan, 0.04])) == pytest.approx([0.02, np.nan, 0.04],
                                                                   nan_ok=True)


def test_fairness_summary():
    sums = speaker_sums(grouped(np.random.default_rng(2), [40, 40], [0.1, 0.3]), "group")
    found = fairness(sums, resampling=FEW)
    assert (found.worst_group, found.best_group) == ("g1", "g0")
    assert found.pooled.value == pytest.approx(sums.amount.sum() / sums.weight.sum())
    assert found.pooled.low < found.pooled.value < found.pooled.high
    assert found.tests["welch"].p_value < 0.01
    assert found.p_value == pytest.approx(2 / 301)
    assert 1 <= found.unequal_spread < 4
    assert found.tests["gap"].expected < found.tests["gap"].value / 2
    assert fairness(sums, resampling=FEW, higher_is_better=True).worst_group == "g0"
    assert fairness(only(sums, [0])) is None


@pytest.mark.parametrize("rates", [[0.0, 0.0, 1.0], [1.0, 1.0, 0.0], [0.25, 0.5, 0.5]])
@pytest.mark.filterwarnings("error")
def test_groups_in_which_nobody_deviates_differ_surely(rates):
    table = grouped(np.random.default_rng(0), [20, 20, 20], [0.1] * 3)
    constant = table["group"].map(dict(zip(["g0", "g1", "g2"], rates, strict=True)))
    sums = speaker_sums(table.assign(amount=constant * table["weight"]), "group")
    tests = any_gap(sums, resampling=FEW)
    assert tests["welch"].p_value == tests["gap"].p_value == pytest.approx(1 / 301)
    apart = int(np.abs(np.array(rates) - np.median(rates)).argmax())
    assert against_rest(sums, resampling=FEW)[apart].p_value == pytest.approx(1 / 301)


@pytest.mark.parametrize("rate", [0.0, 0.1, 1 / 3, 0.7, 1.0])
@pytest.mark.filterwarnings("error")
def test_a_rate_that_all_speakers_share_is_no_gap(rate):
    table = grouped(np.random.default_rng(0), [20, 20, 20], [0.1] * 3)
    sums = speaker_sums(table.assign(amount=rate * table["weight"]), "group")
    tests = any_gap(sums, resampling=FEW)
    assert all(test.p_value == 1 for name, test in tests.items() if not np.isnan(test.value))
    assert [contrast.p_value for contrast in against_rest(sums, resampling=FEW)] == [1] * 3


def test_a_group_without_deviation_borrows_that_of_all():
    table = grouped(np.random.default_rng(3), [20, 20, 20], [0.1, 0.1, 0.1])
    sums = speaker_sums(table.assign(
        amount=table["amount"].where(table["group"] != "g2", table["weight"])), "group")
    assert any_gap(sums, resampling=FEW)["welch"].p_value == pytest.approx(1 / 301)


def test_compiled_sums_are_the_same_to_the_last_bit(monkeypatch):
    sums = speaker_sums(grouped(np.random.default_rng(4), [30, 50, 17], [0.1, 0.2, 0.3]), "group")
    cells = parts(sums)
    cells = replace(cells, amount=cells.amount / 3, weight=cells.weight * 0.7)  # no whole numbers
    plain = list(relabelled(cells, FEW))
    monkeypatch.setattr(permutation, "COMPILED", 0)
    compiled = list(relabelled(cells, Resampling(draws=300, level=0.9)))  # not those that are kept
    assert all(np.array_equal(one, other) for block, again in zip(plain, compiled, strict=True)
               for one, other in zip(block, again, strict=True))
