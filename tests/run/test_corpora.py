"""Several corpora in one run: each as alone, and none pooled with another."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import soundfile

from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit, tone
from tests.run.runs import tables

COMMON = """
conditions: [clean, {name: hum, noise: stationary, snr_db: 10}]
pipelines:
  - {name: plain, recognizer: level, encoder: bands}
  - {name: late, enhancer: {name: late, rate: 48000}, recognizer: level}
metrics: [wer, si_sdr]
"""
LANGUAGES = ("de", "en")


def write_corpus(folder: Path, pitch: int, **metadata: str) -> None:
    """Twelve utterances of four speakers, whose ids are those of every other corpus."""
    (folder / "audio").mkdir(parents=True)
    rows = []
    for index in range(12):
        name, seconds = f"audio/{index}.wav", 0.6 + 0.05 * index
        soundfile.write(folder / name, tone(seconds, pitch=pitch + 40 * (index % 4)), 16_000)
        rows.append({"id": f"u{index}", "audio": name, "text": " ".join(["on"] * (6 + index % 3)),
                     "speaker": f"s{index % 4}", "sex": "fm"[index % 2],
                     **{key: f"{value}{index % 2}" for key, value in metadata.items()}})
    write_manifest(folder / "test.jsonl", rows)


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory, outside: Path) -> Path:
    """Two corpora, the configurations of each and of both, and their runs, made by the command
    line: de, en and both."""
    folder = tmp_path_factory.mktemp("corpora")
    write_corpus(folder / "de", 120, dialect="x")
    write_corpus(folder / "en", 150)
    for name in LANGUAGES:
        (folder / f"{name}.yaml").write_text(f"corpus: {name}/test.jsonl\n{COMMON}")
    (folder / "both.yaml").write_text("corpora:\n  de: de/test.jsonl\n  en: {path: en/test.jsonl}\n"
                                      + COMMON)
    for name in (*LANGUAGES, "both"):
        ended = evalkit("run", f"{name}.yaml", "--out", f"runs/{name}", "-j", 0, cwd=folder)
        assert ended.returncode == 0, ended.stderr
    return folder


@pytest.mark.parametrize("name", LANGUAGES)
def test_each_has_the_numbers_of_a_run_of_it_alone(world: Path, name: str) -> None:
    alone, part = world / "runs" / name, world / "runs" / "both" / name
    assert tables(part) == tables(alone)
    ones, others = (RunFolder(folder).record() for folder in (alone, part))
    assert others.corpus.name == name and others.tables["scores"] == ones.tables["scores"]
    assert others.left_out == ones.left_out
    for words in (["groups", "--by", "sex"], ["systems", "--condition", "hum"]):
        command, *options = words
        told = [json.loads(evalkit(command, folder, *options, "--json").stdout)
                for folder in (world / "runs" / "both", alone)]
        assert told[0][name] == told[1] and list(told[0]) == list(LANGUAGES)
