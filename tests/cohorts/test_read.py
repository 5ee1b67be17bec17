"""A run's tables as People."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from evalkit.cohorts import read
from evalkit.cohorts.read import false_rejects, speaker_vectors
from evalkit.trials import equal_error_rate
from tests.cohorts.world import make_run, make_world


def test_speaker_vectors_are_streamed_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                            ) -> None:
    run = make_run(tmp_path, make_world())
    speaker = run.utterances().set_index("utterance_id")["speaker_id"]
    monkeypatch.setattr(read, "BATCH", 7)
    vectors = speaker_vectors(run, "given", "clean", speaker)
    assert vectors is not None
    table = run.embeddings()
    whole = pd.DataFrame(np.stack(table["embedding"])).groupby(
        table["utterance_id"].map(speaker)).mean()
    assert vectors.index.tolist() == whole.index.tolist()
    expected = whole.to_numpy() / np.linalg.norm(whole, axis=1, keepdims=True)
    assert vectors.to_numpy() == pytest.approx(expected, abs=1e-6)
    assert speaker_vectors(run, "given", "noisy", speaker) is None


def test_a_pipeline_without_an_encoder_uses_anothers(tmp_path: Path) -> None:
    run = make_run(tmp_path, make_world())
    speaker = run.utterances().set_index("utterance_id")["speaker_id"]
    other, own = (speaker_vectors(run, name, None, speaker) for name in ("other", "given"))
    assert other is not None
    assert other.equals(own)


def test_false_rejects_are_those_at_the_global_threshold(tmp_path: Path) -> None:
    run = make_run(tmp_path, make_world())
    trials = run.trials()
    speaker = run.utterances().set_index("utterance_id")["speaker_id"]
    rows = false_rejects(trials, "given", None, speaker)
    known = trials.dropna(subset="score")
    threshold = equal_error_rate(known["score"], known["label"]).threshold
    targets = known[known["label"]]
    assert rows["amount"].sum() == (targets["score"] < threshold).sum()
    assert rows["weight"].sum() == len(targets)
    assert rows["error"].notna().sum() == trials.query("label")["score"].isna().sum() == 1
    assert (rows["speaker_id"] == rows["utterance_id"].map(speaker)).all()
