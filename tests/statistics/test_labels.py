"""One label is one group, however it is written."""

from __future__ import annotations

import unicodedata

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.core.errors import ConfigError
from evalkit.statistics.bins import binned
from evalkit.statistics.grouping import check_columns, group_labels, look_alikes, usual_columns
from evalkit.statistics.labels import UNKNOWN, label, labels_of, number_of, number_text


@pytest.mark.parametrize(("one", "other"), [
    (31, 31.0), (31, "31"), ("31", "31.0"), ("31", "+31"), ("31", "３１"), ("31", "٣١"),
    ("31", " 31\u00a0"), (0, "-0.0"), (0.5, ".50"), (2**53, float(2**53)), (1e-7, "0.0000001"),
    ("Côte d'Ivoire", "Co\u0302te d\u2019Ivoire"), ("Côte d'Ivoire", "Côte\u00a0 dʼIvoire"),
    ("Scottish", "Scot\u00adtish"), ("Scottish", "\u202eScottish\u202c"),
    ("Scottish", "\ufeffScottish\u200b"), ("New York", "New\u2003York"), ("20-29", "20\u201329"),
    (True, "TRUE"), (False, "false"), ("ABC", "ＡＢＣ"),
])
def test_what_people_take_for_one_label_is_one(one: object, other: object) -> None:
    assert label(one) == label(other)


@pytest.mark.parametrize(("one", "other"), [
    ("02000", "2000"), ("1e3", "1000"), ("m²", "m2"), ("Scottish", "scottish"), ("é", "e"),
    ("31 years", "31"), ("None", None), ("NA", None), ("1,5", "1.5"), (True, 1), ("-5", "5"),
])
def test_what_may_mean_another_thing_is_another_label(one: object, other: object) -> None:
    assert label(one) != label(other)


def test_missing_labels_are_unknown() -> None:
    values = [None, np.nan, pd.NaT, pd.NA, "", " \u200b", "n/a", "N/A", "NaN", "null", "Unknown",
              np.float32("nan")]
    assert set(labels_of(pd.Series(values, dtype=object))) == {UNKNOWN}


@given(st.text(max_size=30))
def test_a_label_has_one_form_and_nothing_that_cannot_be_seen(text: str) -> None:
    found = label(text)
    assert found == label(found) == found.strip() == unicodedata.normalize("NFC", found)
    assert "  " not in found
    assert not {unicodedata.category(c) for c in found} & {"Cc", "Cf", "Cs"}


@given(st.one_of(st.integers(-2**63, 2**63), st.floats(allow_nan=False)))
def test_equal_numbers_are_equal_labels(value: float) -> None:
    assert label(value) == label(str(label(value)))
    if isinstance(value, float):
        assert float(number_text(value)) == value
    if abs(value) < 2**53 and value == int(value):
        assert label(value) == label(int(value)) == label(float(value)) == label(str(int(value)))


def test_numbers_are_cut_and_texts_beside_them_are_labels() -> None:
    ages = labels_of(pd.Series([*range(18, 58), "n/a", "thirties", "31 years", "20-29", -1, 999],
                               dtype=object))
    groups = binned(ages)
    assert list(groups[:40].unique()) == ["under 28", "28 to under 38", "38 to under 48",
                                          "48 and over"]
    assert list(groups[40:]) == [UNKNOWN, "thirties", "31 years", "20-29", "-1", "999"]


def test_codes_within_the_numbers_are_numbers() -> None:
    years = labels_of(pd.Series([*range(900, 1100, 5)]))
    assert "999" not in set(binned(years))
    balance = labels_of(pd.Series([*range(-20, 20)]))
    assert "-1" not in set(binned(balance))


@pytest.mark.parametrize("values", [
    [(i - 20) / 21 * 1e308 for i in range(41)], [5e-324 * i for i in range(41)],
    [(-1) ** i * 10.0 ** (i * 7) for i in range(41)], [2**62 + 1024 * i for i in range(41)],
    [1e308 * (1 - 1e-15 * i) for i in range(41)]])
def test_huge_and_tiny_numbers_are_cut_like_others(values: list[float]) -> None:
    labels = binned(labels_of(pd.Series(values, dtype=object)))
    assert 2 <= labels.nunique() <= 4
    assert labels.value_counts().between(9, 12).all()
    assert max(map(len, labels)) < 120


def test_all_equal_huge_values_are_one_group() -> None:
    assert set(binned(labels_of(pd.Series([-1e308] * 20)))) == {"-1e+308"}
    assert number_of("9" * 400) is None


def test_columns_of_very_many_groups_are_refused_with_the_count() -> None:
    table = pd.DataFrame({"utterance_id": list(map(str, range(60))), "age": range(60),
                          "name": [f"n{i}" for i in range(60)], "side": ["l", "r"] * 30,
                          "wer": [0, 1] * 30})
    with pytest.raises(ConfigError, match="column 'name' has 60 groups, more than 50"):
        group_labels(table, "name")
    assert group_labels(table, "age").nunique() == 4
    assert usual_columns(table) == ["age", "side"]


def test_the_nearest_column_is_offered() -> None:
    with pytest.raises(ConfigError, match=r"no column 'acent' to group by.*'accent'"):
        check_columns(["acent"], ["age", "accent"])


def test_labels_that_differ_in_capitals_only_are_named() -> None:
    note = look_alikes("accent", pd.Series(["Scottish", "scottish", "Irish"]))
    assert note is not None and "'Scottish' and 'scottish'" in note
    assert look_alikes("accent", pd.Series(["Scottish", "Irish"])) is None
