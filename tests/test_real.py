"""The command line on real recordings and real recognizers' outputs."""

from __future__ import annotations

import csv
import json
import re
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
    """A manifest of the shortest utterance, of six words or more, of every speaker."""
    rows = pd.DataFrame([json.loads(line) for line in manifest.read_text().splitlines()])
    words = rows["text"].str.split().str.len()
    kept = words[words >= 6].groupby(rows["speaker"]).idxmin()
    path = manifest.with_name("few.jsonl")
    write_manifest(path, rows.loc[kept].to_dict("records"))
    return path


def test_recognition_and_enhancement_of_real_speech(
        librispeech: Path, real_data: Path, tmp_path: Path) -> None:
    (tmp_path / "eval.yaml").write_text(json.dumps({
        "corpus": str(few(librispeech)), "outside": True, "metrics": ["wer", "pesq_wb", "stoi"],
        "conditions": ["clean", {"name": "noise_5db", "noise": "recorded", "snr_db": 5,
                                 "folder": str(real_data / "noise")}],
        "pipelines": [{"name": "plain", "recognizer": "pocketsphinx"},
                      {"name": "rnnoise", "enhancer": "rnnoise", "recognizer": "pocketsphinx"}]}))
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
        "corpus": str(manifest), "outside": True, "metrics": ["wer"],
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


def read_tsv(path: Path) -> dict[str, str]:
    return dict(line.split("\t", 1) for line in path.read_text().splitlines())


def test_score_reproduces_the_authors_of_librispeech_results(
        real_data: Path, tmp_path: Path) -> None:
    folder = real_data / "asr_results" / "librispeech_test-clean"
    write_manifest(tmp_path / "m.jsonl", [
        {"id": key, "text": text, "speaker": key.split("-")[0]}
        for key, text in read_tsv(folder / "ref.tsv").items()])
    systems = sorted(folder.glob("*.tsv.result"))
    assert len(systems) == 3
    hypotheses = [word for path in systems for word in
                  ("-y", f"{path.name.split('.')[1]}={path.with_suffix('')}")]
    run_cli("score", "-m", tmp_path / "m.jsonl", *hypotheses, "-o", tmp_path / "run",
            "--normaliser", "none", "--costs", "sclite")
    value = values(tmp_path / "run")
    table = RunFolder(tmp_path / "run").scores()
    counts = table.groupby(["pipeline", "metric"])["amount"].sum()
    for path in systems:
        name = path.name.split(".")[1]
        said = re.search(r"WER: error_rate=([\d.]+), ref_words=(\d+), subs=(\d+), ins=(\d+), "
                         r"dels=(\d+)", path.read_text())
        rate, words, subs, ins, dels = map(float, said.groups())
        assert 100 * value[name, "given", "wer"] == pytest.approx(rate, abs=1e-9)
        assert [counts[name, f"wer.{kind}"] for kind in (
            "substitutions", "insertions", "deletions", "hits")] == [
                subs, ins, dels, words - subs - dels]


def test_score_reproduces_every_row_of_svarah(real_data: Path, tmp_path: Path) -> None:
    with (real_data / "asr_results" / "svarah_10systems" / "per_utterance.csv").open() as file:
        rows = list(csv.DictReader(file))
    references = {row["eval_id"]: row["raw_reference"] for row in rows}
    write_manifest(tmp_path / "m.jsonl",
                   [{"id": key, "text": text} for key, text in references.items()])
    systems = sorted({row["backend_id"] for row in rows})
    words: list[object] = []
    for index, system in enumerate(systems):
        path = tmp_path / f"{index}.jsonl"
        write_manifest(path, [{"id": row["eval_id"], "hypothesis": row["raw_hypothesis"]}
                              for row in rows if row["backend_id"] == system])
        words += ["-y", f"system{index}={path}"]
    run_cli("score", "-m", tmp_path / "m.jsonl", *words, "-o", tmp_path / "run",
            "--normaliser", "whisper_english")
    table = RunFolder(tmp_path / "run").scores().pivot(
        index=["pipeline", "utterance_id"], columns="metric", values="amount")
    assert len(rows) == 2000 == len(table)
    for row in rows:
        ours = table.loc[f"system{systems.index(row['backend_id'])}", row["eval_id"]]
        for name in ("hits", "substitutions", "deletions", "insertions"):
            assert ours[f"wer.{name}"] == int(row[name]), row


def test_common_voice_in_five_languages_is_read(real_data: Path, tmp_path: Path) -> None:
    for language in ("en", "de", "fr", "es", "ca"):
        out, source = tmp_path / f"{language}.jsonl", real_data / "common_voice" / language
        run_cli("corpus", "prepare", "common_voice", source, "-o", out)
        assert len(read_manifest(out, outside=True).utterances) == 100
        run_cli("corpus", "validate", out, "--outside")


@pytest.fixture(scope="module")
def afrispeech(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run folder of three recognizers on AfriSpeech, scored from their own predictions."""
    folder = tmp_path_factory.mktemp("afrispeech")
    tables = sorted((real_data / "asr_results" / "afrispeech_dev").glob("*.csv"))
    run_cli("corpus", "prepare", "table", tables[0], "-o", folder / "m.jsonl", "--column", "id=idx",
            "--column", "speaker=user_ids", "--column", "text=reference")
    words: list[object] = []
    for name, table in zip(("nemo", "medium", "small"), tables, strict=True):
        with table.open() as file:
            rows = [{"id": row["idx"], "hypothesis": row["prediction"]}
                    for row in csv.DictReader(file)]
        write_manifest(folder / f"{name}.jsonl", rows)
        words += ["-y", folder / f"{name}.jsonl"]
    run_cli("score", "-m", folder / "m.jsonl", *words, "-o", folder / "run",
            "--normaliser", "none")
    return folder / "run"


def test_afrispeech_has_the_error_rates_that_were_published(afrispeech: Path) -> None:
    value = values(afrispeech)
    assert [round(value[name, "given", "wer"], 6) for name in ("nemo", "medium", "small")] == [
        0.442947, 0.273173, 0.342553]


def test_groups_of_afrispeech(afrispeech: Path) -> None:
    result = evalkit("groups", afrispeech, "--by", "gender", "--by", "country", "--by", "age_group",
                     "--pipeline", "medium", "--json")
    assert result.returncode == 0, result.stderr
    gender, country, age = json.loads(result.stdout)
    assert {row["group"]: row["status"] for row in gender["rows"]} == {
        "Male": "ok", "Female": "ok", "Other": "insufficient"}
    assert {"unknown"} <= {row["status"] for row in age["rows"]}
    assert sum(row["n"] for row in country["rows"]) == 2872
    for report in (gender, country, age):
        for row in report["rows"]:
            if row["status"] == "ok":
                assert row["value"]["low"] < row["value"]["value"] < row["value"]["high"]
                assert row["gap"]["p_adjusted"] >= row["gap"]["p_value"]


def test_systems_of_librispeech_and_afrispeech_are_told_apart(afrispeech: Path) -> None:
    pairs = {(pair["a"], pair["b"]): pair for pair in
             json.loads(evalkit("systems", afrispeech, "--json").stdout)}
    assert pairs["medium", "nemo"]["difference"]["high"] < 0
    assert pairs["medium", "small"]["difference"]["high"] < 0
    assert pairs["nemo", "small"]["difference"]["low"] > 0
    assert all(pair["matched_pairs"]["p_value"] < 0.001 for pair in pairs.values())
