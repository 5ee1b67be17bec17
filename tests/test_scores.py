from __future__ import annotations

import numpy as np
import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import RunError
from evalkit.core.types import Derived, Fact
from evalkit.store.scores import SCHEMA, ratio, read_scores, summarise, with_derived

COLUMNS = SCHEMA.names
PARTS = ("wer.hits", "wer.precision")
FACTS = {"wer.hits": Fact("%", True, ""), "wer.precision": Fact("%", True, ""),
         "wip": Fact("%", True, "", derived=Derived("product", PARTS)),
         "wil": Fact("%", False, "", derived=Derived("one minus product", PARTS))}


def rows(*values) -> pd.DataFrame:
    """A table of (pipeline, utterance, speaker, metric, amount, weight, error)."""
    table = pd.DataFrame([(p, "clean", *rest) for p, *rest in values], columns=COLUMNS)
    return table.astype({"amount": float, "weight": float})


def derived(table: pd.DataFrame) -> pd.DataFrame:
    return with_derived(summarise(table), FACTS)


def test_a_value_is_a_ratio_of_sums_and_failures_are_counted():
    table = summarise(rows(
        ("a", "u1", "s1", "wer", 1, 1, None), ("a", "u2", "s1", "wer", 0, 9, None),
        ("a", "u3", "s2", "wer", None, None, "NoHypothesis: crashed"),
        ("b", "u1", "s1", "wer", None, None, "TooShort: 0.1 s")))
    a, b = table.to_dict("records")
    assert (a["value"], a["n"], a["n_failed"], a["n_speakers"]) == (0.1, 2, 1, 1)
    assert np.isnan(b["value"]) and (b["n"], b["n_failed"], b["n_speakers"]) == (0, 1, 0)


def test_empty_references_alone_have_no_rate():
    table = summarise(rows(("a", "u1", "s1", "wer", 2, 0, None)))
    assert np.isnan(table["value"].item()) and table["amount"].item() == 2


def test_the_metric_alone_can_be_the_group():
    table = with_derived(summarise(rows(
        ("a", "u1", "s1", "wer.hits", 3, 4, None), ("a", "u1", "s1", "wer.precision", 3, 6, None),
        ("b", "u1", "s1", "wer.hits", 1, 4, None)), ["metric"]), FACTS, ["metric"])
    values = table.set_index("metric")["value"]
    assert values["wip"] == pytest.approx(4 / 8 * 3 / 6)


def test_word_information_is_derived_a_group_at_a_time():
    values = derived(rows(
        ("a", "u1", "s1", "wer.hits", 3, 4, None), ("a", "u1", "s1", "wer.precision", 3, 6, None),
        ("b", "u1", "s1", "wer.hits", 0, 4, None), ("b", "u1", "s1", "wer.precision", 0, 0, None),
        ("c", "u1", "s1", "wer.hits", 0, 0, None), ("c", "u1", "s1", "wer.precision", 0, 2, None),
    )).set_index(["pipeline", "metric"])["value"]
    assert values["a", "wip"] == pytest.approx(3 / 4 * 3 / 6)
    assert (values["b", "wip"], values["b", "wil"]) == (0, 1)  # nothing recognised
    assert np.isnan(values["c", "wip"]) and np.isnan(values["c", "wil"])  # nothing to recognise


@settings(deadline=None, max_examples=30)
@given(st.integers(0, 9), st.integers(1, 9), st.integers(0, 9))
def test_information_preserved_and_lost_are_one(hits, missed, invented):
    values = derived(rows(("a", "u1", "s1", "wer.hits", hits, hits + missed, None),
                          ("a", "u1", "s1", "wer.precision", hits, hits + invented, None)))
    values = values.set_index("metric")["value"]
    assert values["wip"] + values["wil"] == 1
    assert 0 <= values["wip"] <= np.nanmin([values[part] for part in PARTS])


def test_derived_values_follow_facts_and_not_names():
    parts = tuple(f"{part}@none" for part in PARTS)
    facts = {"wip@none": Fact("%", True, "", derived=Derived("product", parts))}
    table = rows(("a", "u1", "s1", parts[0], 3, 4, None), ("a", "u1", "s1", parts[1], 3, 6, None))
    values = with_derived(summarise(table), facts).set_index("metric")["value"]
    assert values["wip@none"] == 3 / 4 * 3 / 6 and set(values.index) == {*parts, "wip@none"}
    assert set(derived(table)["metric"]) == set(parts)


counts = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9)), min_size=1, max_size=8)


@settings(deadline=None, max_examples=30)
@given(counts, st.integers(0, 8))
def test_groups_pool_to_the_whole(measured, cut):
    table = rows(*((str(i < cut), f"u{i}", "s", "wer", amount, weight, None)
                   for i, (amount, weight) in enumerate(measured)))
    whole, parts = summarise(table, ["metric"]), summarise(table)
    assert ratio(parts["amount"].sum(), parts["weight"].sum()) == pytest.approx(
        whole["value"].item(), nan_ok=True)
    assert parts["n"].sum() == whole["n"].item() == len(measured)


def test_shards_are_read_together_in_one_order(tmp_path):
    table = rows(("b", "u1", "s1", "wer", 1, 2, None), ("a", "u2", "s1", "wer", 1, 2, None),
                 ("a", "u1", None, "wer", None, None, "TooShort: 0 s"))
    (tmp_path / "scores").mkdir()
    for i, part in enumerate((table[:1], table[1:])):
        pq.write_table(pa.Table.from_pandas(part, SCHEMA, preserve_index=False),
                       tmp_path / "scores" / f"{i}.parquet")
    found = read_scores(tmp_path)
    assert found[["pipeline", "utterance_id"]].to_numpy().tolist() == [
        ["a", "u1"], ["a", "u2"], ["b", "u1"]]


def test_what_is_not_a_run_is_named(tmp_path):
    with pytest.raises(RunError, match=r"no scores; is .* a run folder"):
        read_scores(tmp_path)
    (tmp_path / "scores").mkdir()
    (tmp_path / "scores" / "0.parquet").write_bytes(b"PAR1 not really")
    with pytest.raises(RunError, match="cut, or no Parquet"):
        read_scores(tmp_path)


@pytest.mark.parametrize("column", SCHEMA.names)
def test_a_column_that_is_not_there_is_not_made_up(tmp_path, column):
    table = pa.Table.from_pandas(rows(("a", "u1", "s1", "wer", 1, 2, None)), SCHEMA,
                                 preserve_index=False)
    (tmp_path / "scores").mkdir()
    pq.write_table(table, tmp_path / "scores" / "0.parquet")
    pq.write_table(table.drop_columns(column), tmp_path / "scores" / "1.parquet")
    with pytest.raises(RunError, match=rf"1\.parquet: has no column '{column}'"):
        read_scores(tmp_path)


@pytest.mark.parametrize("column", ["pipeline", "condition", "metric", "utterance_id"])
def test_a_row_of_nothing_is_refused(tmp_path, column):
    table = rows(*(("a", f"u{i}", None, "wer", 1, 2, None) for i in range(3)))
    table.loc[1, column] = None
    (tmp_path / "scores").mkdir()
    pq.write_table(pa.Table.from_pandas(table, SCHEMA, preserve_index=False),
                   tmp_path / "scores" / "0.parquet")
    with pytest.raises(RunError, match=rf"0\.parquet: column '{column}' has no value in 1 of 3"):
        read_scores(tmp_path)
