"""Columns that say what was measured are told from columns that say who spoke."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.outcome_columns import HONEST, LEAKS, SHORT_HONEST, SHORT_LEAKS, made
from evalkit.core.errors import ConfigError
from evalkit.statistics.groups import group_table
from evalkit.statistics.outcome_columns import determines, named_outcome
from tests.worlds import SUBJECT, make_world


@pytest.mark.parametrize(("name", "why"), [
    ("wer", "metric"), ("WER_band", "metric"), ("meanWer", "metric"), ("si_sdr", "metric"),
    ("my metric", "metric"), ("hyp", "hypothesis"), ("pred_text", "hypothesis"),
    ("asr-output", "hypothesis"), ("audio_filepath", "path"), ("file_name", "path"),
    ("utt_id", "id"), ("uuid", "id"), ("n_err", "metric"), ("is_correct", "metric"),
    ("wrong", "metric"), ("NumMistakes", "metric")])
def test_outcomes_by_name(name: str, why: str) -> None:
    assert why in str(named_outcome(name, ["my.metric"]))


@pytest.mark.parametrize("name", [
    "age", "accent", "power", "person", "profile", "hypertension", "device_id", "mother_tongue",
    "room", "snr_db", "sentence", "deprivation_index", "étage"])
def test_honest_names(name: str) -> None:
    assert named_outcome(name) is None


@pytest.mark.parametrize("kind", LEAKS + SHORT_LEAKS)
def test_functions_of_the_outcome_are_found(kind: str) -> None:
    assert all(determines(*made(kind, i, 1)) for i in range(6))


@pytest.mark.parametrize("kind", HONEST + SHORT_HONEST)
def test_honest_columns_are_not_taken_for_outcomes(kind: str) -> None:
    assert not any(determines(*made(kind, i, 2)) for i in range(18))


def test_a_column_that_decides_who_is_wrong_is_honest_where_nothing_is_left_to_luck() -> None:
    age = np.arange(200) % 62 + 18
    rate = np.where(age >= 64, 0.45, 0.08)
    assert not determines(np.where(age >= 64, "old", "young"), rate)
    assert not determines(np.where(age >= 64, "old", "young"), rate + age % 3 / 100)


@pytest.mark.parametrize("labels", [["a"] * 50, ["unknown"] * 50, ["a", "b"] * 25])
@pytest.mark.parametrize("rate", [np.zeros(50), np.full(50, np.nan), np.full(50, np.inf)])
def test_constant_and_undefined_outcomes_are_determined_by_nothing(
        labels: list[str], rate: np.ndarray) -> None:
    assert not determines(labels, rate)


def test_groups_by_an_outcome_are_made_only_where_they_are_asked_for() -> None:
    world = make_world()
    rate = (world.rows["amount"] / world.rows["weight"]).to_numpy()
    facts = world.utterances.assign(wer=rate, quality=rate)
    options = {"metric": "wer", "fact": SUBJECT.fact}
    for name, why in (("wer", "named like a metric"), ("quality", "it determines wer")):
        with pytest.raises(ConfigError, match=f"{why}.*--allow-outcome {name}"):
            group_table(world.rows, facts, [name], **options)
        report = group_table(world.rows, facts, [name], allowed=[name], **options)
        assert any(f"{name} determines what was measured" in note for note in report.warnings)
