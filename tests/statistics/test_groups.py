"""The group table."""

from __future__ import annotations

import json

import numpy as np
import pandas as pd
import pytest
from rapidfuzz.distance import Levenshtein

from evalkit.core.errors import ConfigError
from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.grouping import told_of
from evalkit.statistics.groups import Floors, group_table, labelled, select
from evalkit.statistics.labels import labels_of
from tests.worlds import plant

ERRORS = Fact("%", False, "errors over words", is_count=True)
QUICK = {"metric": "wer", "fact": ERRORS, "resampling": Resampling(draws=200)}


@pytest.fixture(scope="module")
def tables():
    """90 speakers in three accents, c worse; one speaker of a rare accent, one of none."""
    rng = np.random.default_rng(1)
    number = np.arange(92)
    scores = plant(rng, 92, rate=np.where(number % 3 == 2, 0.3, 0.15), sigma=0.3)
    speaker = scores["speaker_id"].str[1:].astype(int)
    accent = speaker.map(lambda i: "abc"[i % 3] if i < 90 else {90: "rare", 91: " "}[i])
    utterances = pd.DataFrame({
        "utterance_id": scores["utterance_id"], "speaker_id": scores["speaker_id"],
        "accent": accent, "gender": speaker.map(lambda i: [None, "f", "m"][min(i % 5, 2)]),
        "duration": scores["weight"] / 3 + rng.random(len(scores))})
    scores.loc[scores.index[::40], ["amount", "weight", "error"]] = [np.nan, np.nan, "Bad: it is"]
    return scores, utterances


def test_table(tables):
    scores, utterances = tables
    report = group_table(scores, utterances, ["accent"], **QUICK)
    assert (report.rows[0].group, report.rows[0].status) == ("c", "ok")
    status = {r.group: r.status for r in report.rows}
    assert status == {"a": "ok", "b": "ok", "c": "ok", "rare": "insufficient",
                      "unknown": "unknown"}
    both = scores.merge(utterances[["utterance_id", "accent"]]).replace({"accent": {
        " ": "unknown"}})
    for row in report.rows:
        mine = both[both["accent"] == row.group]
        assert row.n == mine["error"].isna().sum()
        assert row.n_failed == mine["error"].notna().sum()
        assert row.n_speakers == mine["speaker_id"].nunique()
        assert row.value.value == pytest.approx(mine["amount"].sum() / mine["weight"].sum())
    rows = {r.group: r for r in report.rows}
    rest = both[both["accent"].isin(["a", "b"])]
    assert rows["c"].gap.difference.value == pytest.approx(
        rows["c"].value.value - rest["amount"].sum() / rest["weight"].sum())
    assert rows["c"].gap.p_adjusted < 0.05
    assert rows["c"].adjusted.low < 2 < rows["c"].adjusted.high
    assert rows["rare"].gap is rows["unknown"].gap is rows["rare"].adjusted is None
    assert report.fairness.worst_group == "c"
    assert report.fairness.tests["welch"].p_value < 0.05
    assert report.adjusted.covariates == ("duration", "log reference words")
    assert {(item.what, item.n) for item in report.left_out} >= {("group", 1)}
    small = [row for row in report.rows if row.status != "ok"]
    assert sorted(name for item in report.left_out if item.what == "group"
                  for name in item.names) == sorted(row.group for row in small)
    assert all(np.isnan([row.value.low, row.value.high]).all() for row in small
               if row.status == "insufficient")


@pytest.mark.parametrize(("speakers", "each", "wide"), [
    (1, 4, True), (4, 30, True), (5, 5, True), (5, 6, False), (29, 1, True), (30, 1, False)])
def test_a_group_that_is_too_small_has_no_interval(tables, speakers, each, wide):
    """Whose bounds would be as far apart as 0.40 and 2688.76."""
    scores, utterances = tables
    kept = (utterances["accent"] != "rare").to_numpy()
    planted = plant(np.random.default_rng(2), speakers, rate=0.2, mean_utterances=80)
    small = planted.groupby("speaker_id").head(each).assign(
        utterance_id=lambda t: "x" + t["utterance_id"], speaker_id=lambda t: "x" + t["speaker_id"])
    both = pd.concat([scores[kept], small], ignore_index=True)
    people = pd.concat([utterances[kept], small[["utterance_id", "speaker_id"]].assign(
        accent="small")], ignore_index=True)
    report = group_table(both, people, ["accent"], covariates=[], **QUICK)
    row = next(row for row in report.rows if row.group == "small")
    assert row.status == ("insufficient" if wide else "ok")
    assert np.isnan([row.value.low, row.value.high]).all() == wide
    assert (row.gap is None) == wide
    assert any(item.names == ("small",) for item in report.left_out) == wide


def test_report_is_json_and_repeats_itself(tables):
    texts = [json.dumps(group_table(*tables, ["accent"], **QUICK).to_dict(), allow_nan=False)
             for _ in range(2)]
    assert texts[0] == texts[1]
    tree = json.loads(texts[0])
    assert tree["rows"][0]["gap"]["difference"]["method"] == "studentised"
    assert [r["value"]["low"] for r in tree["rows"] if r["group"] == "rare"] == [None]


@pytest.mark.parametrize("name", ["condition", "pipeline", "weight", "error", "metric", "group",
                                  "labelled", "amount"])
def test_a_column_may_have_any_name(tables, name):
    scores, utterances = tables
    found = [{row.group: row.value.value for row in group_table(
        scores, utterances.rename(columns={"accent": column}), [column], allowed=[name],
        **QUICK).rows} for column in ("accent", name)]
    assert found[1] == found[0]


def test_order_of_rows_does_not_matter(tables):
    scores, utterances = tables
    shuffled = group_table(scores.sample(frac=1, random_state=1),
                           utterances.sample(frac=1, random_state=2), ["accent"], **QUICK)
    report = group_table(scores, utterances, ["accent"], **QUICK)
    for a, b in zip(report.rows, shuffled.rows, strict=True):
        assert a.value.high == pytest.approx(b.value.high, nan_ok=True)


def test_crossed_attributes(tables):
    report = group_table(*tables, ["accent", "gender"], **QUICK, floors=Floors(2, 20))
    rows = {r.group: r for r in report.rows}
    assert rows["c, m"].status == "ok"
    assert rows["c, unknown"].status == rows["unknown, f"].status == "unknown"
    assert sum(r.n + r.n_failed for r in report.rows) == len(tables[0])


def test_other_metrics_have_gaps_but_no_rate_ratio(tables):
    scores, utterances = tables
    quality = scores.assign(metric="pesq_wb", amount=4 - scores["amount"] / 10,
                            weight=scores["weight"] ** 0)
    report = group_table(quality, utterances, ["accent"],
                         **QUICK | {"metric": "pesq_wb", "fact": Fact("MOS", True, "")})
    ok = [r.value.value for r in report.rows if r.status == "ok"]
    assert ok == sorted(ok)
    assert report.adjusted is None
    assert report.fairness.worst_group == report.rows[0].group == "c"


def test_conditions_are_pooled_and_held_equal(tables):
    scores, utterances = tables
    both = pd.concat([scores, scores.assign(condition="noisy", amount=2 * scores["amount"])])
    pooled = group_table(both, utterances, ["accent"], **QUICK)
    assert "condition" in pooled.adjusted.covariates
    noisy = group_table(both, utterances, ["accent"], condition="noisy", **QUICK)
    clean = group_table(scores, utterances, ["accent"], **QUICK)
    assert noisy.rows[0].value.value == pytest.approx(2 * clean.rows[0].value.value)


def test_without_speakers_it_is_said(tables):
    scores, utterances = tables
    report = group_table(scores.assign(speaker_id=None), utterances, ["accent"], **QUICK)
    assert any("have no speaker id" in w for w in report.warnings)
    assert {r.group for r in report.rows if r.status == "ok"} == {"a", "b", "c"}


def test_a_group_in_which_everything_failed_is_shown(tables):
    scores, utterances = tables
    scores = scores.copy()
    rare = scores["utterance_id"].isin(
        utterances.loc[utterances["accent"] == "rare", "utterance_id"])
    scores.loc[rare, ["amount", "weight", "error"]] = [np.nan, np.nan, "Bad: it is"]
    row, = (r for r in group_table(scores, utterances, ["accent"], **QUICK).rows
            if r.group == "rare")
    assert (row.n, row.n_failed, row.status) == (0, rare.sum(), "insufficient")
    assert np.isnan(row.value.value)


def test_one_group_has_no_gap(tables):
    scores, utterances = tables
    report = group_table(scores, utterances.assign(planet="earth"), ["planet"], **QUICK)
    assert report.rows[0].gap is report.fairness is report.adjusted is None
    assert any("fewer than two groups" in w for w in report.warnings)


@pytest.mark.parametrize(("options", "message"), [
    ({"by": ["accents"]}, "no column 'accents'"), ({"by": []}, "name a column"),
    ({"metric": "cer"}, "no metric 'cer'; there are wer"),
    ({"pipeline": "q"}, "no pipeline 'q'"), ({"condition": "x"}, "no condition 'x'"),
    ({"covariates": ["snr"]}, "no column 'snr'"),
])
def test_what_there_is_not_is_named(tables, options, message):
    with pytest.raises(ConfigError, match=message):
        group_table(*tables, **{"by": ["accent"], **QUICK, **options})


def test_one_of_several_pipelines_must_be_named(tables):
    both = pd.concat([tables[0], tables[0].assign(pipeline="q")])
    with pytest.raises(ConfigError, match="name one of p, q"):
        select(both, "wer", None, None)


def test_labels():
    assert labels_of(pd.Series([1.0, 2.0, None])).tolist() == ["1", "2", "unknown"]
    assert labels_of(pd.Series([1.5, None])).tolist() == ["1.5", "unknown"]
    assert labels_of(pd.Series(["a ", "", " ", None, "unknown"])).tolist() == [
        "a", *["unknown"] * 4]
    rows = pd.DataFrame({"utterance_id": ["u", "v"]})
    facts = pd.DataFrame({"utterance_id": ["u"], "x": ["l"], "y": [True]})
    assert labelled(rows, facts, ["x", "y"])["group"].tolist() == ["l, True", "unknown, unknown"]


@pytest.mark.real
def test_real_accents_and_countries(real_data):
    path, = (real_data / "asr_results" / "afrispeech_dev").glob("*whisper_small*")
    table = pd.read_csv(path, keep_default_na=False)
    pairs = [(r.split(), h.split())
             for r, h in zip(table["reference"], table["prediction"], strict=True)]
    utterances = table.assign(utterance_id=table["idx"].astype(str), speaker_id=table["user_ids"])
    scores = pd.DataFrame({
        "pipeline": "whisper", "condition": "clean", "utterance_id": utterances["utterance_id"],
        "speaker_id": utterances["speaker_id"], "metric": "wer", "error": None,
        "amount": [float(Levenshtein.distance(r, h)) for r, h in pairs],
        "weight": [float(len(r)) for r, _ in pairs]})
    report = group_table(scores, utterances, ["country"], **QUICK)
    assert sum(r.n for r in report.rows) == 2872
    rows = {r.group: r for r in report.rows}
    assert rows["NG"].n_speakers == 160
    assert rows["NG"].value.low < 0.406 < rows["NG"].value.high
    assert {g for g, r in rows.items() if r.status == "insufficient"} == {"RW", "TZ", "ZW"}
    gender = group_table(scores, utterances, ["gender"], covariates=[], **QUICK)
    # Two groups: the ratio of lme4's exp(0.042694) and of its inverse.
    assert {r.group: round(r.adjusted.value, 4) for r in gender.rows if r.adjusted} == {
        "Male": 1.0436, "Female": 0.9582}


@pytest.mark.parametrize("coded", [False, True])
def test_facts_of_utterances_are_missing_where_they_are_not_known(coded: bool) -> None:
    ids = pd.Series(["b", "x", "a", "b"])
    facts = pd.DataFrame({"age": [30.0, np.nan], "place": ["here", "there"]}, index=["a", "b"])
    found = told_of(ids.astype("category") if coded else ids, facts, ["place", "age", "unheard"])
    assert list(found) == ["place", "age"]
    assert [None if pd.isna(each) else each for each in found["place"]] == [
        "there", None, "here", "there"]
    assert np.array_equal(found["age"], [np.nan, np.nan, 30.0, np.nan], equal_nan=True)
    assert told_of(ids, facts, ["unheard"]) == {}
