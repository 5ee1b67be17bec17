"""Published systems compared two by two: their error rates say what the verdicts must be."""

from __future__ import annotations

import csv
import json
import re
from itertools import permutations
from pathlib import Path

import pytest

from evalkit.compare.comparison import compare
from evalkit.compare.gates import Gate, Gates
from evalkit.store.documents.comparison import Tolerance
from evalkit.store.manifest import write_manifest
from tests.conftest import evalkit
from tests.test_alignment import read_tsv


def run_cli(*words: object) -> None:
    result = evalkit(*words)
    assert result.returncode == 0, result.stdout + result.stderr


def score(manifest: Path, hypotheses: Path, out: Path) -> Path:
    run_cli("score", "-m", manifest, "-y", f"asr={hypotheses}", "-o", out, "--normaliser", "none",
            "--workers", "0")
    return out


@pytest.fixture(scope="module")
def librispeech(real_data: Path, tmp_path_factory: pytest.TempPathFactory
                ) -> dict[Path, float]:
    """Runs of three recognizers on test-clean and the word error rates that were published."""
    folder, source = tmp_path_factory.mktemp("ls"), real_data / "asr_results"
    source /= "librispeech_test-clean"
    write_manifest(folder / "m.jsonl", [
        {"id": key, "text": text, "speaker": key.split("-")[0]}
        for key, text in read_tsv(source / "ref.tsv").items()])
    said = {path: re.search(r"WER: error_rate=([\d.]+)", path.read_text())
            for path in sorted(source.glob("*.result"))}
    return {score(folder / "m.jsonl", path.with_suffix(""), folder / path.stem): float(found[1])
            for path, found in said.items() if found}


@pytest.fixture(scope="module")
def afrispeech(real_data: Path, tmp_path_factory: pytest.TempPathFactory) -> dict[Path, float]:
    """Runs of three recognizers on AfriSpeech; their error rates are in the files' names."""
    folder, runs = tmp_path_factory.mktemp("as"), {}
    tables = sorted((real_data / "asr_results" / "afrispeech_dev").glob("*.csv"))
    run_cli("corpus", "prepare", "table", tables[0], "-o", folder / "m.jsonl", "--column", "id=idx",
            "--column", "speaker=user_ids", "--column", "text=reference")
    for table in tables:
        found = re.search(r"-wer-([\d.]+)-", table.name)
        assert found
        with table.open() as file:
            write_manifest(folder / f"{found[1]}.jsonl", [
                {"id": row["idx"], "hypothesis": row["prediction"]}
                for row in csv.DictReader(file)])
        runs[score(folder / "m.jsonl", folder / f"{found[1]}.jsonl", folder / found[1])] = float(
            found[1])
    return runs


@pytest.mark.parametrize("corpus", ["librispeech", "afrispeech"])
def test_verdicts_follow_the_published_error_rates(
        corpus: str, request: pytest.FixtureRequest) -> None:
    published: dict[Path, float] = request.getfixturevalue(corpus)
    assert len(published) == 3
    gates = Gates(gates=[Gate(metric="wer", tolerance=Tolerance(relative=0.02))])
    for base, candidate in permutations(published, 2):
        found = compare(base, candidate, gates)
        is_worse = published[candidate] > published[base]
        assert found.exit_code == int(is_worse), found.problems
        change = found.gates[0].checks[0]
        assert change.verdict == ("worse" if is_worse else "better")
        assert change.p_adjusted < 0.001
        assert (change.change.low > 0) == is_worse == (change.change.high > 0)


def test_a_system_against_itself_passes_every_gate(
        afrispeech: dict[Path, float], tmp_path: Path) -> None:
    (tmp_path / "gates.yaml").write_text(json.dumps({"gates": [
        {"metric": "wer", "scope": scope, "on_inconclusive": "fail"}
        for scope in ("overall", "every country", "every gender", "worst country", "gap gender")]}))
    run = next(iter(afrispeech))
    result = evalkit("compare", run, run, "--gates", tmp_path / "gates.yaml")
    assert result.returncode == 0, result.stdout + result.stderr
    assert result.stdout.count("\nnot judged") > 0


def test_groups_of_afrispeech_by_a_frozen_baseline(
        afrispeech: dict[Path, float], tmp_path: Path) -> None:
    worst, best = (sorted(afrispeech, key=lambda run: afrispeech[run])[i] for i in (-1, 0))
    frozen = evalkit("baseline", "freeze", best, "--out", tmp_path / "b.json.gz")
    assert frozen.returncode == 0, frozen.stderr
    trees = []
    (tmp_path / "gates.yaml").write_text("gates: [{metric: wer, scope: every country}]")
    for base in (best, tmp_path / "b.json.gz"):
        result = evalkit("compare", base, worst, "--gates", tmp_path / "gates.yaml",
                         "--json", tmp_path / "c.json")
        assert result.returncode == 1, result.stdout + result.stderr
        trees.append([(check["scope"], check["status"], check["p_adjusted"])
                      for check in json.loads((tmp_path / "c.json").read_text())["gates"][0][
                          "checks"]])
    assert trees[0] == trees[1]
    assert ("country=NG", "failed") in {row[:2] for row in trees[0]}
