"""What the README shows is run, in a folder like the one that it describes."""

from __future__ import annotations

import json
import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from tests.conftest import evalkit, tone

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
BLOCKS = re.findall(r"^```(\w+)\n(.*?)^```", README, re.MULTILINE | re.DOTALL)
CONSOLE = [line.removeprefix("$ ") for language, text in BLOCKS if language == "console"
           for line in text.splitlines() if line.startswith("$ ")]
COMMANDS = [line for language, text in BLOCKS if language == "sh" for line in text.splitlines()]

ENHANCER = "import shutil, sys\nshutil.copy(sys.argv[1], sys.argv[2])\n"
RECOGNIZER = "print('turn on the lights')\n"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The files that the README speaks of, its own blocks among them."""
    (tmp_path / "audio").mkdir()
    for name, pitch in (("u1", 120.0), ("u2", 210.0)):
        soundfile.write(tmp_path / "audio" / f"{name}.wav", tone(1.2, pitch=pitch), 16_000)
    (tmp_path / "my_enhancer.py").write_text(ENHANCER)
    (tmp_path / "my_recognizer.py").write_text(RECOGNIZER)
    (tmp_path / "hypotheses.jsonl").write_text('{"id": "u1", "hypothesis": "turn the lights"}\n'
                                               '{"id": "u2", "hypothesis": "what time"}\n')
    (tmp_path / "other.tsv").write_text("u1\tturn on the lights\nu2\twhat is the time\n")
    for language, text in BLOCKS:
        if language == "json":
            (tmp_path / "mine.jsonl").write_text(text)
        if language == "yaml":
            name = text.splitlines()[0].removeprefix("# ")
            (tmp_path / name).write_text(text.replace('"python ', f'"{sys.executable} '))
    return tmp_path


def test_its_commands_run(folder: Path) -> None:
    lines = [line for line in COMMANDS if line.startswith("evalkit ")]
    assert len(lines) >= 5
    for line in lines:
        result = shown(folder, line)
        assert result.returncode == 0, f"{line}\n{result.stdout}{result.stderr}"
    assert (folder / "reports" / "mine" / "index.html").exists()


def test_its_gate_runs(tmp_path: Path) -> None:
    """On two versions of one system, of which the second leaves words out."""
    texts = {f"u{i}": "turn on the lights please" for i in range(60)}
    (tmp_path / "m.jsonl").write_text("".join(
        json.dumps({"id": name, "text": text, "speaker": f"s{i % 12}"}) + "\n"
        for i, (name, text) in enumerate(texts.items())))
    (tmp_path / "gates.yaml").write_text(
        "gates:\n  - {metric: wer, scope: overall, tolerance: {relative: 0.02}}\n")
    for version, words in (("v1", 5), ("v2", 3)):
        (tmp_path / "h.jsonl").write_text("".join(
            json.dumps({"id": name, "hypothesis": " ".join(text.split()[:words])}) + "\n"
            for name, text in texts.items()))
        shown(tmp_path, "evalkit score -m m.jsonl -y asr=h.jsonl -o runs/" + version)
    freeze, compare = (line for line in CONSOLE
                       if line.startswith(("evalkit base", "evalkit comp")))
    assert shown(tmp_path, freeze).returncode == 0
    failed = shown(tmp_path, compare)
    assert failed.returncode == 1, failed.stderr
    assert "regression: 1 of 1 gates failed" in failed.stdout
    assert "::error" in failed.stdout
    assert {"gates.xml", "gates.md"} <= {path.name for path in tmp_path.iterdir()}
    assert shown(tmp_path, compare.replace("runs/v2", "runs/v1")).returncode == 0
    assert shown(tmp_path, "evalkit history runs/v1 runs/v2").returncode == 0


def test_its_table_of_verification_runs(tmp_path: Path) -> None:
    """On twenty voices whose embeddings are given."""
    generator = np.random.default_rng(0)
    ids = [f"u{speaker}-{i}" for speaker in range(20) for i in range(4)]
    np.savez(tmp_path / "voices.npz", ids=ids, embeddings=(
        generator.normal(size=(20, 1, 8)) + 0.4 * generator.normal(size=(20, 4, 8))).reshape(-1, 8))
    (tmp_path / "m.jsonl").write_text("".join(json.dumps({
        "id": name, "text": "hello", "speaker": name.split("-")[0],
        "accent": "ab"[i % 8 // 4]}) + "\n" for i, name in enumerate(ids)))
    (tmp_path / "eval.yaml").write_text(json.dumps({
        "corpus": "m.jsonl", "metrics": ["wer"], "pipelines": [{"name": "given", "encoder": {
            "name": "precomputed", "path": "voices.npz"}}]}))
    ran = shown(tmp_path, "evalkit run eval.yaml --out runs/latest -j 0")
    assert ran.returncode == 0, ran.stderr
    (line,) = (line for line in CONSOLE if line.startswith("evalkit groups"))
    table = shown(tmp_path, line)
    assert table.returncode == 0, table.stderr
    assert table.stdout.count(" ok ") == 2 and "GARBE" in table.stdout


def shown(folder: Path, line: str) -> subprocess.CompletedProcess[str]:
    program, *words = shlex.split(line)
    assert program == "evalkit"
    return evalkit(*words, cwd=folder)


def test_its_make_targets_exist() -> None:
    targets = re.findall(r"^(\w+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    used = {line.split()[1] for line in COMMANDS if line.startswith("make ")}
    assert used and used <= set(targets)
    assert "make test" in (ROOT / ".ci" / "run").read_text()


def test_its_links_lead_somewhere() -> None:
    for target in re.findall(r"\]\(([^)#]+)\)", README):
        assert (ROOT / target).exists(), target


def test_the_metrics_it_explains_are_those_there_are() -> None:
    from evalkit.core.plugins import available

    explained = re.findall(r"^\| (`.*?) \|", README, re.MULTILINE)
    ours = {name for name, entry in available("metrics").items()
            if entry.value.startswith("evalkit.")}
    assert ours <= set(re.findall(r"`(\w+)`", " ".join(explained)))


def test_its_real_run_runs(real_data: Path, tmp_path: Path) -> None:
    """On two children of the corpus, with a kitchen's noise."""
    (tmp_path / "noise").mkdir()
    shutil.copy(real_data / "noise" / "kitchen.wav", tmp_path / "noise")
    (line,) = (line for line in CONSOLE if "speechocean762/eval.yaml" in line)
    small = {"corpus.path": real_data / "speechocean762", "where": "[age=8]", "per_speaker": 1,
             "conditions.kitchen_10db.folder": tmp_path / "noise"}
    words = shlex.split(line.replace("datasets/", f"{ROOT}/datasets/", 1))[1:]
    done = evalkit(*words, *(word for key, value in small.items()
                             for word in ("--set", f"{key}={value}")), cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "reports" / "learners" / "index.html").read_text()
    assert all(text in page for text in ("percepnet", "kitchen_10db", "unprocessed-accent"))


def test_its_streamed_run_runs(real_data: Path, tmp_path: Path) -> None:
    """On the shortest utterance of a reader, and one of a learner."""
    _one_of_each(real_data, tmp_path)
    shutil.copy(ROOT / "datasets" / "streaming.yaml", tmp_path)
    for line in CONSOLE[first_of("corpus prepare librispeech"):first_of("streaming.yaml") + 1]:
        more = ["--workers", "0"] if " run " in line else []
        done = evalkit(*shlex.split(line)[1:], *more, cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    for corpus in ("read", "learners"):
        page = (tmp_path / "reports" / "live" / corpus / "index.html").read_text()
        assert "When do words come?" in page and 'svg class="timeline"' in page
    for name in ("librispeech_timed.jsonl", "speechocean762_timed.jsonl"):
        assert "forced alignment" in json.loads((tmp_path / name).read_text())["words_source"]


def first_of(text: str) -> int:
    """The place among CONSOLE of the first line with ``text``."""
    return next(i for i, line in enumerate(CONSOLE) if text in line)


def _one_of_each(real_data: Path, folder: Path) -> None:
    """LibriSpeech and speechocean762 of one utterance each, in ``folder``."""
    chapter = real_data / "librispeech_test-other" / "test-other" / "1688" / "142285"
    shortest = min(chapter.glob("*.flac"), key=lambda path: path.stat().st_size)
    copy = folder / "LibriSpeech" / "test-other" / "1688" / "142285"
    copy.mkdir(parents=True)
    shutil.copy(shortest, copy)
    texts = (chapter / "1688-142285.trans.txt").read_text().splitlines(keepends=True)
    (copy / "1688-142285.trans.txt").write_text(
        "".join(line for line in texts if line.startswith(shortest.stem)))
    shutil.copy(real_data / "librispeech_test-other" / "SPEAKERS.TXT", folder / "LibriSpeech")
    source, learner = real_data / "speechocean762", folder / "speechocean762"
    (learner / "wav" / "0001").mkdir(parents=True)
    for name in ("text", "utt2spk", "wav.scp", "spk2age", "spk2gender"):
        with (source / name).open() as file:
            (learner / name).write_text(next(file))
    where = (learner / "wav.scp").read_text().split()[1]
    shutil.copy(source / "wav" / where.partition("wav/")[2], learner / "wav" / "0001")
