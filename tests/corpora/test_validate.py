"""Checking a corpus: every line and every recording, the first offenders by name."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import soundfile

from evalkit.core.errors import ManifestError
from evalkit.corpora.validate import validate
from evalkit.store.manifest import write_manifest


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    for name, seconds in (("one.wav", 1.0), ("two.flac", 2.0), ("empty.wav", 0.0)):
        soundfile.write(tmp_path / name, np.zeros(round(8000 * seconds)), 8000)
    (tmp_path / "text.wav").write_text("no audio")
    (tmp_path / "folder.wav").mkdir()
    return tmp_path / "m.jsonl"


def test_a_good_corpus_has_no_problems(tiny_corpus: Path) -> None:
    report = validate(tiny_corpus / "test.jsonl")
    assert report.problems == ()
    lines = report.describe().splitlines()
    seconds = sum(u.duration or 0 for u in report.manifest.utterances)
    assert report.hours == pytest.approx(seconds / 3600)
    assert lines[0].endswith(f"test.jsonl: 8 utterances of 4 speakers, {seconds / 3600:.2f} h")
    assert lines[-1] == "problems: 0"


@pytest.mark.parametrize(("row", "field", "message"), [
    ({"audio": "gone.wav"}, "audio", "does not exist"),
    ({"audio": "folder.wav"}, "audio", "is a folder"),
    ({"audio": "text.wav"}, "audio", "cannot be read as audio"),
    ({"audio": "empty.wav"}, "audio", "holds no samples"),
    ({"audio": "one.wav", "offset": 1.0}, "audio", "lasts 1.000 s, offset is 1 s"),
    ({"audio": "one.wav", "duration": 1.1}, "audio", "end at 1.100 s"),
    ({"audio": "two.flac", "offset": 1.5, "duration": 1.0}, "audio", "end at 2.500 s"),
    ({"audio": "one.wav", "duration": 0}, "audio", "duration of 0 s"),
    ({"audio": "one.wav", "reference_audio": "gone.wav"}, "reference_audio", "does not exist"),
    ({"audio": "../one.wav"}, "audio", "leaves the corpus folder"),
    ({"text": ["a"]}, "text", "must be text")])
def test_a_problem_names_its_line_and_field(corpus: Path, row: dict[str, object], field: str,
                                            message: str) -> None:
    write_manifest(corpus, [{"id": "a", "audio": "one.wav"}, {"id": "b", **row},
                            {"id": "c", "audio": "two.flac", "offset": 0.5, "duration": 1.5}])
    report = validate(corpus)
    problem, = report.problems
    assert (problem.line, problem.field) == (2, field)
    assert message in problem.message
    assert report.hours == pytest.approx(2.5 / 3600)
    assert f"{corpus}:2: {field}: " in report.describe()


def test_problems_come_in_order_of_lines_and_the_rest_is_counted(corpus: Path) -> None:
    write_manifest(corpus, [{"id": f"u{n}", "audio": "gone.wav"} if n % 2 else {"id": ""}
                            for n in range(14)])
    report = validate(corpus)
    assert [problem.line for problem in report.problems] == list(range(1, 15))
    assert report.describe().splitlines()[-1] == "and 9 more (5 in audio, 4 in id)"


def test_the_summary_counts_what_is_missing(corpus: Path) -> None:
    write_manifest(corpus, [{"id": "a", "text": "", "speaker": "s", "accent": "x"},
                            {"id": "b", "audio": "one.wav", "age": 3}])
    assert validate(corpus).describe().splitlines()[1:3] == [
        "without text: 1, without speaker: 1, without audio: 1", "metadata: accent, age"]


def test_outside_is_allowed_where_asked(corpus: Path) -> None:
    inner = corpus.parent / "inner" / "m.jsonl"
    write_manifest(inner, [{"id": "a", "audio": "../one.wav"}])
    assert len(validate(inner).problems) == 1
    assert not validate(inner, outside=True).problems


def test_a_missing_manifest_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"gone\.jsonl: cannot read"):
        validate(tmp_path / "gone.jsonl")
