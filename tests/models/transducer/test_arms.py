"""Every arm of the experiment on the reference transducer, trained for one epoch on a few requests,
and what is said of one against another."""

from __future__ import annotations

import gzip
import json
import shutil
from pathlib import Path

import pytest

from benchmarks import transducer_arms, transducer_report
from evalkit.core.files import digest
from evalkit.models import SHIPPED
from evalkit.models.transducer.network import Transducer
from evalkit.store.manifest import write_manifest
from tests.models.test_training import write_corpus


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The same requests under the names of all corpora."""
    folder = tmp_path_factory.mktemp("corpora")
    (folder / "made").mkdir()
    made = write_corpus(folder / "made")
    for split in ("train", "dev", "test"):
        rows = [json.loads(line) for line in (made / f"{split}.jsonl").read_text().splitlines()]
        write_manifest(made / f"{split}.jsonl", [
            {**row, "accent": "low", "names": [row["text"].split()[0]]} for row in rows[:4]])
    (made / "names.json").write_text(json.dumps(
        [{"name": "abc", "held_out": False}, {"name": "cab", "held_out": True}]))
    for name in {name for arm in transducer_arms.ARMS.values() for name in arm.corpora + arm.tests}:
        shutil.copytree(made, folder / name)
    return folder


def heard(corpora: Path, out: Path, arm: str) -> dict[str, dict[str, list[object]]]:
    transducer_arms.main(["one", str(corpora), str(out), "--arm", arm, "--epochs", "1"])
    with gzip.open(out / f"{arm}_0.json.gz", "rt") as file:
        return dict(json.load(file))


@pytest.mark.parametrize("arm", transducer_arms.ARMS)
def test_an_arm_is_trained_and_hears_its_tests(corpora: Path, tmp_path: Path, arm: str) -> None:
    found = heard(corpora, tmp_path, arm)
    tests = transducer_arms.ARMS[arm].tests
    assert list(found) == [f"{test}, {noise}" for test in tests for noise in (
        "clean", transducer_arms.NOISY)]
    assert all(set(said) == {f"test{n}" for n in range(4)} for said in found.values())
    weights = tmp_path / f"{arm}_0.safetensors"
    assert digest(weights) != digest(SHIPPED / "transducer.safetensors")
    config = Transducer.load(weights).config
    assert (config.front == "convolutional", config.bias > 0, config.end is not None,
            "ß" in config.alphabet) == (arm == "convolutional", arm == "attention", arm == "end",
                                        arm == "languages")


def test_one_arm_is_compared_with_another_on_the_requests_of_both(
        corpora: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    for arm, text in (("without_keyword", "ab"), ("with_keyword", "")):
        tests = {f"{test}, clean": {f"test{n}": [text, []] for n in range(4)}
                 for test in transducer_arms.ARMS[arm].tests}
        with gzip.open(tmp_path / f"{arm}_0.json.gz", "wt") as file:
            json.dump(tests, file)
    transducer_report.main([str(corpora), str(tmp_path), "without_keyword", "with_keyword"])
    said = capsys.readouterr().out
    assert "keyword_requests/without, clean: with_keyword against without_keyword" in said
    assert "12 words, 100.00" in said
