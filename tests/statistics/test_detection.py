"""Verification error rates with intervals, and between groups."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.detection import (
    _draws,
    _rates,
    corners_of,
    detection_intervals,
    global_threshold,
    sorted_trials,
)
from evalkit.statistics.detection_groups import by_group, fairness, gini
from evalkit.store.trials import (
    Classes,
    crossing,
    equal_error_rate,
    error_rates,
    lowest_cost,
    min_dcf,
)

FEW = Resampling(draws=60)


def voices(rng, n_speakers, each=4, noise=1.0):
    """All pairs of ``each`` utterances of speakers with random voices: trials and speakers."""
    noise = np.broadcast_to(noise, n_speakers)
    voice = rng.normal(size=(n_speakers, 1, 8)) + noise[:, None, None] * rng.normal(
        size=(n_speakers, each, 8))
    x = (voice / np.linalg.norm(voice, axis=2, keepdims=True)).reshape(-1, 8)
    speaker = np.repeat(np.arange(n_speakers), each)
    i, j = np.triu_indices(len(x), 1)
    trials = pd.DataFrame({"pipeline": "p", "condition": "c",
                           "enroll_id": [f"u{k}" for k in i], "test_id": [f"u{k}" for k in j],
                           "label": speaker[i] == speaker[j], "score": (x[i] * x[j]).sum(1)})
    return trials, {f"u{k}": f"s{s:03}" for k, s in enumerate(speaker)}


@pytest.fixture(scope="module")
def plain():
    return sorted_trials(*voices(np.random.default_rng(0), 30, noise=0.5))


@pytest.mark.parametrize("decimals", [1, 2, 12])
def test_corners_are_those_of_the_curve(plain, decimals):
    """Against trials that are repeated as often as their speakers count, ties and all."""
    table = plain._replace(scores=plain.scores.round(decimals))
    often = np.random.default_rng(decimals).integers(0, 4, len(table.speakers))
    weight = often[table.enrol] * np.where(table.target, 1, often[table.test])
    repeated = [np.repeat(x, weight) for x in (table.scores, table.target)]
    curve = corners_of(table, 0.3).curve(often.astype(float))
    theirs = Classes.of(*repeated).at(curve.thresholds)
    np.testing.assert_allclose(curve.miss, theirs.miss, atol=1e-12)
    np.testing.assert_allclose(curve.false_alarm, theirs.false_alarm, atol=1e-12)
    assert crossing(curve).value == pytest.approx(equal_error_rate(*repeated).value, abs=1e-12)
    for p_target in (0.01, 0.05, 0.5):
        assert lowest_cost(curve, p_target) == pytest.approx(
            min_dcf(*repeated, p_target), abs=1e-12)
    at = np.searchsorted(curve.thresholds, 0.3)
    assert (curve.miss[at], curve.false_alarm[at]) == pytest.approx(error_rates(*repeated, 0.3))
    assert decimals < 12 or len(curve.thresholds) < 0.1 * len(np.unique(table.scores))


@pytest.mark.parametrize("label", [True, False])
def test_corners_of_one_class_and_of_none(plain, label):
    one = plain.take(np.flatnonzero(plain.target == label))
    curve = corners_of(one).curve(np.ones(len(one.speakers)))
    assert np.isnan(crossing(curve).value)
    none = corners_of(plain.take(np.zeros(0, int))).curve(np.ones(len(plain.speakers)))
    assert np.isnan(none.miss).all() and np.isnan(none.false_alarm).all()


def test_values_are_those_of_the_trials(plain):
    threshold = global_threshold(plain)
    found = detection_intervals(plain, threshold, FEW)
    assert found["eer"].value == pytest.approx(
        equal_error_rate(plain.scores, plain.target).value)
    assert found["min_dcf_p0.01"].value == pytest.approx(
        min_dcf(plain.scores, plain.target, 0.01))
    rates = error_rates(plain.scores, plain.target, threshold)
    assert (found["miss"].value, found["false_alarm"].value) == pytest.approx(rates)
    for rate in found.values():
        assert 0 <= rate.low < rate.value < rate.high <= 1
        assert (rate.n_targets, rate.n_nontargets, rate.n_speakers) == (180, 6960, 30)
        assert rate.warning is None
    assert found == detection_intervals(plain, threshold, FEW)


def test_a_draw_counts_both_sides():
    """Against copying the speakers that were drawn."""
    trials, speakers = voices(np.random.default_rng(3), 5)
    table = sorted_trials(trials, speakers)
    drawn = _draws(table, corners_of(table), None, Resampling(20))
    rng = np.random.default_rng(np.random.SeedSequence(0))
    draws = [np.bincount(d, minlength=5) for d in rng.integers(5, size=(20, 4), dtype=np.int64)]
    for count, rates in zip(draws, drawn, strict=True):
        copies = [(t, s, n) for t, s, n in zip(
            table.target, table.scores,
            np.where(table.target, count[table.enrol], count[table.enrol] * count[table.test]),
            strict=True)]
        target = np.concatenate([[t] * int(n) for t, _, n in copies])
        scores = np.concatenate([[s] * int(n) for _, s, n in copies])
        np.testing.assert_allclose(rates[0], equal_error_rate(scores, target).value, atol=1e-12)


def test_coverage_of_the_equal_error_rate():
    """Of 80 corpora of 30 speakers around the rate of 40 times as many trials."""
    rng = np.random.default_rng(5)
    truth = np.mean([equal_error_rate(t["score"], t["label"]).value
                     for t, _ in (voices(rng, 120, noise=0.8) for _ in range(10))])
    hits = [i["eer"].low <= truth <= i["eer"].high for i in (
        detection_intervals(sorted_trials(*voices(rng, 30, noise=0.8)), None, FEW)
        for _ in range(80))]
    assert np.mean(hits) == pytest.approx(0.95, abs=0.07)


def test_coverage_of_a_cost_near_one():
    """Of 60 corpora of 20 speakers; on the logit scale two thirds."""
    rng = np.random.default_rng(1)
    truth = np.mean([min_dcf(t["score"], t["label"], 0.01)
                     for t, _ in (voices(rng, 120, noise=0.8) for _ in range(6))])
    found = [detection_intervals(sorted_trials(*voices(rng, 20, noise=0.8)), None, FEW)[
        "min_dcf_p0.01"] for _ in range(60)]
    assert truth > 0.98
    assert np.mean([i.low <= truth <= i.high for i in found]) > 0.9
    assert np.median([i.high - i.low for i in found]) < 0.3


def test_no_interval_where_there_is_none():
    trials, speakers = voices(np.random.default_rng(0), 4)
    targets = detection_intervals(sorted_trials(trials[trials["label"]], speakers), 0.5, FEW)
    assert np.isnan(targets["eer"].value)
    assert "undefined" in targets["eer"].warning
    perfect = trials.assign(score=trials["label"].astype(float))
    found = detection_intervals(sorted_trials(perfect, speakers), None, FEW)["eer"]
    assert found.value == 0
    assert np.isnan(found.high)
    assert "no interval" in found.warning


def groups_of(n, unknown=0):
    return {f"s{i:03}": "ab"[i % 2] for i in range(unknown, n)}


def test_groups_under_each_rule():
    trials, speakers = voices(np.random.default_rng(2), 12)
    table = sorted_trials(trials.assign(score=trials["score"].mask(trials.index == 7)), speakers)
    groups = groups_of(12, unknown=3)
    side = {c: trials[c].map(speakers).map(groups).fillna("unknown").drop(7)
            for c in ("enroll_id", "test_id")}
    for rule in ("both", "enrol", "either"):
        found = {g.group: g.rates for g in by_group(table, groups, 0.4, rule, FEW)}
        assert list(found) == ["a", "b", "unknown"]
        for name, rates in found.items():
            enrol, test = side["enroll_id"] == name, side["test_id"] == name
            mine = {"both": enrol & test, "enrol": enrol, "either": enrol | test}[rule]
            kept = trials.drop(7)[mine]
            assert rates["eer"].n_targets + rates["eer"].n_nontargets == len(kept)
            assert rates["eer"].value == pytest.approx(
                equal_error_rate(kept["score"], kept["label"]).value)
            assert rates["miss"].value == pytest.approx(
                error_rates(kept["score"], kept["label"], 0.4)[0])


def test_gini_by_hand():
    assert gini(np.array([0.1, 0.1, 0.1])) == 0
    assert gini(np.array([0.0, 0.0, 0.3])) == pytest.approx(1)
    # Differences 1, 2 and 3, each twice: 12; 3/2 x 12 / (2 x 9 x 2).
    assert gini(np.array([0.5, 1.5, 3.5]) + 1 / 6) == pytest.approx(1.5 * 12 / (18 * 2))
    assert gini(np.zeros(3)) == 0
    assert np.isnan(gini(np.ones(1)))


def test_fairness_at_a_threshold_by_hand():
    """Group a: misses 1 of 2, accepts 1 of 4; group b: misses 0 of 2, accepts 3 of 4."""
    def trial(group, label, accepted, n):
        return [{"enroll_id": f"{group}{label}{accepted}{i}", "test_id": group, "label": label,
                 "score": float(accepted)} for i in range(n)]

    rows = [*trial("a", True, True, 1), *trial("a", True, False, 1), *trial("a", False, True, 1),
            *trial("a", False, False, 3), *trial("b", True, True, 2), *trial("b", False, True, 3),
            *trial("b", False, False, 1)]
    frame = pd.DataFrame(rows)
    ids = pd.unique(frame[["enroll_id", "test_id"]].to_numpy().ravel())
    table = sorted_trials(frame, {u: u for u in ids})
    found = fairness(table, {u: u[0] for u in ids}, 0.5, alpha=0.4, resampling=FEW)
    assert found.fdr == pytest.approx(1 - (0.4 * 0.5 + 0.6 * 0.5))
    assert found.garbe == pytest.approx(0.4 * 0.5 + 0.6 * 1.0)


def test_fairness_knows_a_planted_gap_from_chance():
    rng = np.random.default_rng(4)
    for noise, unfair in ((np.where(np.arange(40) % 2, 1.6, 0.6), True), (1.0, False)):
        table = sorted_trials(*voices(rng, 40, noise=noise))
        found = fairness(table, groups_of(40), global_threshold(table), resampling=FEW)
        assert (found.p_fdr < 0.05) == unfair
        assert (found.fdr < found.expected_fdr - 0.05) == unfair
        assert (found.p_garbe < 0.05) == unfair


def test_rates_need_no_threshold(plain):
    assert list(_rates(corners_of(plain), np.ones(len(plain.speakers)))) == [
        "eer", "min_dcf_p0.01", "min_dcf_p0.05"]
