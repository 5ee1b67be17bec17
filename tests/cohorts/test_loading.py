"""A run's tables as Speakers."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from evalkit.cohorts import loading
from evalkit.cohorts.loading import false_rejects, load_speakers, speaker_vectors, subject_of
from evalkit.core.errors import ConfigError, RunError
from evalkit.core.types import Derived
from evalkit.store.runfolder import EMBEDDINGS
from evalkit.store.sealed import write_table
from evalkit.store.trials import equal_error_rate
from tests.worlds import make_run, make_world


def test_speaker_vectors_are_streamed_means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch
                                            ) -> None:
    run = make_run(tmp_path, make_world())
    speaker = run.utterances().set_index("utterance_id")["speaker_id"]
    monkeypatch.setattr(loading, "BATCH", 7)
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


def test_embeddings_of_different_lengths_are_not_mixed(tmp_path: Path,
                                                       monkeypatch: pytest.MonkeyPatch) -> None:
    """In one batch, where the numbers divide evenly among the utterances, and in another."""
    run = make_run(tmp_path, make_world())
    speaker = run.utterances().set_index("utterance_id")["speaker_id"]
    table = run.embeddings()
    table["embedding"] = [vector[:8] if i % 2 else vector
                          for i, vector in enumerate(table["embedding"])]
    write_table(tmp_path / "embeddings.parquet", pa.Table.from_pandas(
        table, EMBEDDINGS, preserve_index=False))
    for batch in (1 << 14, 1):
        monkeypatch.setattr(loading, "BATCH", batch)
        with pytest.raises(RunError, match=r"embeddings\.parquet: the embedding of utterance "
                           "'u0001' has 8 numbers, that of utterance 'u0000' 16"):
            speaker_vectors(run, "given", "clean", speaker)


def test_an_utterance_without_an_embedding_is_left_out(tmp_path: Path) -> None:
    run = make_run(tmp_path, make_world())
    speaker = run.utterances().set_index("utterance_id")["speaker_id"]
    table = run.embeddings()
    gaps = table.assign(embedding=[None, *table["embedding"][1:]])
    found = []
    for rows in (gaps, table[1:]):
        write_table(tmp_path / "embeddings.parquet", pa.Table.from_pandas(
            rows, EMBEDDINGS, preserve_index=False))
        vectors = speaker_vectors(run, "given", "clean", speaker)
        assert vectors is not None
        found.append(vectors)
    assert found[0].equals(found[1])


@pytest.mark.parametrize(("columns", "why"), [
    ({"embedding": None}, "has no column 'embedding'"),
    ({"utterance_id": None}, "has no column 'utterance_id'"),
    ({"embedding": "text"}, "not a table of embeddings"),
    ({"embedding": 1.0}, "not a table of embeddings")])
def test_what_is_no_table_of_embeddings_is_named(tmp_path: Path, columns: dict[str, object],
                                                 why: str) -> None:
    run = make_run(tmp_path, make_world())
    speaker = run.utterances().set_index("utterance_id")["speaker_id"]
    table = run.embeddings().assign(**columns)
    table = table.drop(columns=[name for name, value in columns.items() if value is None])
    write_table(tmp_path / "embeddings.parquet", pa.Table.from_pandas(table, preserve_index=False))
    with pytest.raises(RunError, match=rf"embeddings\.parquet: {why}"):
        speaker_vectors(run, "given", None, speaker)


@pytest.mark.parametrize(("query", "why"), [
    ("not label", "no target trials, so nobody can be falsely rejected; the corpus needs"),
    ("label", "needs target trials and others with a score; there are 479 and 0"),
    ("score > 1e9", "no trials; give a pipeline a speaker encoder")])
def test_trials_of_one_kind_reject_nobody(tmp_path: Path, query: str, why: str) -> None:
    trials = make_run(tmp_path, make_world()).trials().query(query)
    with pytest.raises(ConfigError, match=why):
        false_rejects(trials, "given", None, pd.Series(dtype=object))


@pytest.mark.parametrize(("metric", "why"), [
    ("foo", "no metric 'foo'"), ("eer", "'eer' is no sum over utterances"),
    ("wil", "'wil' is no sum over utterances"), ("wer.hits", "'wer.hits' is neither better"),
    ("cer", "no metric 'cer'")])
def test_only_metrics_that_work_are_offered(tmp_path: Path, metric: str, why: str) -> None:
    run = make_run(tmp_path, make_world())
    record = run.record()
    more = dict.fromkeys(("eer", "wil", "cer"), record.metrics["wer"])
    parts = Derived("one minus product", ("wer.hits", "wer.precision"))
    more["wil"] = replace(more["wil"], derived=parts)
    record.model_copy(update={"metrics": record.metrics | more}).write(tmp_path / "run.json")
    with pytest.raises(ConfigError) as error:
        load_speakers(run, subject_of(run, metric, None, None))
    assert why in str(error.value)
    offered = re.search(r"there are ([a-z_., ]+)", str(error.value))
    assert offered is not None and set(offered[1].split(", ")) <= {"wer", "false_rejects"}
    for name in offered[1].split(", "):
        assert len(load_speakers(run, subject_of(run, name, None, None)).ids) == 96


def test_the_first_metric_that_somebody_can_be_underserved_by_is_taken(tmp_path: Path) -> None:
    run = make_run(tmp_path, make_world())
    subject = subject_of(run)
    assert (subject.metric, subject.pipeline, subject.condition) == ("wer", "given", None)


def test_findings_of_an_earlier_schema_are_left_out_by_name(tmp_path: Path) -> None:
    run = make_run(tmp_path, make_world())
    assert run.findings() is None
    (tmp_path / "findings.json").write_text('{"schema": 1, "finders": []}')
    assert run.findings() is None
    (named,) = run.stale()
    assert named.what == "document" and "`evalkit cohorts`" in str(named)
