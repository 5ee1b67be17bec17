"""Without the extra ``audio``: texts are scored, grouped, searched, compared and reported."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from evalkit.core.plugins import EXTRA_OF_PACKAGE

ROOT = Path(__file__).parent.parent
AUDIO = ("torch", "torchaudio", "speechbrain", "pesq", "pystoi", "soundfile", "soxr", "librosa",
         "transformers", "safetensors")
FORBIDDING = f"""
import sys

class Forbidding:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in {AUDIO!r}:
            raise ModuleNotFoundError(f"No module named {{name!r}}", name=name)

sys.meta_path.insert(0, Forbidding())
from evalkit.cli import main
main()
"""
"""A program that is evalkit's command line where none of AUDIO is installed."""


def light(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", FORBIDDING, *words], cwd=folder, check=False,
                          capture_output=True, text=True, env={**os.environ, "COLUMNS": "200"})


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A manifest, and the words of two versions, of which the second leaves many out for those of
    one accent."""
    folder = tmp_path_factory.mktemp("light")
    texts = [f"turn on the {light} light please" for light in ("red", "green", "blue")] * 80
    (folder / "m.jsonl").write_text("".join(json.dumps({
        "id": f"u{i}", "text": text, "speaker": f"s{i % 40}", "accent": "ab"[i % 2]}) + "\n"
        for i, text in enumerate(texts)))
    for version, kept in (("v1", (6, 6)), ("v2", (3, 6))):
        (folder / f"{version}.tsv").write_text("".join(
            f"u{i}\t{' '.join(text.split()[i % 7 == 0:kept[i % 2]])}\n"
            for i, text in enumerate(texts)))
        scored = light(folder, "score", "-m", "m.jsonl", "-y", f"asr={version}.tsv", "-o", version)
        assert scored.returncode == 0, scored.stderr
    (folder / "said.txt").write_text("\n".join(texts) + "\n")
    (folder / "nbest.jsonl").write_text(
        '{"id": "u", "nbest": [{"text": "turn", "score": -1}, {"text": "on", "score": -2}]}\n')
    return folder


@pytest.mark.parametrize(("words", "code", "shown"), [
    (["groups", "v2", "--by", "accent"], 0, "any gap"),
    (["cohorts", "v2", "--finder", "declared"], 0, "confirmed"),
    (["report", "v1", "v2", "--out", "page"], 0, "index.html"),
    (["compare", "v1", "v2"], 1, "regression"),
    (["history", "v1", "v2"], 0, "wer"),
    (["train", "language-model", "said.txt", "-o", "lm.arpa"], 0, "lm.arpa: "),
    (["rescore", "nbest.jsonl", "--lm", "lm.arpa", "--weight", "1", "-o", "h.jsonl"], 0,
     "h.jsonl: 1 hypothesis,"),
    (["doctor"], 0, "reference"),
])
def test_texts_need_no_audio_package(folder: Path, words: list[str], code: int,
                                     shown: str) -> None:
    result = light(folder, *words)
    assert (result.returncode, shown in result.stdout) == (code, True), result.stderr


def test_what_needs_audio_says_what_to_install(folder: Path) -> None:
    (folder / "heard.jsonl").write_text('{"id": "u", "audio": "u.wav", "text": "on"}\n')
    (folder / "eval.yaml").write_text(json.dumps({
        "corpus": "heard.jsonl", "metrics": ["wer"],
        "pipelines": [{"name": "a", "recognizer": "reference"}]}))
    for words in (["run", "eval.yaml", "--out", "x", "-j", "0"],
                  ["corpus", "validate", "m.jsonl"], ["train", "recognizer", ".", "-o", "y"],
                  ["causality", "eval.yaml"]):
        result = light(folder, *words)
        assert result.returncode == 2, words
        assert "pip install 'evalkit[audio]'" in result.stderr.splitlines()[-1], result.stderr
    doctor = light(folder, "doctor").stdout.splitlines()
    state = {tuple(line.split()[:2]): line for line in doctor}
    assert state["metrics", "wer"].endswith(" ok")
    assert "pip install 'evalkit[audio]'" in state["metrics", "pesq_wb"]
    assert "pip install 'evalkit[audio]'" in state["recognizers", "reference"]


def test_the_core_depends_on_no_audio_package() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    core = {requirement.split(">")[0].lower() for requirement in project["dependencies"]}
    assert not core & {*AUDIO, *EXTRA_OF_PACKAGE}
    audio = {item.split(">")[0] for item in project["optional-dependencies"]["audio"]}
    assert audio == {name for name, extra in EXTRA_OF_PACKAGE.items() if extra == "audio"}
