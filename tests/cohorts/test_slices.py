"""The worst slices, against a search that tries every one."""

from __future__ import annotations

from itertools import combinations, product

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.cohorts.search import sliceline as slices
from evalkit.cohorts.search.sliceline import Slice, find_slices
from evalkit.core.errors import ConfigError
from evalkit.statistics.bins import bins

NO_FLOORS = {"min_weight": 0.0, "min_rows": 1, "min_speakers": 1}


def every_slice(columns, amount, weight, *, k, max_predicates, alpha, min_weight, min_rows,
                speakers, min_speakers):
    """By definition: every conjunction, one row after another, then sorted."""
    labels = {name: ["unknown" if v is None else str(v) for v in column]
              for name, column in columns.items()}
    total = sum(weight)
    if total == 0 or not any(amount):
        return []
    rate, scale = sum(amount) / total, sum(map(abs, amount)) / total

    def rows_of(predicates):
        return [i for i in range(len(amount)) if all(labels[c][i] == v for c, v in predicates)]

    found = []
    for depth in range(1, max_predicates + 1):
        for names in combinations(labels, depth):
            for values in product(*(sorted(set(labels[name])) for name in names)):
                predicates = tuple(zip(names, values, strict=True))
                rows = rows_of(predicates)
                a, w = sum(amount[i] for i in rows), sum(weight[i] for i in rows)
                who = {i if speakers[i] is None else f"s{speakers[i]}" for i in rows}
                fewer = combinations(predicates, depth - 1)
                if (len(rows) < min_rows or w < min_weight or w == 0 or len(who) < min_speakers
                        or any(rows_of(p) == rows for p in fewer)):
                    continue
                score = alpha * ((a / w - rate) / scale) - (1 - alpha) * (total / w - 1)
                if score > 0:
                    found.append(Slice(predicates, a, w, len(rows), len(who), score))
    return sorted(found, key=lambda s: -s.score)[:k]


@st.composite
def problems(draw):
    n = draw(st.sampled_from([1, 2, 5, 12, 30]))
    seed = draw(st.integers(0, 2**32 - 1))
    rng = np.random.default_rng(seed)
    sizes = draw(st.lists(st.integers(1, 4), min_size=1, max_size=4))
    alphabet = np.array([None, "a", "b", "c"], object)
    columns = {f"c{i}": list(alphabet[rng.integers(size, size=n)])
               for i, size in enumerate(sizes)}
    if draw(st.booleans()):
        columns["again"] = columns["c0"]
    low = draw(st.sampled_from([-8, -3, 0]))
    amount = rng.integers(low, draw(st.sampled_from([0, 2, 9])) + 1, n) / 4
    amount *= rng.random(n) < draw(st.sampled_from([0.1, 0.3, 1.0]))
    weight = rng.integers(draw(st.integers(0, 1)), draw(st.sampled_from([2, 7])), n).astype(float)
    speakers = [None if s == 0 else int(s) for s in rng.integers(0, 6, n)]
    options = {
        "k": draw(st.sampled_from([1, 2, 5, 1000])),
        "max_predicates": draw(st.integers(1, 4)),
        "alpha": draw(st.sampled_from([0.5, 0.75, 0.95, 0.99, 1.0])),
        "min_weight": draw(st.sampled_from([0.0, 0.0, 2.0, 9.0])),
        "min_rows": draw(st.sampled_from([1, 1, 2, 5])),
        "min_speakers": draw(st.sampled_from([1, 1, 2, 4]))}
    return columns, amount, weight, speakers, options


@settings(max_examples=200, deadline=None)
@given(problem=problems(), dense=st.sampled_from([1, 8, slices.DENSE]))
def test_the_best_of_all_slices_are_found(problem, dense):
    columns, amount, weight, speakers, options = problem
    before, slices.DENSE = slices.DENSE, dense
    try:
        found = find_slices(columns, amount, weight, speakers=speakers, **options)
    finally:
        slices.DENSE = before
    assert found == every_slice(columns, amount.tolist(), weight.tolist(), speakers=speakers,
                                **options)


@settings(max_examples=50, deadline=None)
@given(problem=problems())
def test_a_slice_selects_its_rows(problem):
    columns, amount, weight, _, options = problem
    del options["min_speakers"]
    for found in find_slices(columns, amount, weight, **options):
        mask = found.matches(columns)
        assert (mask.sum(), amount[mask].sum(), weight[mask].sum()) == (
            found.rows, found.amount, found.weight)
        assert found.rate == found.amount / found.weight
        assert found.speakers is None


@pytest.fixture
def planted():
    """Twelve thousand utterances of 600 speakers; older women in the kitchen fare worse."""
    rng = np.random.default_rng(5)
    speaker = rng.integers(600, size=12_000)
    gender = rng.choice(["female", "male"], 600)[speaker]
    age = rng.uniform(18, 90, 600)[speaker].round()
    columns = {"gender": gender, "age": bins(age, 4)}
    columns |= {name: rng.choice([f"{name} {i}" for i in range(size)], 12_000)
                for name, size in [("noise", 4), ("device", 12), ("room", 9), ("topic", 15)]}
    worse = (gender == "female") & (age >= 72) & (columns["noise"] == "noise 2")
    words = rng.integers(0, 20, 12_000)
    return columns, rng.poisson(words * np.where(worse, 0.6, 0.1)), words, speaker, worse


def test_a_planted_slice_is_found_among_thousands(planted):
    columns, errors, words, speaker, worse = planted
    found = find_slices(columns, errors, words, speakers=speaker, max_predicates=4)[0]
    assert [name for name, _ in found.predicates] == ["gender", "age", "noise"]
    assert str(found).startswith("gender = female, age = ")
    assert str(found).endswith("and over, noise = noise 2")
    mask = found.matches(columns)
    assert (mask & worse).sum() / (mask | worse).sum() > 0.8
    assert found.speakers == len(set(speaker[mask]))


def test_moving_and_scaling_a_metric_changes_no_ranking(planted):
    columns, errors, words, _, _ = planted
    quality = -(errors / 7 + 3.0 * words)
    options = {"alpha": 1.0, "min_weight": 400, "k": 20}
    expected = find_slices(columns, errors, words, **options)
    found = find_slices(columns, -quality, words, **options)
    assert [s.predicates for s in found] == [s.predicates for s in expected]


def test_no_errors_make_no_slices():
    assert find_slices({"a": ["x", "y"]}, np.zeros(2), np.ones(2), **NO_FLOORS) == []
    assert find_slices({"a": ["x", "y"]}, np.ones(2), np.zeros(2), **NO_FLOORS) == []
    assert find_slices({}, np.ones(2), np.ones(2), **NO_FLOORS) == []


def test_insertions_on_an_empty_reference_count():
    [found] = find_slices({"a": ["x", "x", "y"]}, np.array([1, 4, 1]), np.array([5, 0, 5]),
                          **NO_FLOORS)
    assert (found.predicates, found.amount, found.weight) == ((("a", "x"),), 5, 5)


def test_what_is_bad_in_part_is_looked_into():
    """Half of all rows are as good as the others, but for a corner that is worse than all."""
    columns = {"half": ["a"] * 50 + ["b"] * 50, "tenth": ["a"] * 10 + ["b"] * 40 + ["a"] * 50,
               "other": ["a"] * 80 + ["b"] * 20}
    amount = np.repeat([6.0, 0.5, 0.2, 2.0], [10, 40, 30, 20])
    found = find_slices(columns, amount, np.ones(100), k=1, min_rows=5, min_weight=5)
    assert found[0].predicates == (("half", "a"), ("tenth", "a"))


def test_of_equals_the_shortest_is_kept():
    rng = np.random.default_rng(0)
    a, b, c, coin = rng.integers(2, size=(4, 400)).astype(bool)
    worst = a & b & c
    columns = {"a": a, "b": b, "c": c, "d": worst | coin, "e": worst | ~coin}
    for k in (1, 2):
        found = find_slices(columns, worst.astype(float), np.ones(400), k=k, min_rows=1)
        assert found[0].predicates == (("d", "True"), ("e", "True"))
    assert found[1].predicates == (("a", "True"), ("b", "True"), ("c", "True"))


def test_more_columns_than_a_key_can_number():
    half = np.repeat(["x", "y"], 255)
    columns = {"half": half} | {f"c{i}": np.tile(np.arange(255), 2) for i in range(12)}
    [found] = find_slices(columns, np.where(half == "x", 3.0, 1.0), np.ones(510), alpha=0.8)
    assert (found.predicates, found.rows) == ((("half", "x"),), 255)


@pytest.mark.parametrize("column", [
    ["1", None, " ", "2"], [1, None, np.nan, 2], np.array([1.0, np.nan, np.nan, 2.0]),
    pd.Categorical([1, None, None, 2]), pd.Series(["1", "", None, "2 "]),
    pd.array([1, None, None, 2], "Int64")])
def test_a_missing_value_is_the_value_unknown(column):
    found = find_slices({"a": column}, np.array([1, 5, 5, 1]), np.ones(4), **NO_FLOORS)
    assert [s.predicates for s in found] == [(("a", "unknown"),)]
    np.testing.assert_array_equal(found[0].matches({"a": column}), [False, True, True, False])
    np.testing.assert_array_equal(
        Slice((("a", "1"),), 1, 1, 1, None, 1).matches({"a": column}), [True, False, False, False])


def test_a_slice_says_which_column_it_lacks():
    found = Slice((("a", "x"), ("b", "y")), 1, 1, 1, None, 1)
    with pytest.raises(ConfigError, match="no column 'b' to find the slice a = x, b = y by; there"):
        found.matches({"a": ["x"]})
    assert not found.matches({"a": ["x"], "b": ["never seen"]}).any()


@pytest.mark.parametrize("option", [{"k": 0}, {"max_predicates": 0}, {"min_rows": 0},
                                    {"alpha": 0.0}, {"alpha": 1.1}])
def test_options_out_of_range_are_named(option):
    with pytest.raises(ConfigError, match=f"slices: {next(iter(option))} is "):
        find_slices({"a": ["x"]}, np.ones(1), np.ones(1), **option)


@pytest.mark.parametrize(("amount", "weight"), [
    ([np.nan, 1], [1, 1]), ([1, 1], [1, -1]), ([1, 1], [1, np.inf]), ([1, 1, 1], [1, 1, 1])])
def test_what_is_not_a_measured_row_is_refused(amount, weight):
    with pytest.raises(ValueError, match="amounts"):
        find_slices({"a": ["x", "y"]}, np.array(amount, float), np.array(weight, float))


@settings(max_examples=100, deadline=None)
@given(values=st.lists(st.one_of(st.none(), st.sampled_from([np.inf, -np.inf, np.nan]),
                                 st.integers(-50, 2000).map(float),
                                 st.floats()), max_size=60),
       n=st.integers(2, 6))
def test_bins_hold_what_their_labels_say(values, n):
    cut = bins(values, n)
    assert len(cut.categories) <= n
    for value, label in zip(values, cut, strict=True):
        if value is None or not np.isfinite(value):
            assert pd.isna(label)
            continue
        low, high = -np.inf, np.inf
        match label.split():
            case ["under", b]:
                high = float(b)
            case [a, "to", "under", b]:
                low, high = float(a), float(b)
            case [a, "and", "over"]:
                low = float(a)
            case other:
                assert other == ["any"]
        assert low <= value < high


def test_bins_are_of_about_equal_counts_and_readable():
    durations = np.random.default_rng(0).gamma(4, 1.5, 1000)
    cut = bins(durations, 4)
    assert list(cut.categories) == ["under 3.8", "3.8 to under 5.6", "5.6 to under 7.7",
                                    "7.7 and over"]
    assert pd.Series(cut).value_counts().between(240, 260).all()
    years = bins([1990, 1991, 1994, 1998, 2001, 2005], 3)
    assert list(years.categories) == ["under 1994", "1994 to under 2001", "2001 and over"]
    assert list(bins([0, 0, 0, 1]).categories) == ["under 1", "1 and over"]
    assert list(bins([7, 7, 7]).categories) == ["any"]
    with pytest.raises(ConfigError, match="2 bins or more"):
        bins([1, 2], 1)
