"""What the sweep's arms heard is in benchmarks/smaller/kept: the table and the documentation's
figures come of it, without training."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
from statistics import fmean
from typing import Any

import pytest

from benchmarks import smaller
from benchmarks.smaller.corpora import TEST, accents
from benchmarks.smaller.sweep import CONFIG, all_kept, of_other_options, read_sweep
from benchmarks.smaller.table import table
from evalkit.core.alignments import count_all
from evalkit.corpora.synthesis.plan import plan
from evalkit.store.manifest import write_manifest

KEPT = Path(smaller.__file__).parent / "kept"
DOCS = Path(__file__).parents[2] / "docs" / "smaller.md"
SURVEY = [line for line in plan(accents()) if line.split == "survey"]


@pytest.fixture(scope="module")
def kept() -> dict[str, dict[str, Any]]:
    return {f"{name}_{seed}": document
            for name, seed, document in all_kept(read_sweep(), KEPT)}


def test_every_kept_file_is_what_the_sweep_asks_of_its_arm(kept: dict[str, Any]) -> None:
    assert not of_other_options(read_sweep(), KEPT)
    assert {*kept} == {path.name.removesuffix(".json.gz") for path in KEPT.glob("*.json.gz")}


def word_error_rate(document: dict[str, Any]) -> float:
    heard, said = document["heard"][TEST], [line.text.split() for line in SURVEY]
    edits = count_all(said, [heard[line.id].split() for line in SURVEY])
    return 100 * float(edits.errors.sum() / edits.reference_length.sum())


@pytest.mark.parametrize(("row", "arm"), [
    ("as shipped", "shipped"), ("4 bits, straight-through", "straight4"),
    ("70 % zero, gradually", "gradual70"),
    ("the student, taught on with a teacher", "student_taught")])
def test_the_documented_word_errors_are_those_of_what_was_heard(
        row: str, arm: str, kept: dict[str, Any]) -> None:
    (found,) = re.findall(rf"^\| {re.escape(row)} \|.*$", DOCS.read_text(), re.MULTILINE)
    _, _, _, _, together, each, *_ = (cell.strip() for cell in found.split("|"))
    rates = [word_error_rate(kept[f"{arm}_{seed}"]) for seed in range(3)
             if f"{arm}_{seed}" in kept]
    assert together == f"{fmean(rates):.2f} %"
    assert each == (", ".join(f"{rate:.2f}" for rate in rates) if len(rates) > 1 else "")


def test_the_table_is_printed_without_training(
        tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for name in ("shipped", "bits3"):
        shutil.copy(KEPT / f"{name}_0.json.gz", tmp_path)
    write_manifest(tmp_path / f"{TEST}.jsonl", (
        {"id": line.id, "audio": line.audio, "text": line.text, "speaker": line.speaker.id,
         **line.speaker.metadata} for line in SURVEY[::16]))
    table(CONFIG, tmp_path, tmp_path, only=["bits3"], by=None)
    printed = capsys.readouterr().out
    assert "accents/survey: 100 utterances" in printed
    rates = dict(re.findall(r"^  (\w+): 0: ([\d.]+)%", printed, re.MULTILINE))
    assert float(rates["shipped"]) < 10 < float(rates["bits3"])
    assert re.search(rf"^shipped .*\b{rates['shipped']}\b", printed, re.MULTILINE)
    assert not [*tmp_path.glob("*.log")]
