"""Trials: equal error rates and detection costs."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sklearn.metrics import roc_curve

from evalkit.core.errors import RunError
from evalkit.store.trials import (
    BLOCK,
    SCHEMA,
    detection_curve,
    equal_error_rate,
    error_rates,
    min_dcf,
    read_trials,
    summarise_trials,
)

trial_lists = st.lists(st.tuples(st.integers(-5, 5), st.booleans()), min_size=2, max_size=60)


def arrays(pairs):
    scores, labels = zip(*pairs, strict=True)
    return np.array(scores, float), np.array(labels, bool)


@pytest.mark.parametrize(("scores", "labels", "eer"), [
    ([1, 2, 3, 4, 5, 6], [0, 0, 0, 1, 1, 1], 0.0),
    ([1, 2, 3, 4, 5, 6], [1, 1, 1, 0, 0, 0], 1.0),
    ([7, 7, 7, 7, 7], [1, 1, 0, 0, 0], 0.5),
    ([np.inf, np.inf, np.inf], [1, 0, 0], 0.5),
    ([-np.inf, -np.inf, -np.inf], [1, 0, 0], 0.5),
    ([1, np.inf, np.inf, np.inf], [1, 1, 0, 0], 2 / 3),
    ([1, np.inf, np.inf, np.inf], [0, 0, 1, 1], 1 / 3),
    ([1, 2, 3, 4], [0, 1, 0, 1], 0.5),
    # Misses 0 -> 1/2 and false alarms 1 -> 0 at the tied score: they cross at x = 1 - 2x.
    ([1, 1, 2, 1], [0, 1, 1, 0], 1 / 3),
])
def test_equal_error_rate_by_hand(scores, labels, eer):
    assert equal_error_rate(np.array(scores), np.array(labels)).value == pytest.approx(eer)


@pytest.mark.parametrize("labels", [[1, 1], [0, 0], []])
def test_without_a_class_rates_are_undefined(labels):
    scores = np.arange(len(labels), dtype=float)
    result = equal_error_rate(scores, np.array(labels, bool))
    assert np.isnan(result.value)
    assert np.isnan(result.threshold)
    assert np.isnan(min_dcf(scores, np.array(labels, bool), 0.01))


@given(trial_lists, st.randoms(use_true_random=False))
def test_the_order_of_trials_does_not_matter(pairs, random):
    shuffled = list(pairs)
    random.shuffle(shuffled)
    a, b = equal_error_rate(*arrays(pairs)), equal_error_rate(*arrays(shuffled))
    np.testing.assert_equal(a, b)


@given(trial_lists, st.sampled_from([1, 3, BLOCK]))
def test_curve_has_every_corner_and_no_other_point(pairs, block):
    """A point between two corners lies on the line between them, and none lies on the line between
    its neighbours."""
    scores, labels = arrays(pairs)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr("evalkit.store.trials.BLOCK", block)
        curve = detection_curve(scores, labels)
    every = [*sorted(set(scores)), np.inf]
    counts = {at: (np.sum(scores[labels] < at), np.sum(scores[~labels] < at)) for at in every}
    steps = {at: np.subtract(counts[after], counts[at]) for at, after in pairwise(every)}
    expected = [at for before, at in pairwise(every) if at == np.inf
                or steps[before].all() or (steps[before] != 0).tolist() != (
                    steps[at] != 0).tolist() or steps[at].all()]
    assert curve.thresholds.tolist() == [every[0], *expected]
    for threshold, *rates in zip(curve.thresholds, curve.miss, curve.false_alarm, strict=True):
        np.testing.assert_equal(error_rates(scores, labels, threshold), rates)


@given(trial_lists)
def test_swapping_classes_and_signs_changes_nothing(pairs):
    scores, labels = arrays(pairs)
    np.testing.assert_allclose(equal_error_rate(scores, labels).value,
                               equal_error_rate(-scores, ~labels).value, atol=1e-12)


@settings(max_examples=50)
@given(st.integers(0, 2**32 - 1), st.floats(-1, 3), st.integers(0, 2))
def test_curve_agrees_with_scikit_learn(seed, shift, decimals):
    rng = np.random.default_rng(seed)
    labels = np.append([True, False], rng.random(200) < 0.3)
    scores = np.round(rng.normal(size=202) + shift * labels, decimals)
    false_alarm, hit, thresholds = roc_curve(labels, scores, drop_intermediate=False)
    curve = detection_curve(scores, labels)
    at = np.searchsorted(-thresholds, -curve.thresholds[:-1])
    np.testing.assert_allclose(curve.miss[:-1], 1 - hit[at], atol=1e-12)
    np.testing.assert_allclose(curve.false_alarm[:-1], false_alarm[at], atol=1e-12)
    cost = 0.01 * (1 - hit) + 0.99 * false_alarm
    assert min_dcf(scores, labels, 0.01) == pytest.approx(cost.min() / 0.01)
    crossing = np.interp(0, (hit - 1 + false_alarm), false_alarm)
    assert equal_error_rate(scores, labels).value == pytest.approx(crossing)


def test_min_dcf_is_at_most_one_and_weighs_costs():
    scores, labels = np.array([1.0, 2, 3, 4]), np.array([1, 0, 1, 0], bool)
    assert min_dcf(scores, labels, 0.01) == 1
    assert min_dcf(np.array([1.0, 2, 3]), np.array([0, 0, 1], bool), 0.05) == 0
    # At the threshold 2: no miss, half of the others accepted. Costs 10 and 1, prior 1/2.
    scores, labels = np.array([1.0, 2, 2, 3]), np.array([0, 1, 0, 1], bool)
    assert min_dcf(scores, labels, 0.5, c_miss=10) == pytest.approx(0.5)


def frame(scores, labels):
    return pd.DataFrame({"pipeline": "p", "condition": "clean",
                         "enroll_id": [f"e{i}" for i in range(len(scores))], "test_id": "t",
                         "label": np.array(labels, bool), "score": scores})


def test_failed_trials_are_counted_and_left_out():
    table = summarise_trials(frame([1.0, np.nan, 2.0, 3.0], [0, 1, 1, 1]),
                             speakers={"e0": "a", "e1": "b", "e2": "a", "e3": "c", "t": "d"})
    assert list(table["metric"]) == ["eer", "min_dcf_p0.01", "min_dcf_p0.05"]
    assert table["value"].tolist() == [0, 0, 0]
    assert table["n"].tolist() == [3, 3, 3]
    assert table["n_failed"].tolist() == [1, 1, 1]
    assert table["n_speakers"].tolist() == [3, 3, 3]
    assert table["threshold"].iloc[0] == 2


def test_read_trials(tmp_path):
    table = frame([1.0, np.nan], [0, 1])
    pq.write_table(pa.Table.from_pandas(table, SCHEMA, preserve_index=False),
                   tmp_path / "trials.parquet")
    pd.testing.assert_frame_equal(read_trials(tmp_path), table, check_dtype=False)
    with pytest.raises(RunError, match="speaker encoder"):
        read_trials(tmp_path / "nowhere")
    (tmp_path / "trials.parquet").write_bytes(b"not parquet")
    with pytest.raises(RunError, match="not a table of trials"):
        read_trials(tmp_path)


@pytest.mark.parametrize("column", SCHEMA.names)
def test_a_column_that_is_not_there_is_not_made_up(tmp_path, column):
    table = pa.Table.from_pandas(frame([1.0, np.nan], [0, 1]), SCHEMA, preserve_index=False)
    pq.write_table(table.drop_columns(column), tmp_path / "trials.parquet")
    with pytest.raises(RunError, match=rf"trials\.parquet: has no column '{column}'"):
        read_trials(tmp_path)


def test_a_trial_without_a_label_is_refused(tmp_path):
    table = frame([1.0, np.nan], [0, 1]).assign(label=[None, True])
    pq.write_table(pa.Table.from_pandas(table, SCHEMA, preserve_index=False),
                   tmp_path / "trials.parquet")
    with pytest.raises(RunError, match="column 'label' has no value in 1 of 2 rows"):
        read_trials(tmp_path)
