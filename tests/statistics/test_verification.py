"""Verification errors by groups of speakers."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from scipy import stats

from evalkit.core.errors import ConfigError
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.verification import verification_table
from evalkit.store.trials import equal_error_rate, error_rates
from tests.statistics.test_detection import voices

FEW = Resampling(draws=60)


def corpus(n: int = 24, weak: str = "") -> tuple[pd.DataFrame, pd.DataFrame]:
    """Trials of n speakers, a third of them of each region, and the utterances."""
    region = np.array(["north", "south", ""])[np.arange(n) % 3]
    noise = np.where(region == weak, 1.8, 0.5) if weak else 0.5
    trials, speakers = voices(np.random.default_rng(0), n, each=4, noise=noise)
    places = {f"s{i:03}": str(name) for i, name in enumerate(region)}
    utterances = pd.DataFrame({"utterance_id": list(speakers), "speaker_id": speakers.values()})
    return trials, utterances.assign(region=utterances["speaker_id"].map(places), side="left")


def test_a_group_has_its_own_rate_and_errors_at_everybodys_threshold() -> None:
    trials, utterances = corpus(weak="south")
    report = verification_table(trials, utterances, ["region"], resampling=FEW)
    place = utterances.set_index("utterance_id")["region"]
    assert [(row.group, row.status) for row in report.rows] == [
        ("south", "ok"), ("north", "ok"), ("unknown", "unknown")]
    threshold = equal_error_rate(trials["score"], trials["label"]).threshold
    assert report.threshold == threshold
    for row in report.rows[:2]:
        inside = trials[(trials["enroll_id"].map(place) == row.group)
                        & (trials["test_id"].map(place) == row.group)]
        own = equal_error_rate(inside["score"], inside["label"]).value
        miss, accepted = error_rates(inside["score"], inside["label"], threshold)
        assert row.rates["eer"].value == pytest.approx(own)
        assert row.rates["miss"].value == pytest.approx(miss)
        assert row.rates["false_alarm"].value == pytest.approx(accepted)
        assert (row.n_speakers, row.n_targets, row.n_nontargets) == (8, 48, 448)
    assert report.fairness is not None and report.fairness.p_fdr < 0.05
    assert report.to_dict()["rows"][0]["rates"]["eer"]["value"] > 0


def test_the_gap_of_equal_error_rates_is_to_the_other_groups_trials() -> None:
    """Those between people of one group; of two groups each is the other's rest."""
    trials, utterances = corpus(weak="south")
    report = verification_table(trials, utterances, ["region"], resampling=FEW)
    south, north = report.rows[:2]
    assert south.gap is not None and north.gap is not None
    found = south.gap.difference
    own, other = south.rates["eer"], north.rates["eer"]
    assert found.value == pytest.approx(own.value - other.value)
    assert north.gap.difference.value == pytest.approx(-found.value)
    assert found.se == pytest.approx(np.hypot(own.se, other.se))
    same = stats.ttest_ind_from_stats(own.value, own.se * 8**0.5, 8, other.value,
                                      other.se * 8**0.5, 8, equal_var=False)
    ends = same.confidence_interval(0.95) if hasattr(same, "confidence_interval") else None
    assert south.gap.p_value == south.gap.p_adjusted == pytest.approx(same.pvalue)
    assert ends is None or (found.low, found.high) == pytest.approx((ends.low, ends.high))
    assert report.rows[2].gap is None
    crossed = verification_table(trials, utterances, ["region"], rule="either", resampling=FEW)
    assert {row.gap for row in crossed.rows} == {None}


def test_small_groups_have_part_in_no_comparison() -> None:
    trials, utterances = corpus(12)
    report = verification_table(trials, utterances, ["region", "side"], resampling=FEW)
    assert {row.group: row.status for row in report.rows} == {
        "north, left": "insufficient", "south, left": "insufficient", "unknown": "unknown"}
    assert report.fairness is None
    assert [(item.what, item.n, item.why) for item in report.left_out] == [
        ("group", 2, "fewer than 5 speakers or 30 utterances: compared with no other"),
        ("group", 1, "no label")]


def test_a_speaker_of_two_labels_is_of_none() -> None:
    trials, utterances = corpus()
    utterances.loc[0, "region"] = "south"
    report = verification_table(trials, utterances, ["region"], resampling=FEW)
    assert ("speaker", 1, "several labels: unknown") in {
        (item.what, item.n, item.why) for item in report.left_out}
    assert {row.group: row.n_speakers for row in report.rows} == {
        "south": 8, "north": 7, "unknown": 9}


def test_an_utterance_without_a_speaker_is_one_of_its_own() -> None:
    trials, utterances = corpus()
    utterances.loc[utterances["speaker_id"] == "s000", "speaker_id"] = None
    report = verification_table(trials[~trials["label"]], utterances, ["region"], resampling=FEW)
    north = next(row for row in report.rows if row.group == "north")
    assert north.n_speakers == 7 + 4 and north.status == "insufficient"


def test_a_group_without_trials_is_shown() -> None:
    trials, utterances = corpus()
    utterances.loc[utterances["speaker_id"] == "s000", "region"] = "alone"
    trials = trials[~trials["label"]]
    report = verification_table(trials, utterances, ["region"], resampling=FEW)
    alone = next(row for row in report.rows if row.group == "alone")
    assert (alone.status, alone.n_targets, alone.n_nontargets) == ("insufficient", 0, 0)
    assert "undefined" in str(alone.rates["eer"].warning)


def test_what_has_no_score_is_counted_for_its_group() -> None:
    trials, utterances = corpus()
    place = utterances.set_index("utterance_id")["region"]
    south = (trials["enroll_id"].map(place) == "south") & (trials["test_id"].map(place) == "south")
    lost = south & (trials["enroll_id"] == trials.loc[south, "enroll_id"].iloc[0])
    report = verification_table(trials.assign(score=trials["score"].mask(lost)), utterances,
                                ["region"], resampling=FEW)
    counted = {row.group: row.n_failed for row in report.rows}
    assert counted == {"south": lost.sum(), "north": 0, "unknown": 0}
    assert ("trial", lost.sum()) in {(i.what, i.n) for i in report.left_out}
    gone = verification_table(trials.assign(score=trials["score"].mask(south)), utterances,
                              ["region"], resampling=FEW)
    row = next(row for row in gone.rows if row.group == "south")
    assert (row.status, row.n_failed, row.n_targets) == ("insufficient", south.sum(), 0)


def test_it_is_said_where_speakers_are_not_known() -> None:
    trials, utterances = corpus()
    utterances["speaker_id"] = None
    report = verification_table(trials, utterances, ["region"], resampling=FEW)
    assert report.warnings[0].startswith("96 utterances have no speaker id")


def test_a_column_that_there_is_not() -> None:
    with pytest.raises(ConfigError, match="'shoe'"):
        verification_table(*corpus(), ["shoe"])
