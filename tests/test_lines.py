"""Lines that people did not understand as they were, and what is like them: through the command
line, one line that says what is wrong and what to do."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from xml.etree import ElementTree

import numpy as np
import pytest

from evalkit.core.text import p_is, p_value
from evalkit.store.manifest import write_manifest
from evalkit.systems.precomputed import Embeddings
from tests.conftest import evalkit
from tests.test_mistakes import EVAL, one_line

ABSENT = "put the audio where the corpus has it"


@pytest.fixture(scope="module")
def desk(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A corpus and two versions of a system."""
    tmp_path = tmp_path_factory.mktemp("desk")
    write_manifest(tmp_path / "m.jsonl", [
        {"id": f"u{i}", "text": "turn on the light", "speaker": f"s{i % 8}",
         "accent": ("north", "south")[i % 2]} for i in range(16)])
    for name, word in (("v1", "on"), ("v2", "off")):
        (tmp_path / "h.tsv").write_text("".join(f"u{i}\tturn {word} the light\n"
                                                for i in range(16)))
        done = evalkit("score", "-m", "m.jsonl", "-y", "h.tsv", "-o", name, "--metric", "wer",
                       cwd=tmp_path)
        assert done.returncode == 0, done.stderr
    return tmp_path


# A corpus whose audio is not there is one all the same

def librispeech(folder: Path, n: int) -> Path:
    chapter = folder / "1" / "2"
    chapter.mkdir(parents=True)
    (chapter / "1-2.trans.txt").write_text("".join(f"1-2-{i:04} HI\n" for i in range(n)))
    return folder


def kaldi(folder: Path, n: int) -> Path:
    folder.mkdir()
    for name, value in (("wav.scp", "a.wav"), ("text", "hi")):
        (folder / name).write_text("".join(f"u{i} {value}\n" for i in range(n)))
    return folder


def common_voice(folder: Path, n: int) -> Path:
    folder.with_suffix(".tsv").write_text(
        "client_id\tpath\tsentence\n" + "".join(f"x\ta{i}.mp3\thi\n" for i in range(n)))
    return folder.with_suffix(".tsv")


def nemo(folder: Path, n: int) -> Path:
    folder.with_suffix(".jsonl").write_text("".join(
        json.dumps({"audio_filepath": f"a{i}.wav", "text": "hi", "duration": 1}) + "\n"
        for i in range(n)))
    return folder.with_suffix(".jsonl")


def table(folder: Path, n: int) -> Path:
    folder.with_suffix(".csv").write_text(
        "id,audio\n" + "".join(f"u{i},a.wav\n" for i in range(n)))
    return folder.with_suffix(".csv")


@pytest.mark.parametrize("n", [1, 3])
@pytest.mark.parametrize("make", [table, librispeech, kaldi, common_voice, nemo],
                         ids=lambda make: make.__name__)
def test_audio_that_is_not_there_is_said_to_be_so(
        tmp_path: Path, make: Callable[[Path, int], Path], n: int) -> None:
    source = make(tmp_path / "c", n)
    result = evalkit("corpus", "prepare", make.__name__, source.name, "-o", "k.jsonl",
                     cwd=tmp_path)
    said = one_line(result, make)
    assert ABSENT in said and "holds nothing" not in said
    assert ("none of its 3 recordings is there, such as " if n == 3 else
            "its only recording, ") in said


# Files for what comes next, whatever ends a comparison

@pytest.mark.parametrize("words", [
    "v1 gone", "gone v2", "v1 v2 --by acent", "v1 v2 --map h=x", "v1 v2 --map h",
    "v1 v2 --gates no.yaml", "v1 v2 --gates m.jsonl", "m.jsonl v2",
    "v1 v2 --gates !", "v1 v2 --by !", "v1 !", "v1", "v1 v2 --nonsense", "v1 v2 --seed x",
    "v1 v2 --seed 1 --seed 2", "v1 v2 v1"])
def test_files_are_written_whatever_ends_a_comparison(desk: Path, words: str) -> None:
    """! is a variable of the shell that is not set."""
    given = ["" if word == "!" else word for word in words.split()]
    for name in ("j.xml", "s.md", "c.json"):
        (desk / name).unlink(missing_ok=True)
    result = evalkit("compare", *given, "--junit", "j.xml", "--markdown", "s.md",
                     "--json", "c.json", "--github", cwd=desk)
    why = one_line(result, words).removeprefix("error: ")
    problem, = json.loads((desk / "c.json").read_text())["problems"]
    assert problem in why
    error = ElementTree.parse(desk / "j.xml").getroot().find(".//error")
    assert error is not None and error.get("message")
    assert "incomplete" in (desk / "s.md").read_text()
    assert result.stdout.startswith("::error title=evalkit%3A incomplete::")


def test_help_writes_no_files(desk: Path) -> None:
    result = evalkit("compare", "v1", "v2", "--junit", "help.xml", "--help", cwd=desk)
    assert result.returncode == 0 and not (desk / "help.xml").exists()


@pytest.mark.parametrize("target", ["v1/run.json", "v2/scores.parquet"])
def test_no_part_of_a_run_is_written_over_by_a_comparison_that_fails(
        desk: Path, target: str) -> None:
    before = {path: path.read_bytes() for path in sorted(desk.rglob("*")) if path.is_file()}
    one_line(evalkit("compare", "v1", "", "--json", target, "--nonsense", cwd=desk), target)
    assert {path: path.read_bytes() for path in sorted(desk.rglob("*")) if path.is_file()} == before


# What nothing can be measured with is said before anything is heard

@pytest.mark.parametrize(("pipelines", "metrics", "remedy"), [
    ("{name: a, enhancer: rnnoise}", "wer", "wer needs a recognizer"),
    ("{name: a, enhancer: rnnoise}", "cer", "cer needs a recognizer"),
    ("{name: a, enhancer: rnnoise}", "eer", "eer"),
    ("{name: a, recognizer: {name: precomputed, path: h.tsv}}", "eer", "eer"),
    ("{name: a}", "wer", "wer needs a recognizer"),
    ("{name: a, enhancer: rnnoise}, {name: b, enhancer: spectral_gating}", "wer",
     "wer needs a recognizer")])
def test_what_no_pipeline_can_be_measured_by_is_said_before_the_run(
        desk: Path, pipelines: str, metrics: str, remedy: str) -> None:
    (desk / "e.yaml").write_text(
        f"corpus: m.jsonl\nmetrics: [{metrics}]\npipelines: [{pipelines}]\n")
    result = evalkit("run", "e.yaml", "-o", "x", "-j", "0", cwd=desk)
    assert remedy in one_line(result, pipelines)
    assert "utterances, " not in result.stderr and not (desk / "x").exists()


# p-values

@pytest.mark.parametrize(("value", "alone", "in_words"), [
    (0.0, "< 0.0001", "p < 0.0001"), (0.00005, "< 0.0001", "p < 0.0001"),
    (0.0000999, "< 0.0001", "p < 0.0001"), (1e-300, "< 0.0001", "p < 0.0001"),
    (0.0001, "0.0001", "p = 0.0001"), (9.9990001e-05, "< 0.0001", "p < 0.0001"),
    (0.04998, "< 0.0500", "p < 0.0500"), (0.04994, "0.0499", "p = 0.0499"),
    (0.05, "0.0500", "p = 0.0500"), (1.0, "1.0000", "p = 1.0000"), (float("nan"), "–", "p = –")])
def test_no_p_value_is_nought(value: float, alone: str, in_words: str) -> None:
    assert (p_value(value), p_is(value)) == (alone, in_words)


def test_no_command_prints_a_p_value_of_nought(tmp_path: Path) -> None:
    write_manifest(tmp_path / "m.jsonl", [
        {"id": f"u{i}", "text": "turn on the light", "speaker": f"s{i}",
         "accent": ("north", "south")[i % 2]} for i in range(160)])
    for name, wrong in (("a", 3), ("b", 200)):
        (tmp_path / name).write_text("".join(
            f"u{i} turn {'off' if i % wrong == 1 else 'on'} the light\n" for i in range(160)))
    said = ""
    for words in (("score", "-m", "m.jsonl", "-y", "a", "-y", "b", "-o", "r", "--metric", "wer"),
                  ("groups", "r", "--by", "accent"), ("systems", "r")):
        result = evalkit(*words, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        said += result.stdout + result.stderr
    assert "< 0.0001" in said and " 0.0000" not in said


# Where audio may lie, in words that the command at hand has

@pytest.mark.parametrize("words", ["run e.yaml -o x -j 0", "corpus validate o.jsonl",
                                   "score -m o.jsonl -y h.tsv -o y --max-failed 1"])
def test_a_path_outside_is_allowed_as_the_line_says(desk: Path, words: str) -> None:
    (desk / "o.jsonl").write_text('{"id": "u1", "text": "turn on", "audio": "../a.wav"}\n')
    (desk / "e.yaml").write_text(EVAL.replace("m.jsonl", "o.jsonl"))
    refused = evalkit(*words.split(), cwd=desk)
    assert "leaves the corpus folder; allow it with --outside" in refused.stdout + refused.stderr
    allowed = evalkit(*words.split(), "--outside", cwd=desk)
    assert "No such option" not in allowed.stderr
    assert "leaves the corpus folder" not in allowed.stdout + allowed.stderr


# Ids of embeddings

@pytest.mark.parametrize(("ids", "name"), [
    (np.array([b"u1", b"u22"]), "u22"), (np.array(["u1", "\u00e9"]).astype("U"), "\u00e9"),
    (np.array(["\u00e9".encode(), b"u"]), "\u00e9"), (np.array([7, 8]), "8"),
    (np.array([b"a\xc3\xbc", b"b"], "S9"), "a\u00fc"), (np.array(["7", "007"]), "007")])
def test_ids_of_embeddings_are_those_of_the_manifest(tmp_path: Path, ids: np.ndarray, name: str
                                                     ) -> None:
    from evalkit.core.types import Utterance

    np.savez(tmp_path / "e.npz", ids=ids, embeddings=np.eye(2))
    assert Embeddings(tmp_path / "e.npz").recall(Utterance(name)).sum() == 1


# Speakers, and audio, of which nothing is known

@pytest.mark.parametrize("speakers", [0, 1, 16])
def test_speakers_are_counted_where_there_are_some(tmp_path: Path, speakers: int) -> None:
    write_manifest(tmp_path / "m.jsonl", [
        {"id": f"u{i}", "text": "turn on"} | ({"speaker": f"s{i % speakers}"} if speakers else {})
        for i in range(16)])
    (tmp_path / "h").write_text("".join(f"u{i} turn on\n" for i in range(16)))
    said = ""
    for words in (("corpus", "validate", "m.jsonl"),
                  ("score", "-m", "m.jsonl", "-y", "h", "-o", "r"), ("report", "r", "-o", "p")):
        result = evalkit(*words, cwd=tmp_path)
        assert result.returncode == 0, result.stderr
        said += result.stdout + result.stderr
    page = (tmp_path / "p" / "index.html").read_text()
    assert " 0 speakers" not in said + page and "0.00 h of audio" not in said + page
    assert {0: "of speakers unknown", 1: "of 1 speaker,", 16: "of 16 speakers,"}[speakers] in said
    assert ("from resampling speakers" in page) == (speakers > 0)
