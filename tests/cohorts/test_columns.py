"""Unclean columns of metadata are searched as far as they go, and the rest is named."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pandas as pd
import pytest

from evalkit.cohorts.columns import searched_columns
from evalkit.cohorts.discovery import Settings, discover_among
from evalkit.cohorts.finders.declared import Declared
from evalkit.cohorts.finders.slices import Slices
from evalkit.cohorts.speakers import speakers_of
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.documents.findings import Findings
from tests.worlds import SUBJECT

N, EACH, WORDS = 200, 4, 12
SPEAKER = np.repeat(np.arange(N), EACH)
AGE = 18 + 7 * np.arange(N) % 62
QUICK = Settings(shuffles=0, resampling=Resampling(draws=999))


def tables(harmed: np.ndarray, **columns: Any) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Scores and utterances of N speakers: 45 % errors where ``harmed`` (N,), else 8 %;
    ``columns`` are values of speakers, or of utterances."""
    rng = np.random.default_rng(5)
    ids, names = [f"u{i}" for i in range(len(SPEAKER))], [f"s{i:03}" for i in SPEAKER]
    errors = rng.binomial(WORDS, np.where(harmed, 0.45, 0.08)[SPEAKER]).astype(float)
    rows = pd.DataFrame({"pipeline": "p", "condition": "c", "metric": "wer", "utterance_id": ids,
                         "speaker_id": names, "amount": errors, "weight": float(WORDS),
                         "error": None})
    values = {name: np.asarray(column, object)[SPEAKER] if len(column) == N else column
              for name, column in columns.items()}
    return rows, pd.DataFrame({"utterance_id": ids, "speaker_id": names} | values)


def found(rows: pd.DataFrame, utterances: pd.DataFrame, **options: Any) -> Findings:
    people = speakers_of(rows, utterances, **options)
    return discover_among(people, SUBJECT, [Declared(), Slices()], QUICK).findings


def confirmed(findings: Findings) -> dict[str, float]:
    return {v.cohort: v.gap.value for f in findings.finders for v in f.verdicts
            if v.status == "confirmed" and v.gap is not None}


def names_of(findings: Findings, what: str) -> set[str]:
    return {name for item in findings.left_out if item.what == what for name in item.names}


def spoilt(*values: Any) -> list[Any]:
    """The ages, the first of them ``values`` instead."""
    return [*values, *AGE[len(values):].tolist()]


@pytest.mark.parametrize("ages", [
    AGE.tolist(), spoilt("n/a"), spoilt("thirties", "", None), spoilt("31 years", "20-29", True),
    spoilt(-1, -1, 999), spoilt("inf", "1999-01-05", "１９"), [f" {age}.0" for age in AGE],
    spoilt(1e308, -1e308, 5e-324)], ids=str)
def test_one_unclean_cell_hides_no_cohort(ages: list[Any]) -> None:
    findings = found(*tables(AGE >= 64, age=ages))
    assert confirmed(findings)["age = 64 and over"] == pytest.approx(0.37, abs=0.04)
    assert findings.finders[0].verdicts[0].p_adjusted < 0.003
    assert "age = 64 and over" in {v.cohort for v in findings.finders[1].verdicts}
    assert "64 and over" in findings.columns["age"]


@pytest.mark.parametrize("texts", [40, 61, 133])
def test_free_texts_beside_a_label_hide_no_cohort(texts: int) -> None:
    scottish = np.arange(N) % 3 == 0
    accent = np.where(scottish, "Scottish", [f"free text {i % texts}" for i in range(N)])
    findings = found(*tables(scottish, accent=accent))
    assert confirmed(findings)["accent = Scottish"] == pytest.approx(0.37, abs=0.04)
    pooled = [item for item in findings.left_out if "count as 'other'" in item.why]
    assert [item.n for item in pooled] == ([] if texts == 40 else [len(set(accent)) - 1])
    assert findings.columns["accent"][0] == "Scottish"


@pytest.mark.parametrize(("ages", "named"), [
    (spoilt("n/a"), ["age is not known of them, they are in its group 'unknown' alone (s000)"]),
    (spoilt("thirties", -1), ["age is no number or stands for none, so that they are in none of "
                              "its bins (s000, s001)"]),
    (spoilt(*[None] * 7), ["age is not known of them, they are in its group 'unknown' alone "
                           "(s000, s001, s002, s003, s004, …)"]),
    (["31", 31.0] * (N // 2), []), (AGE.tolist(), [])], ids=str)
def test_speakers_with_an_unclean_cell_are_named(ages: list[Any], named: list[str]) -> None:
    columns = searched_columns(*reversed(tables(AGE >= 64, age=ages, sex=["f", "m"] * (N // 2))))
    assert [f"{item.why} ({', '.join(item.names)}{', …' * (item.n > 5)})"
            for item in columns.left_out if item.what == "speaker"] == named


def test_pooled_labels_are_a_cohort_too() -> None:
    rare = np.arange(N) % 3 == 0
    accent = np.where(rare, [f"free text {i}" for i in range(N)], "Scottish")
    assert confirmed(found(*tables(rare, accent=accent)))["accent = other"] > 0.3


@pytest.mark.parametrize(("column", "why"), [
    (["a"] * N, "one label only"), ([None] * N, "nothing is known"), (["n/a", ""] * (N // 2),
                                                                      "nothing is known"),
    ([f"n{i}" for i in range(N)], "more than 50 labels, none of 8 speakers")])
def test_columns_that_are_not_searched_are_named(column: list[Any], why: str) -> None:
    rows, utterances = tables(AGE >= 64, age=AGE, odd=column, split=["dev"] * N)
    columns = searched_columns(utterances, rows)
    assert list(columns.labels) == ["age"]
    reasons = {item.names: item.why for item in columns.left_out}
    assert why in reasons["odd",]
    assert "corpus is divided" in reasons["split",]


def test_labels_of_too_few_speakers_are_named() -> None:
    rows, utterances = tables(AGE >= 64, accent=["rare", "rare", *["l", "r"] * (N // 2 - 1)])
    findings = found(rows, utterances)
    assert names_of(findings, "label") == {"rare"}
    assert findings.columns == {"accent": ["l", "r", "rare"]}


OUTCOMES: list[tuple[str, Callable[[pd.Series], pd.Series]]] = [
    ("wer", lambda rate: rate), ("quality", lambda rate: rate), ("band", lambda rate: rate > 0.2),
    ("pred_text", lambda rate: rate.round(1).astype(str)), ("hits_left", lambda rate: 1 - rate)]


@pytest.mark.parametrize(("name", "made"), OUTCOMES, ids=[name for name, _ in OUTCOMES])
def test_outcomes_are_searched_only_where_they_are_allowed(
        name: str, made: Callable[[pd.Series], pd.Series]) -> None:
    rows, utterances = tables(AGE >= 64, age=AGE)
    utterances[name] = made(rows["amount"] / rows["weight"])
    findings = found(rows, utterances)
    assert names_of(findings, "column") == {name}
    assert set(findings.columns) == {"age"}
    assert set(found(rows, utterances, allowed=[name]).columns) == {"age", name}


@pytest.mark.parametrize("words", [4, 8, 12])
@pytest.mark.parametrize("of", ["utterances", "speakers"])
def test_outcomes_of_short_texts_are_set_aside_under_any_name(words: int, of: str) -> None:
    rows, utterances = tables(AGE >= 64, age=AGE)
    rows["weight"], rows["amount"] = float(words), np.minimum(rows["amount"], words)
    errors = rows["amount"] if of == "utterances" else (
        rows.groupby("speaker_id")["amount"].transform("sum"))
    most = 1 if of == "utterances" else errors.median()
    utterances["difficulty"] = np.where(errors > most, "hard", "easy")
    assert names_of(found(rows, utterances), "column") == {"difficulty"}


def test_a_label_written_in_two_ways_is_one_cohort() -> None:
    harmed = np.arange(N) % 4 == 0
    written = np.array(["Co\u0302te d\u2019Ivoire", "Côte d'Ivoire ", "Côte\u200b d'Ivoire"])
    country = np.where(harmed, written[np.arange(N) % 3], "Ghana")
    assert "country = Côte d'Ivoire" in confirmed(found(*tables(harmed, country=country)))


def test_speakers_of_whom_nothing_was_measured_are_named() -> None:
    rows, utterances = tables(AGE >= 64, age=AGE)
    rows.loc[rows["speaker_id"] == "s003", ["amount", "weight", "error"]] = [np.nan, np.nan, "E: x"]
    assert names_of(found(rows, utterances), "speaker") == {"s003"}


@pytest.mark.parametrize("n", [1, 2, 5])
@pytest.mark.parametrize("kind", ["as they are", "all failed", "constant", "empty references"])
def test_corner_cases_end_in_findings(n: int, kind: str) -> None:
    rows, utterances = tables(AGE >= 64, age=[1e308] * 100 + [-1e308] * 100, one=["a"] * N)
    rows, utterances = (table.iloc[:n * EACH].copy() for table in (rows, utterances))
    if kind == "all failed":
        rows[["amount", "weight"]], rows["error"] = np.nan, "E: x"
    elif kind == "constant":
        rows["amount"] = 1.0
    elif kind == "empty references":
        rows["weight"] = 0.0
    assert not confirmed(found(rows, utterances))


def test_utterances_and_labels_without_a_value_are_named() -> None:
    """Four utterances of four speakers, and all of the ten who speak Mandarin."""
    accent = np.where(np.arange(N) % 3 == 0, "north", "south").astype(object)
    accent[:10] = "mandarin"
    rows, utterances = tables(accent == "north", accent=accent)
    lost = (SPEAKER < 10) | np.isin(np.arange(len(SPEAKER)), [60, 70, 80, 90])
    rows.loc[lost, ["amount", "weight"]] = np.nan
    rows.loc[lost, "error"] = "NoWords: Han"
    findings = found(rows, utterances)
    assert {"u60", "u70", "u80", "u90"} <= names_of(findings, "utterance")
    assert [item.n for item in findings.left_out if item.what == "utterance"] == [4]
    assert [item.n for item in findings.left_out if item.what == "speaker"] == [10]
    assert names_of(findings, "label") == {"mandarin"}
