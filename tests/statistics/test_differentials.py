"""Ratios of verification errors between groups, failures to acquire, and times."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.detection import DetectionInterval
from evalkit.statistics.differentials import to_best, to_geometric_mean
from evalkit.statistics.verification import VerificationReport, verification_table
from tests.statistics.test_verification import FEW, corpus


def rate(value: float, se: float, n: int = 40) -> DetectionInterval:
    return DetectionInterval("eer", value, np.nan, np.nan, 100, 100, n, se=se)


def test_ratios_are_those_of_logarithms_by_hand() -> None:
    rates = [rate(0.12, 0.02), rate(0.04, 0.01), rate(0.06, 0.01, 20)]
    first = to_geometric_mean(rates)[0]
    values, errors = np.array([0.12, 0.04, 0.06]), np.array([0.02, 0.01, 0.01])
    assert first.value == pytest.approx(0.12 / stats.gmean(values))
    parts = (np.array([2, -1, -1]) / 3 * errors / values) ** 2
    df = parts.sum() ** 2 / (parts**2 / np.array([39, 39, 19])).sum()
    reach = stats.t.ppf(0.975, df) * np.sqrt(parts.sum())
    assert [first.low, first.high] == pytest.approx(first.value * np.exp([-reach, reach]))
    least = stats.t.ppf(1 - 0.05 / 6, df) + stats.t.ppf(0.8, df)
    assert first.detectable == pytest.approx(np.exp(least * np.sqrt(parts.sum())))
    best = to_best(rates)
    assert [each.value for each in best] == pytest.approx([3, 1, 1.5])
    assert np.isnan(best[1].low) and best[1].warning is None and best[0].low > 1
    assert np.isnan(to_best([rate(0.0, 0.0), rate(0.1, 0.01)])[1].value)
    assert "two groups" in (to_best([rate(0.1, 0.01)])[0].warning or "")


def test_intervals_of_ratios_hold_the_planted_one() -> None:
    """Of 2,000 pairs of estimates whose logarithms are normal."""
    rng, hits = np.random.default_rng(1), 0
    truth, n = np.array([0.10, 0.05, 0.05, 0.05]), np.array([20, 40, 60, 80])
    for _ in range(2_000):
        spread = 0.9 / np.sqrt(n)
        seen = truth * np.exp(spread * rng.standard_normal(4))
        found = spread * np.sqrt(rng.chisquare(n - 1) / (n - 1))
        first = to_geometric_mean([rate(*each) for each in zip(
            seen, seen * found, n, strict=True)])[0]
        hits += first.low <= 0.10 / stats.gmean(truth) <= first.high
    assert abs(hits / 2_000 - 0.95) < 0.015


@pytest.fixture(scope="module")
def judged() -> tuple[pd.DataFrame, pd.DataFrame, VerificationReport]:
    """Trials of which eight recordings of the south, two each of four speakers, have no score, and
    times of which those of the north are twice as long."""
    trials, utterances = corpus(36, weak="south")
    lost = utterances[(utterances["region"] == "south")].groupby("speaker_id").head(2)[
        "utterance_id"].iloc[:8]
    gone = trials["enroll_id"].isin(lost) | trials["test_id"].isin(lost)
    trials = trials.assign(score=trials["score"].where(~gone))
    times = utterances[["utterance_id"]].assign(seconds=2.0, processing_seconds=np.where(
        utterances["region"] == "north", 0.4, 0.2) + 0.001 * np.arange(len(utterances)))
    times.loc[times["utterance_id"].isin(lost), "processing_seconds"] = np.nan
    return trials, utterances, verification_table(trials, utterances, ["region"], times=times,
                                                  resampling=FEW)


def test_those_who_cannot_be_acquired_are_rejected(
        judged: tuple[pd.DataFrame, pd.DataFrame, VerificationReport]) -> None:
    trials, utterances, report = judged
    place = utterances.set_index("utterance_id")["region"]
    rows = {row.group: row for row in report.rows}
    south, north = rows["south"].acquisition, rows["north"].acquisition
    assert south and north
    n = int((utterances["region"] == "south").sum())
    assert (south.n, south.n_not_acquired, north.n_not_acquired) == (n, 8, 0)
    assert south.failure_to_acquire.value == pytest.approx(8 / n)
    assert 0 <= south.failure_to_acquire.low < 8 / n < south.failure_to_acquire.high <= 1
    own = trials[(trials["enroll_id"].map(place) == "south") & trials["score"].notna()
                 & (trials["test_id"].map(place) == "south")]
    miss = (own.loc[own["label"], "score"] < report.threshold).mean()
    assert rows["south"].rates["miss"].value == pytest.approx(miss)
    assert south.false_rejection.value == pytest.approx(8 / n + miss * (1 - 8 / n))
    assert south.false_rejection.low < south.false_rejection.value < south.false_rejection.high
    assert south.false_acceptance.value == pytest.approx(
        rows["south"].rates["false_alarm"].value * (1 - 8 / n))
    assert north.false_rejection.value == pytest.approx(rows["north"].rates["miss"].value)
    # Time of what did not fail, a recording and a second of audio.
    assert south.n_timed == n - 8 and north.n_timed == north.n
    assert north.seconds and south.seconds and north.real_time_factor
    assert north.seconds.value == pytest.approx(2 * north.real_time_factor.value)
    assert north.seconds.low > south.seconds.high


def test_ratios_and_costs_of_a_report(
        judged: tuple[pd.DataFrame, pd.DataFrame, VerificationReport]) -> None:
    trials, utterances, report = judged
    rows = {row.group: row for row in report.rows}
    assert not rows["unknown"].to_mean and rows["unknown"].acquisition
    south, north = (rows[name].to_mean["eer"] for name in ("south", "north"))
    assert south.value * north.value == pytest.approx(1)
    assert rows["south"].to_best["eer"].value == pytest.approx(
        rows["south"].rates["eer"].value / rows["north"].rates["eer"].value)
    told = report.to_dict()["rows"][0]
    assert told["to_mean"]["miss"]["value"] > 1 and told["acquisition"]["seconds"]["value"] > 0
    shared = verification_table(trials, utterances, ["region"], rule="either",
                                resampling=Resampling(20))
    assert not any(row.to_mean for row in shared.rows)
    assert all(row.acquisition and row.acquisition.seconds is None for row in shared.rows)


def test_a_group_that_is_too_small_has_no_interval_of_what_it_costs() -> None:
    trials, utterances = corpus(n=12)
    report = verification_table(trials, utterances, ["region"], resampling=FEW,
                                times=utterances[["utterance_id"]].assign(
                                    seconds=1.0, processing_seconds=0.1))
    for row in report.rows:
        found = row.acquisition
        assert row.status != "ok" and found and found.seconds
        assert np.isnan([found.failure_to_acquire.low, found.false_rejection.low,
                         found.false_acceptance.low, found.seconds.low]).all()
