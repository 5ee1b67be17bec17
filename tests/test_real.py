"""The command line on real recordings and real recognizers' outputs."""

from __future__ import annotations

import json
from pathlib import Path

import pandas as pd
import pytest

from evalkit.store.documents.run import TrialPairs
from evalkit.store.manifest import read_manifest, write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit, installed


def run_cli(*words: object) -> None:
    # In a process of its own: the native libraries of all these systems do not live well together
    # in the one process of the tests.
    result = installed(*words)
    assert result.returncode == 0, result.stdout + result.stderr


def values(run: Path) -> dict[tuple[str, str, str], float]:
    summary = RunFolder(run).summary()
    return {(row.pipeline, row.condition, row.metric): row.value
            for row in (*summary.scores, *summary.trials)}


@pytest.fixture(scope="module")
def librispeech(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    manifest = tmp_path_factory.mktemp("librispeech") / "test-other.jsonl"
    source = real_data / "librispeech_test-other"
    run_cli("corpus", "prepare", "librispeech", source, "-o", manifest)
    run_cli("corpus", "validate", manifest, "--outside")
    return manifest


def few(manifest: Path) -> Path:
    """A manifest of the shortest utterance, of six words or more, of every second speaker."""
    rows = pd.DataFrame([json.loads(line) for line in manifest.read_text().splitlines()])
    words = rows["text"].str.split().str.len()
    kept = words[words >= 6].groupby(rows["speaker"]).idxmin()
    path = manifest.with_name("few.jsonl")
    write_manifest(path, rows.loc[kept[::2]].to_dict("records"))
    return path


def test_recognition_and_enhancement_of_real_speech(
        librispeech: Path, real_data: Path, tmp_path: Path) -> None:
    recognizer = {"name": "pocketsphinx", "maxhmmpf": 1500}
    (tmp_path / "eval.yaml").write_text(json.dumps({
        "corpus": str(few(librispeech)), "outside": True, "metrics": ["wer", "pesq_wb", "stoi"],
        "conditions": ["clean", {"name": "noise_5db", "noise": "recorded", "snr_db": 5,
                                 "folder": str(real_data / "noise")}],
        "pipelines": [{"name": "plain", "recognizer": recognizer},
                      {"name": "rnnoise", "enhancer": "rnnoise", "recognizer": recognizer}]}))
    run_cli("run", tmp_path / "eval.yaml", "--out", tmp_path / "run")
    value = values(tmp_path / "run")
    assert 0.1 < value["plain", "clean", "wer"] < 0.7
    assert value["plain", "noise_5db", "wer"] > value["plain", "clean", "wer"] + 0.05
    assert value["rnnoise", "noise_5db", "pesq_wb"] > value["plain", "noise_5db", "pesq_wb"] + 0.1
    assert 0.85 < value["rnnoise", "clean", "stoi"] <= 1
    lags = RunFolder(tmp_path / "run").outputs().query("pipeline == 'rnnoise'")["lag_ms"]
    assert lags.notna().all() and lags.std() < 1


def test_speaker_verification_of_real_speech(librispeech: Path, tmp_path: Path) -> None:
    (tmp_path / "eval.yaml").write_text(json.dumps({
        "corpus": str(librispeech), "outside": True, "metrics": ["wer"],
        "pipelines": [{"name": "encoder", "encoder": "resemblyzer"}]}))
    run_cli("run", tmp_path / "eval.yaml", "--out", tmp_path / "run")
    record, value = RunFolder(tmp_path / "run").record(), values(tmp_path / "run")
    assert record.trials == TrialPairs(rule="every pair of utterances", targets=450,
                                       nontargets=4500)
    assert value["encoder", "clean", "eer"] < 0.015
    assert value["encoder", "clean", "min_dcf_p0.01"] < 0.2


def test_children_are_found_by_their_voices(real_data: Path, tmp_path: Path) -> None:
    source, manifest = real_data / "speechocean762", tmp_path / "nameless.jsonl"
    run_cli("corpus", "prepare", "kaldi", source, "-o", tmp_path / "all.jsonl")
    rows = [json.loads(line) for line in (tmp_path / "all.jsonl").read_text().splitlines()]
    write_manifest(manifest, [{key: row[key] for key in ("id", "audio", "text", "speaker")}
                              for row in rows])
    (tmp_path / "eval.yaml").write_text(json.dumps({
        "corpus": str(manifest), "outside": True, "per_speaker": 9, "metrics": ["wer"],
        "pipelines": [{"name": "encoder", "encoder": "resemblyzer"}]}))
    run_cli("run", tmp_path / "eval.yaml", "--out", tmp_path / "run")
    run_cli("cohorts", tmp_path / "run", "--metric", "false_rejects", "--finder", "clusters")
    findings = RunFolder(tmp_path / "run").findings()
    assert findings is not None
    (confirmed,) = [v.cohort for v in findings.finders[0].verdicts if v.status == "confirmed"]
    cohorts = pd.read_parquet(tmp_path / "run" / "cohorts.parquet")
    ids = set(cohorts.loc[cohorts["cohort"] == confirmed, "utterance_id"])
    members = {row["speaker"] for row in rows if row["id"] in ids}
    children = {speaker for speaker, age in (
        line.split() for line in (source / "spk2age").read_text().splitlines()) if int(age) < 15}
    assert len(children) == 54
    assert len(members & children) >= max(0.85 * len(members), 0.5 * len(children))


def test_common_voice_in_five_languages_is_read(real_data: Path, tmp_path: Path) -> None:
    for language in ("en", "de", "fr", "es", "ca"):
        out, source = tmp_path / f"{language}.jsonl", real_data / "common_voice" / language
        prepared = evalkit("corpus", "prepare", "common_voice", source, "-o", out)
        assert prepared.returncode == 0, prepared.stderr
        assert len(read_manifest(out, outside=True).utterances) == 100
        validated = evalkit("corpus", "validate", out, "--outside")
        assert validated.returncode == 0, validated.stdout + validated.stderr
