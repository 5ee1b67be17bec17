"""What people publish does not say where things are on their machine."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.core.errors import UtteranceError
from evalkit.core.folders import from_here, without_folders
from evalkit.core.ledger import LeftOut
from evalkit.store.documents.comparison import Comparison
from tests.conftest import evalkit


@pytest.mark.parametrize(("text", "shown"), [
    ("/home/ada/corpus/a.wav: does not exist", "…/a.wav: does not exist"),
    ("audio: '/home/ada/a.wav' leaves", "audio: '…/a.wav' leaves"),
    ("sh:/opt/x/asr --in=/data/y.wav", "sh:…/asr --in=…/y.wav"), ("/data/m.jsonl", "…/m.jsonl"),
    ("C:/Users/ada/m.jsonl", "…/m.jsonl"), ("corpus/audio/a.wav", "corpus/audio/a.wav"),
    ("../a/b.wav and ./c/d.wav", "../a/b.wav and ./c/d.wav"), ("m/s and and/or", "m/s and and/or"),
    ("https://example.org/a/b", "https://example.org/a/b"), ("/k/ /t/ /s/", "/k/ /t/ /s/"),
    (f"{Path.home()}/a b/c.wav", "…/a b/c.wav"), ("…/a.wav", "…/a.wav"), ("1 / 2", "1 / 2")])
def test_of_an_absolute_path_the_name_is_left(text: str, shown: str) -> None:
    assert without_folders(text) == shown == without_folders(shown)


def test_the_ledger_failures_and_comparisons_keep_names_alone() -> None:
    item = LeftOut("row", "/home/ada/m.jsonl", "'/x/y.wav' leaves", 1, ("/x/z.wav", "line 3"))
    assert (item.where, item.why, item.names) == (
        "…/m.jsonl", "'…/y.wav' leaves", ("…/z.wav", "line 3"))
    assert str(UtteranceError("MissingAudio", "/x/y.wav: gone")) == "MissingAudio: …/y.wav: gone"
    failed = Comparison.failed("/home/ada/v1", "/home/ada/v2", "/home/ada/v2/run.json: gone")
    assert (failed.base, failed.candidate) == ("…/v1", "…/v2")
    assert failed.problems == ["…/run.json: gone"]


def test_nothing_that_is_published_says_where_things_are(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    home = tmp_path / "home of ada"
    monkeypatch.setenv("HOME", str(home))
    (home / "corpus").mkdir(parents=True)
    rows = [{"id": f"u{i}", "audio": str(home / f"corpus/{i}.wav"), "text": "turn on the light",
             "speaker": f"s{i % 8}", "accent": "ab"[i % 2]} for i in range(32)]
    for index in range(30):
        soundfile.write(rows[index]["audio"], np.zeros(1600, np.float32), 16_000)
    rows.append({"id": "stranger", "audio": str(home / "secret.wav"), "text": "no"})
    (home / "corpus" / "m.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    (home / "h.tsv").write_text("".join(f"u{i}\tturn on light\n" for i in range(31)))
    command = f"sh -c 'echo turn on' '{home}/model' {{input}}"
    (home / "eval.yaml").write_text(json.dumps({
        "corpus": str(home / "corpus" / "m.jsonl"), "metrics": ["wer"], "pipelines": [
            {"name": "a", "recognizer": {"name": "precomputed", "path": str(home / "h.tsv")}},
            {"name": "b", "recognizer": {"name": "command", "run": command}}]}))
    published = tmp_path / "out"
    for words in (("run", home / "eval.yaml", "-o", home / "v1", "-j", 0, "--max-failed", 1),
                  ("score", "-m", home / "corpus/m.jsonl", "-y", f"a={home}/h.tsv", "-o",
                   home / "v2"),
                  ("cohorts", home / "v1", "--pipeline", "a"),
                  ("report", home / "v2", home / "v1", "-o", published, "--markdown",
                   published.with_suffix(".md")),
                  ("baseline", "freeze", home / "v1", "-o", published / "b.json"),
                  ("history", home / "v2", home / "v1", "-o", published / "h.html"),
                  ("compare", home / "v1", home / "v1", "--junit", published / "j.xml",
                   "--markdown", published / "c.md", "--json", published / "c.json")):
        result = evalkit(*words)
        assert "error" not in result.stderr, result.stderr
    texts = [*published.rglob("*"), published.with_suffix(".md"), home / "v1" / "summary.json",
             home / "v1" / "findings.json", *(home / "v1").rglob("*.parquet")]
    assert len(texts) > 20
    assert not [path.name for path in texts if path.is_file()
                and (str(tmp_path).encode() in path.read_bytes() or b"of ada" in path.read_bytes())]
    kept = json.loads((home / "v1" / "run.json").read_text())
    needed = json.dumps([kept.pop("config"), kept["corpus"].pop("root")])
    assert str(home) in needed  # to go on, to score anew and to play recordings
    assert str(tmp_path) not in json.dumps(kept)


def test_a_line_in_a_terminal_names_what_is_in_the_working_folder_from_there(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    for text, shown in ((f"{tmp_path}/a/b.wav: no; {tmp_path}/c", "a/b.wav: no; c"),
                        (f"'{tmp_path}/a b.csv'", "'a b.csv'"), (f"{tmp_path}/ is", None),
                        (f"/x{tmp_path}/a", None), (f"file://{tmp_path}/a", None),
                        (f"{tmp_path}s/a", None), (f"{tmp_path}: full", None)):
        assert from_here(text) == (text if shown is None else shown)
    monkeypatch.chdir("/")
    assert from_here("/a/b") == "/a/b"
    gone = tmp_path / "gone"
    gone.mkdir()
    monkeypatch.chdir(gone)
    gone.rmdir()
    assert from_here(f"{gone}/a") == f"{gone}/a"
