"""`evalkit init`: what to begin with."""

from __future__ import annotations

import shlex
from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.core.config import read_config
from evalkit.core.errors import ConfigError
from evalkit.run.utterances import read_corpus
from evalkit.store.manifest import write_manifest
from tests.conftest import evalkit


def test_a_table_of_results_is_scored_by_the_command_that_is_printed(tmp_path: Path) -> None:
    (tmp_path / "my results.csv").write_text("utt,spk,ref,pred,model,sex\n" + "".join(
        f"u{i % 6},s{i % 3},a b,a,m{i // 6},{'fm'[i % 3 % 2]}\n" for i in range(12)))
    done = evalkit("init", "my results.csv", cwd=tmp_path)
    words = shlex.split(done.stdout)
    assert words[:3] == ["evalkit", "score", "my results.csv"]
    assert words[3:] == ["--id", "utt", "--ref", "ref", "--speaker", "spk", "--system", "model",
                         "--hyp", "pred", "--out", "runs/my results", "--report",
                         "reports/my results"]
    scored = evalkit(*words[1:-2], "--workers", "0", cwd=tmp_path)
    assert scored.returncode == 0, scored.stderr


def test_a_folder_of_recordings_gets_a_configuration_that_is_read(tmp_path: Path) -> None:
    for name in ("a/1.wav", "a/2.wav", "b/1.wav"):
        (tmp_path / "audio" / name).parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(tmp_path / "audio" / name, np.zeros(1600), 16_000)
    (tmp_path / "audio" / "a" / "2.txt").write_text("turn on\n")
    done = evalkit("init", "audio", cwd=tmp_path)
    assert done.returncode == 0 and done.stdout == "eval.yaml\n", done.stderr
    assert "3 utterances of 2 speakers" in (tmp_path / "eval.yaml").read_text()
    read = read_corpus(read_config(tmp_path / "eval.yaml"))
    assert [(u.id, u.speaker, u.text) for u in read.utterances] == [
        ("a/1", "a", None), ("a/2", "a", "turn on"), ("b/1", "b", None)]
    again = evalkit("init", "audio", cwd=tmp_path)
    assert again.returncode == 2 and "is there already" in again.stderr


STRANGE = {"notes.txt": b"buy milk\n", "twice.csv": b"id,text,hyp,hyp\nu,a,b,c\n", "none.csv": b"",
           "sound.csv": b"RIFF\0\0", "tables/a.csv": b"x", "tables/b.tsv": b"x",
           "results/r.jsonl": b'{"id": "u", "reference": "a", "hyp": "b"}\n', "empty/x.txt": b""}


@pytest.mark.parametrize(("name", "why"), [
    ("absent", "there is no such file"), ("empty", "holds no recording (.flac,"), ("notes.txt", ""),
    ("twice.csv", "that is known: 2 columns are called 'hyp'"), ("none.csv", "holds no row"),
    ("sound.csv", "is audio (RIFF, WAV); a table"), ("tables", "give one of them: a.csv, b.tsv"),
    ("results", "r.jsonl: none of its utterances has a recording or a text; if it is a table")])
def test_what_is_no_corpus_is_refused_in_a_line_that_says_why(
        tmp_path: Path, name: str, why: str) -> None:
    for path, content in STRANGE.items():
        (tmp_path / path).parent.mkdir(exist_ok=True)
        (tmp_path / path).write_bytes(content)
    done = evalkit("init", name, cwd=tmp_path)
    errors = [line for line in done.stderr.splitlines() if line.startswith("error: ")]
    assert done.returncode == 2 and len(errors) == 1 and not (tmp_path / "eval.yaml").exists()
    assert why in errors[0]


def test_what_is_written_and_printed_can_be_typed_and_says_what_was_not_taken(tmp_path: Path
                                                                              ) -> None:
    rows = [{"id": f"u{i}", "text": "a", "audio": f"{i}.wav"} for i in range(2)]
    soundfile.write(tmp_path / "0.wav", np.zeros(1600), 16_000)
    for name in ("a", "b"):
        write_manifest(tmp_path / f"{name}.jsonl", rows)
    done = evalkit("init", tmp_path, "--out", "-my eval.yaml", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    assert ("2 utterances, no speakers, 1 without a recording; a.jsonl is taken, and not b.jsonl\n"
            in done.stderr)
    assert "evalkit run './-my eval.yaml' --out" in done.stderr
    written = (tmp_path / "-my eval.yaml").read_text()
    assert "evalkit run './-my eval.yaml' --out" in written and "per_speaker" not in written
    (tmp_path / "-x.csv").write_text("id,text,hyp\nu,a,b\n")
    printed = evalkit("init", "./-x.csv", cwd=tmp_path).stdout
    assert printed.startswith("evalkit score ./-x.csv --id")


def test_a_configuration_joins_merges_and_selects(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [{"id": f"u{i}", "text": "a", "speaker": f"s{i}",
                                           "n": i} for i in range(4)])
    (tmp_path / "people.csv").write_text("speaker,accent\ns0,zulu\ns1,isizulu\ns2,xhosa\n")
    assert evalkit("init", "m.jsonl", cwd=tmp_path).returncode == 0
    assert "recognizer: {name: precomputed, path: YOUR_HYPOTHESES.jsonl}" in (
        tmp_path / "eval.yaml").read_text()
    (tmp_path / "YOUR_HYPOTHESES.jsonl").write_text('{"id": "u0", "hypothesis": "a"}\n')
    settings = [f"join=[{tmp_path / 'people.csv'}]", "merge=['accent: zulu=isizulu']",
                "where=[accent=isizulu, n<5]"]
    read = read_corpus(read_config(tmp_path / "eval.yaml", settings))
    assert [u.id for u in read.utterances] == ["u0", "u1"] and not read.unusable
    lost = {(item.what, item.n) for item in read.left_out}
    assert lost == {("speaker", 1), ("label", 1), ("utterance", 2)}
    with pytest.raises(ConfigError, match="did you mean 'accent'"):
        read_corpus(read_config(tmp_path / "eval.yaml", [*settings[:1], "where=[acent=x]"]))
