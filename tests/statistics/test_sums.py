"""Per-speaker sums."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from evalkit.statistics.sums import design_effect, pooled, speaker_averaged, speaker_sums, with_rest
from evalkit.store.scores import summarise
from tests.worlds import plant


@pytest.fixture
def table():
    rng = np.random.default_rng(3)
    scores = plant(rng, 30)
    scores["pipeline"] = rng.choice(["p", "q"], len(scores))
    scores["cohort"] = rng.choice(["a", "b", "c"], len(scores))
    scores.loc[::17, ["amount", "weight", "error"]] = [np.nan, np.nan, "Failed: it did"]
    return scores


def test_rates_are_those_of_the_scores_table(table):
    sums = speaker_sums(table, "cohort", "pipeline")
    expected = summarise(table, ["cohort", "pipeline", "metric"])
    np.testing.assert_allclose(sums.rates.ravel(), expected["value"])
    assert sums.cohorts == ("a", "b", "c")
    assert sums.systems == ("p", "q")
    assert (sums.members.sum(axis=0) == table[table["error"].isna()].groupby(
        "cohort")["speaker_id"].nunique()).all()


def test_rest_and_pool_are_sums(table):
    sums = speaker_sums(table, "cohort")
    both = with_rest(sums)
    np.testing.assert_allclose(both.amount[:, :3] + both.amount[:, 3:],
                               pooled(sums).amount.repeat(3, axis=1))
    rest = speaker_sums(table[table["cohort"] != "a"])
    np.testing.assert_allclose(both.rates[3], rest.rates[0])
    np.testing.assert_allclose(both.spread[:, 3], rest.spread[:, 0])


def test_speaker_average_is_the_mean_of_speakers_rates(table):
    silent = table.iloc[:1].assign(speaker_id="silent", amount=2.0, weight=0.0)
    sums = speaker_averaged(speaker_sums(pd.concat([table, silent])))
    kept = table[table["error"].isna()].groupby("speaker_id")[["amount", "weight"]].sum()
    assert sums.rates[0, 0] == pytest.approx((kept["amount"] / kept["weight"]).mean())


def test_design_effect_is_the_ratio_of_jackknife_variances(table):
    kept = table[table["error"].isna()]

    def variance(unit):
        a, w = (kept.groupby(unit)[c].sum().to_numpy() for c in ("amount", "weight"))
        without = (a.sum() - a) / (w.sum() - w)
        return (len(a) - 1) ** 2 / len(a) * without.var(ddof=1)

    effect = design_effect(speaker_sums(kept))[0, 0]
    assert effect == pytest.approx(variance("speaker_id") / variance("utterance_id"), rel=0.05)
    assert effect > 2
    alike = plant(np.random.default_rng(0), 200, sigma=0.0)
    assert design_effect(speaker_sums(alike))[0, 0] == pytest.approx(1, abs=0.25)


def test_without_speakers_utterances_are_blocks_and_it_is_said(table):
    lost = table["speaker_id"].isin(["s0001", "s0002"])
    sums = speaker_sums(table.assign(speaker_id=table["speaker_id"].mask(lost)))
    n = int((lost & table["error"].isna()).sum())
    assert len(sums.speakers) == 28 + n
    assert sums.warning.startswith(f"{n} utterances have no speaker id")
    np.testing.assert_allclose(sums.rates, speaker_sums(table).rates)
    assert speaker_sums(table).warning is None
