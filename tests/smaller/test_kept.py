"""What the sweep's arms heard is in benchmarks/smaller/kept: the table and the documentation's
figures come of it, without training."""

from __future__ import annotations

import re
import shutil
from pathlib import Path
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
    older = of_other_options(read_sweep(), KEPT)
    assert set(older) <= {"amortised_0.4_0", "amortised_random75_0"}  # three epochs, not eight
    assert {*kept, *older} == {
        path.name.removesuffix(".json.gz") for path in KEPT.glob("*.json.gz")}


@pytest.mark.parametrize(("row", "column", "name"), [
    ("as shipped", 3, "shipped"), ("4 bits, straight-through", 3, "straight4"),
    ("4 bits, straight-through", 4, "bits4"), ("70 % zero, gradually", 3, "gradual70")])
def test_the_documented_word_errors_are_those_of_what_was_heard(
        row: str, column: int, name: str, kept: dict[str, Any]) -> None:
    (found,) = re.findall(rf"^\| {re.escape(row)} \|.*$", DOCS.read_text(), re.MULTILINE)
    heard = kept[f"{name}_0"]["heard"][TEST]
    said = [line.text.split() for line in SURVEY]
    edits = count_all(said, [heard[line.id].split() for line in SURVEY])
    rate = edits.errors.sum() / edits.reference_length.sum()
    cell = found.split("|")[column + 1].split()[0]
    assert cell == f"{100 * rate:.{len(cell.partition('.')[2])}f}"


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
