"""``eval.yaml`` names a reader: what that finds is the corpus of the run."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evalkit.core.config import parse_config
from evalkit.core.corpus import CorpusConfig
from evalkit.core.errors import ConfigError, ManifestError, PluginError
from evalkit.core.types import Utterance
from evalkit.corpora import gathering
from evalkit.corpora.gathering import gathered
from evalkit.corpora.prepare import prepare
from evalkit.run.rescore import rescore
from evalkit.run.runner import run
from evalkit.store.manifest import read_manifest
from evalkit.store.runfolder import RunFolder
from tests.conftest import evalkit, tone

PIPELINES = [{"name": "plain", "recognizer": "level"}]


@pytest.fixture
def kaldi(tmp_path: Path) -> Path:
    """A Kaldi directory of six recordings, of which one is gone and one lies elsewhere."""
    folder = tmp_path / "data"
    folder.mkdir()
    names = [f"u{n}" for n in range(6)]
    for name in names[:4]:
        soundfile.write(folder / f"{name}.wav", tone(1.0, seed=int(name[1])), 16_000)
    soundfile.write(tmp_path / "u4.wav", tone(1.0, seed=4), 16_000)
    (folder / "wav.scp").write_text("".join(
        f"{name} {'../u4' if name == 'u4' else name}.wav\n" for name in names))
    (folder / "text").write_text("".join(f"{name} word number {name}\n" for name in names))
    (folder / "utt2spk").write_text("".join(f"{name} s{int(name[1]) % 2}\n" for name in names))
    (folder / "spk2gender").write_text("s0 f\ns1 m\n")
    return folder


def go(folder: Path, out: str, corpus: Any, **changes: Any) -> RunFolder:
    tree = {"corpus": corpus, "pipelines": PIPELINES, "metrics": ["wer"]} | changes
    return run(parse_config(tree, folder / "eval.yaml"), folder / out)


@pytest.mark.usefixtures("outside")
def test_a_reader_gives_what_preparing_first_gives(kaldi: Path) -> None:
    folder = kaldi.parent
    spec = {"reader": "kaldi", "path": "data"}
    direct = go(folder, "direct", spec)
    prepare("kaldi", kaldi, folder / "data" / "m.jsonl")
    prepared = go(folder, "prepared", "data/m.jsonl")
    for table in ("scores", "utterances"):
        left, right = (getattr(each, table)() for each in (direct, prepared))
        assert len(left) and left.to_dict("list") == right.to_dict("list")
    record = direct.record()
    assert (record.corpus.name, record.corpus.utterances) == ("data", 4)
    assert record.config.corpus == CorpusConfig(reader="kaldi", path=kaldi)
    assert record.corpus.digest == prepared.record().corpus.digest
    found = {(item.what, item.names): item.why for item in record.left_out}
    assert found["recording", ("u5",)] == "no such file"
    assert "leaves the corpus folder; allow it with --outside" in found["recording", ("u4",)]
    assert record.corpus.unusable == 2


@pytest.mark.usefixtures("outside")
def test_the_manifest_is_kept_and_the_run_scored_anew(kaldi: Path) -> None:
    folder = kaldi.parent
    first = go(folder, "r", {"reader": "kaldi", "path": str(kaldi)}, outside=True)
    kept = read_manifest(folder / "r" / "manifest.jsonl", outside=True)
    assert [u.id for u in kept.utterances] == ["u0", "u1", "u2", "u3", "u4"]
    assert all(u.audio and u.audio.is_file() for u in kept.utterances)
    assert kept.utterances[1].metadata["gender"] == "male"
    before = first.scores()
    again = rescore(folder / "r", normaliser="none")
    assert len(again.scores()) == len(before)
    assert again.record().left_out == first.record().left_out


@pytest.mark.usefixtures("outside")
def test_options_of_a_reader_that_are_paths_are_taken_from_the_configuration(
        tmp_path: Path) -> None:
    soundfile.write(tmp_path / "a.wav", tone(1.0), 16_000)
    (tmp_path / "lines.txt").write_text("a.wav;s1;50;two words\n")
    (tmp_path / "towns").write_text("s1 Ulm\n")
    spec = {"reader": "lines", "path": "lines.txt", "separator": ";", "places": "towns"}
    config = parse_config({"corpus": spec, "pipelines": PIPELINES, "metrics": ["wer"]},
                          tmp_path / "eval.yaml")
    assert config.corpus.options == {"separator": ";", "places": str(tmp_path / "towns")}
    assert gathered(config.corpus).utterances[0].metadata["town"] == "Ulm"


@pytest.mark.usefixtures("outside")
@pytest.mark.parametrize(("spec", "error", "words"), [
    ({"reader": "kaldy", "path": "data"}, PluginError, "did you mean 'kaldi'"),
    ({"reader": "kaldi", "pth": "data"}, ConfigError, "corpus.path: is missing; is 'pth' meant"),
    ({"raeder": "kaldi", "path": "data"}, ConfigError, "did you mean 'reader'"),
    ({"reader": "kaldi", "path": "data", "subset": "x"}, ConfigError, "subset"),
    ({"reader": "lines", "path": "data/text", "separator": [1]}, ConfigError,
     "separator: must be text, not a list"),
    ({"reader": "kaldi", "path": "nowhere"}, ManifestError, r"wav\.scp: cannot be read")])
def test_mistakes_are_named_in_one_line(kaldi: Path, spec: dict[str, str],
                                        error: type[Exception], words: str) -> None:
    with pytest.raises(error, match=words) as caught:
        go(kaldi.parent, "r", spec)
    assert "\n" not in str(caught.value)
    assert not (kaldi.parent / "r").exists()


def test_what_a_reader_gives_is_checked_as_a_manifest_is(
        tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    audio = tmp_path / "a.wav"
    soundfile.write(audio, np.zeros(8000), 8000)
    hostile = [Utterance("fine", audio, text="x"), Utterance("nan", audio, duration=float("nan")),
               Utterance("half", audio, text="\ud800"), Utterance("", audio),
               Utterance("long", audio, text="x" * 1_000_001),
               Utterance("nested", audio, metadata={"a": {"b": 1}}),
               Utterance("key", audio, metadata={"\udfffk": 1}), Utterance("\ud800", audio),
               Utterance("field", audio, metadata={"text": "x"}),
               Utterance("way", tmp_path / ("x" * 5000)), Utterance("nul", tmp_path / "a\0b"),
               Utterance("out", audio, reference_audio=Path("/etc/hostname"))]
    monkeypatch.setattr(gathering, "reader", lambda *_: lambda source: hostile)
    read = gathered(CorpusConfig(reader="kaldi", path=tmp_path))
    assert [u.id for u in read.utterances] == ["fine"]
    assert {name for item in read.dropped for name in item.names} == {
        u.id for u in hostile} - {"fine", "\ud800"} | {"?"}
    assert read.unusable == len(hostile) - 1


def test_the_command_line_names_a_reader(kaldi: Path) -> None:
    tree = {"corpus": {"reader": "kaldi", "path": "data"}, "metrics": ["wer"], "pipelines": [
        {"name": "a", "recognizer": {"name": "precomputed", "path": "data/text"}}]}
    (kaldi.parent / "eval.yaml").write_text(json.dumps(tree))
    done = evalkit("run", "eval.yaml", "--out", "r", "--max-failed", "0.5", cwd=kaldi.parent)
    assert done.returncode == 0, done.stderr
    assert "data: 1 recording left out: no such file (u5)" in done.stdout + done.stderr
    strict = evalkit("run", "eval.yaml", "--out", "r", cwd=kaldi.parent)
    assert strict.returncode == 2 and "2 of 6 rows of the corpus are left out" in strict.stderr
