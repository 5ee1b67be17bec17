"""Pipes, sockets, devices and folders where a file should be: one line, and nothing waits."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import pytest
import soundfile

from evalkit.cohorts.postcodes import read_postcodes
from evalkit.core.errors import ConfigError, RunError
from evalkit.core.files import regular
from evalkit.run.runner import run
from evalkit.store.manifest import write_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit, tone
from tests.run.runs import config

pytestmark = pytest.mark.usefixtures("outside")


def special(path: Path, kind: str) -> Path:
    """Something of ``kind`` at ``path``."""
    if kind == "a pipe":
        os.mkfifo(path)
    elif kind == "a folder":
        path.mkdir()
    elif kind == "a device":
        path.symlink_to("/dev/zero")
    else:
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(path))
    return path


@pytest.mark.parametrize("kind", ["a pipe", "a socket", "a device", "a folder"])
def test_what_has_no_end_is_named(tmp_path: Path, kind: str) -> None:
    with pytest.raises(OSError, match=f"is {kind}, not a file"):
        regular(special(tmp_path / "x", kind))
    (tmp_path / "y").write_bytes(b"")
    assert regular(tmp_path / "y") == tmp_path / "y"
    with pytest.raises(ConfigError, match=f"{kind}, not a file"):
        read_postcodes(tmp_path / "x")
    with pytest.raises(FileNotFoundError):
        regular(tmp_path / "z")


@pytest.mark.parametrize("kind", ["a pipe", "a device"])
@pytest.mark.parametrize("words", [
    ["corpus", "validate", "x"], ["run", "x", "-o", "out"],
    ["score", "-m", "x", "-y", "v=h.tsv", "-o", "out"],
    ["score", "-m", "m.jsonl", "-y", "v=x", "-o", "out"],
    ["corpus", "prepare", "table", "x", "-o", "n.jsonl"],
    ["run", "trials.yaml", "-o", "out"], ["run", "corpus.yaml", "-o", "out"]])
def test_commands_refuse_it_in_one_line(tmp_path: Path, kind: str, words: list[str]) -> None:
    special(tmp_path / "x", kind)
    write_manifest(tmp_path / "m.jsonl", [{"id": "u1", "text": "one"}])
    (tmp_path / "h.tsv").write_text("u1\tone\n")
    head = "metrics: [wer]\npipelines: [{name: a, encoder: resemblyzer}]\n"
    (tmp_path / "trials.yaml").write_text(f"corpus: m.jsonl\ntrials: {{list: x}}\n{head}")
    (tmp_path / "corpus.yaml").write_text(f"corpus: x\n{head}")
    result = evalkit(*words, cwd=tmp_path)
    lines = [line for line in result.stderr.splitlines() if line.startswith("error: ")]
    assert result.returncode == 2 and len(lines) == 1, result.stderr
    assert "not a file" in lines[0] and "internal error" not in lines[0]


def test_pipes_in_a_run_folder_are_replaced(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [{"id": "u1", "text": "one", "speaker": "s1"}])
    (tmp_path / "h.tsv").write_text("u1\tone\n")
    command = ("score", "-m", "m.jsonl", "-y", "v=h.tsv", "-o", "run")
    assert evalkit(*command, cwd=tmp_path).returncode == 0
    run = tmp_path / "run"
    tables = {path: path.read_bytes() for path in run.rglob("*.parquet")}
    for path in (*tables, run / "summary.json", run / "outputs" / "finished.json"):
        path.unlink()
        os.mkfifo(path)
    result = evalkit(*command, cwd=tmp_path)
    assert result.returncode == 0 and "cannot be read (is a pipe, not a file)" in result.stderr
    assert {path: regular(path).read_bytes() for path in tables} == tables
    assert "nothing has changed" in evalkit(*command, cwd=tmp_path).stderr
    (run / "summary.json").unlink()
    os.mkfifo(run / "summary.json")
    with pytest.raises(RunError, match=r"summary\.json: cannot be read \(is a pipe, not a file\)"):
        RunFolder(run).summary()


def test_recordings_that_are_none_cost_their_utterances(tiny_corpus: Path, tmp_path: Path) -> None:
    """Planning looks at them, hearing, sorting by length, and checking the corpus."""
    audio = tiny_corpus.parent / "audio"
    for number, kind in enumerate(["a pipe", "a socket", "a device", "a folder"]):
        (audio / f"{number}.wav").unlink()
        special(audio / f"{number}.wav", kind)
    checked = evalkit("corpus", "validate", tiny_corpus, "--outside")
    assert checked.returncode == 2 and checked.stdout.count("not a file") == 4
    pipelines = [{"name": "plain", "recognizer": {"name": "level", "batch": 4}}]
    errors = run(config(tiny_corpus, pipelines=pipelines, metrics=["wer"], outside=True),
                 tmp_path / "run").outputs().groupby("utterance_id")["error"]
    for number, kind in enumerate(["pipe", "socket", "device", "folder"]):
        assert all(f"NotAFile: …/{number}.wav: is a {kind}, not a file" == error
                   for error in errors.get_group(f"u{number}"))
    assert errors.get_group("u4").isna().all()


def test_odd_rates_cost_their_utterances_and_what_is_read_can_be_kept(
        tiny_corpus: Path, tmp_path: Path) -> None:
    audio = tiny_corpus.parent / "audio"
    for number, rate in enumerate([1, 1_000_003, 384_000, 1_000, 44_101]):
        data = bytearray((audio / f"{number}.wav").read_bytes())
        struct.pack_into("<I", data, 24, rate)
        (audio / f"{number}.wav").write_bytes(data)
    rows = [{"id": f"u{n}", "audio": f"audio/{n}.wav", "text": "one two", "speaker": f"s{n % 3}"}
            for n in range(6)]
    write_manifest(tiny_corpus, rows)
    soundfile.write(audio / "5.wav", tone(300, 1.0), 16_000, "GSM610")
    done = run(config(tiny_corpus, keep_audio=True, metrics=["wer"], pipelines=[
        {"name": "plain", "recognizer": "level"}]), tmp_path / "run")
    errors = done.outputs().query("condition == 'hum'").set_index("utterance_id")["error"]
    assert errors["u0"].startswith("OutOfBounds") and errors["u1"].startswith("OutOfBounds")
    kept = sorted(path.name for path in (tmp_path / "run" / "audio").rglob("*.flac"))
    assert len(kept) == int(errors.isna().sum()) >= 4
