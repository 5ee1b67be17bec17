"""Quantiles of latencies by groups of speakers, and their intervals."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.latency import latency_table, quantiles


def words(rng: np.random.Generator, speakers: int, *, each: int = 40, later: float = 0.0,
          first: int = 0) -> pd.DataFrame:
    """Latencies of words of speakers who differ, in seconds, ``later`` by so much."""
    owner = np.repeat(np.arange(first, first + speakers), each)
    late = 0.2 + later + 0.05 * rng.standard_normal(speakers)[owner - first] + rng.exponential(
        0.1, len(owner))
    return pd.DataFrame({
        "pipeline": "live", "condition": "clean", "end": 1.0, "shown": 1.0 + late,
        "settled": 1.5 + late, "word": "on", "speaker_id": [f"s{i}" for i in owner],
        "utterance_id": [f"u{i}" for i in range(len(owner))]})


def people(table: pd.DataFrame, group: str) -> pd.DataFrame:
    return table[["utterance_id", "speaker_id"]].assign(group_of=group)


@given(late=st.lists(st.integers(-5, 5), min_size=1, max_size=30))
def test_a_quantile_is_the_smallest_that_so_many_do_not_exceed(late: list[int]) -> None:
    found = quantiles(np.array(late, float), np.zeros(len(late)), shares=(0.1, 0.5, 0.9, 1.0))
    for each in found:
        at_most = [value for value in late if value <= each.value]
        fewer = [value for value in late if value < each.value]
        assert len(fewer) < each.share * len(late) - 1e-9 or not fewer
        assert len(at_most) >= each.share * len(late) - 1e-9
        assert np.isnan(each.low) and each.warning == "1 speaker: no interval"
    assert [each.value for each in found] == [
        np.quantile(late, share, method="inverted_cdf") for share in (0.1, 0.5, 0.9, 1.0)]


def test_the_interval_holds_the_truth_as_often_as_it_says() -> None:
    """200 corpora of 30 speakers whose median and 90th percentile are known from a large one."""
    truth = np.quantile(words(np.random.default_rng(1), 20_000, each=10)["shown"] - 1, [0.5, 0.9])
    held = np.zeros(2)
    for seed in range(100):
        table = words(np.random.default_rng(100 + seed), 30, each=15)
        found = quantiles((table["shown"] - 1).to_numpy(), table["speaker_id"].to_numpy(),
                          Resampling(draws=300))
        held += [each.low <= true <= each.high for each, true in zip(found, truth, strict=True)]
    assert (held >= 85).all(), held


def test_groups_are_compared_and_the_small_ones_named() -> None:
    rng = np.random.default_rng(0)
    parts = {"later": words(rng, 40, later=0.15), "others": words(rng, 40, first=40),
             "few": words(rng, 2, first=80)}
    table = pd.concat(parts.values(), ignore_index=True).assign(
        utterance_id=[f"u{i}" for i in range(82 * 40)])
    facts = table[["utterance_id", "speaker_id"]].assign(
        place=[name for name, part in parts.items() for _ in range(len(part))])
    report = latency_table(table, facts, ["place"])
    assert [(row.group, row.status) for row in report.rows] == [
        ("later", "ok"), ("others", "ok"), ("few", "insufficient")]
    later, others, few = report.rows
    for one, other in zip(later.quantiles, others.quantiles, strict=True):
        assert one.value - other.value == pytest.approx(150, abs=40)
        assert one.low > other.high
    assert np.isnan(few.quantiles[0].low) and [item.names for item in report.left_out] == [
        ("few",)]
    assert report.everybody.n_words == len(table)
    settled = latency_table(table, facts, until="settled")
    assert settled.everybody.quantiles[0].value == pytest.approx(
        report.everybody.quantiles[0].value + 500)
    assert report.to_dict()["rows"][2]["quantiles"][0]["low"] is None
    assert latency_table(table, facts, ["place"]) == report


def test_nothing_to_measure_is_one_line() -> None:
    with pytest.raises(ConfigError, match="no word has a latency"):
        latency_table(words(np.random.default_rng(0), 1).iloc[:0], pd.DataFrame())
