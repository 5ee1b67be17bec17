"""Manifests are untrusted: a bad line is named and costs only itself."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.core.errors import ManifestError
from evalkit.core.types import Utterance
from evalkit.store.manifest import read_manifest, write_manifest
from evalkit.store.manifest_rows import FIELDS


def written(folder: Path, *lines: str | bytes | dict[str, Any]) -> Path:
    path = folder / "m.jsonl"
    path.write_bytes(b"\n".join(
        line if isinstance(line, bytes) else
        (line if isinstance(line, str) else json.dumps(line)).encode() for line in lines))
    return path


def test_reads_fields_and_metadata(tmp_path: Path) -> None:
    path = written(tmp_path, {
        "id": "u1", "audio": "audio/u1.flac", "reference_audio": "clean/u1.flac", "text": "hello",
        "speaker": "s1", "offset": 1, "duration": 2.5, "accent": "Scottish", "age": 40,
        "remote": True, "note": None})
    manifest = read_manifest(path)
    assert manifest.problems == ()
    assert manifest.lines == (1,)
    assert manifest.utterances == (Utterance(
        "u1", tmp_path / "audio/u1.flac", "s1", "hello", tmp_path / "clean/u1.flac", 1.0, 2.5,
        {"accent": "Scottish", "age": 40, "remote": True, "note": None}),)


def test_only_an_id_is_needed_and_numbers_name_too(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, {"id": 7, "speaker": 3, "text": ""}))
    assert manifest.utterances == (Utterance("7", speaker="3", text=""),)


NESTED = '{"id": "u", "x": ' + "[" * 100_000 + "]" * 100_000 + "}"


@pytest.mark.parametrize(("line", "field", "message"), [
    ("{", "line", "is not JSON"),
    ("[1]", "line", "not a JSON object"),
    ('"text"', "line", "not a JSON object"),
    (b'{"id": "\xff"}', "line", "is not JSON: not UTF-8 at byte 9"),
    (NESTED, "line", "is not JSON"),
    ('{"id": ' + "9" * 10_000 + "}", "line", "is not JSON"),
    ("{}", "id", "is missing"),
    ({"id": ""}, "id", "is missing"),
    ({"id": None}, "id", "is missing"),
    ({"id": ["u"]}, "id", "must be text, not list"),
    ({"id": True}, "id", "must be text, not bool"),
    ({"id": 1.5}, "id", "must be text, not float"),
    ('{"id": "u", "text": "\\ud83d"}', "text", "surrogate"),
    ('{"id": "\\udc00"}', "id", "surrogate"),
    ('{"id": "u", "accent": "\\ud83d"}', "accent", "surrogate"),
    ('{"id": "u", "\\ud83d": 1}', "line", "surrogate"),
    ({"id": "u", "text": {"en": "hi"}}, "text", "must be text, not dict"),
    ('{"id": "u", "offset": NaN}', "offset", "finite"),
    ('{"id": "u", "duration": Infinity}', "duration", "finite"),
    ('{"id": "u", "duration": 1' + "0" * 400 + "}", "duration", "finite"),
    ({"id": "u", "offset": -0.1}, "offset", "from 0"),
    ({"id": "u", "duration": "2.5"}, "duration", "number of seconds"),
    ({"id": "u", "duration": True}, "duration", "number of seconds"),
    ('{"id": "u", "age": NaN}', "age", "finite"),
    ('{"id": "u", "age": 1e999}', "age", "finite"),
    ('{"id": "u", "age": 1' + "0" * 400 + "}", "age", "64 bits"),
    ({"id": "u", "tags": ["a", 1]}, "tags", "must be text, a number, a truth value or a list of "
     "texts, not list"),
    ('{"id": "u", "tags": ["\\ud83d"]}', "tags", "surrogate"),
    ({"id": "u", "audio": "../x.wav"}, "audio", "leaves the corpus folder"),
    ({"id": "u", "audio": "a/../../x.wav"}, "audio", "leaves the corpus folder"),
    ({"id": "u", "audio": "/etc/passwd"}, "audio", "leaves the corpus folder"),
    ({"id": "u", "reference_audio": "link/x.wav"}, "reference_audio", "leaves the corpus folder"),
    ({"id": "u", "audio": "."}, "audio", "leaves the corpus folder"),
    ('{"id": "u", "audio": "a\\u0000.wav"}', "audio", "NUL"),
    ({"id": "u", "audio": 3.5}, "audio", "must be text"),
])
def test_a_bad_line_is_named_and_costs_only_itself(tmp_path: Path, line: Any, field: str,
                                                   message: str) -> None:
    (tmp_path / "link").symlink_to(tmp_path.parent)
    manifest = read_manifest(written(tmp_path, {"id": "a"}, "", line, {"id": "b"}))
    assert [u.id for u in manifest.utterances] == ["a", "b"]
    assert manifest.lines == (1, 4)
    problem, = manifest.problems
    assert (problem.line, problem.field) == (3, field)
    assert message in problem.message
    assert len(problem.message) <= 300


def test_a_second_use_of_an_id_names_the_first(tmp_path: Path) -> None:
    manifest = read_manifest(written(tmp_path, {"id": "a", "text": "one"}, {"id": "b"},
                                     {"id": "a", "text": "two"}))
    assert [u.text for u in manifest.utterances] == ["one", None]
    assert "used on line 1" in manifest.problems[0].message


def test_audio_may_lie_outside_where_allowed(tmp_path: Path) -> None:
    path = written(tmp_path, {"id": "u", "audio": "../x.wav"}, {"id": "v", "audio": "/x.wav"})
    manifest = read_manifest(path, outside=True)
    assert [u.audio for u in manifest.utterances] == [tmp_path / "../x.wav", Path("/x.wav")]


def test_a_link_within_the_folder_is_fine(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert not read_manifest(written(tmp_path, {"id": "u", "audio": "link/x.wav"})).problems


def test_a_corpus_may_be_reached_through_a_link(tmp_path: Path) -> None:
    (tmp_path / "real").mkdir()
    written(tmp_path / "real", {"id": "u", "audio": "x.wav"})
    (tmp_path / "link").symlink_to(tmp_path / "real")
    assert not read_manifest(tmp_path / "link" / "m.jsonl").problems


def test_a_byte_order_mark_is_no_problem(tmp_path: Path) -> None:
    path = written(tmp_path, b"\xef\xbb\xbf" + b'{"id": "u"}')
    assert [u.id for u in read_manifest(path).utterances] == ["u"]


@pytest.mark.parametrize("name", ["missing.jsonl", "."])
def test_a_file_that_cannot_be_read_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(ManifestError, match="cannot read the manifest"):
        read_manifest(tmp_path / name)


def test_first_problems_are_shown_and_the_rest_counted(tmp_path: Path) -> None:
    path = written(tmp_path, *[{"id": "u", "offset": -1}] * 6, *[{}] * 2)
    lines = read_manifest(path).describe_problems().splitlines()
    assert lines[0] == f"{path}:1: offset: must be a finite number of seconds from 0, not -1"
    assert len(lines) == 6
    assert lines[5] == "and 3 more (2 in id, 1 in offset)"


def test_writing_replaces_the_whole_file_or_nothing(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "m.jsonl"
    write_manifest(path, [{"id": "a"}])

    def fails() -> Any:
        yield {"id": "b"}
        raise RuntimeError
    with pytest.raises(RuntimeError):
        write_manifest(path, fails())
    assert path.read_text() == '{"id": "a"}\n'
    assert list(path.parent.iterdir()) == [path]


WORDS = st.text(st.characters(exclude_categories=["Cs"]), max_size=10)
NAMES = st.from_regex(r"[a-z0-9]{1,8}(/[a-z0-9]{1,8})?\.wav", fullmatch=True)
SECONDS = st.floats(0.001, 1e6)
INT64 = st.integers(-2**63, 2**63 - 1)
ROWS = st.lists(st.fixed_dictionaries(
    {"id": WORDS.filter(bool)},
    optional={"audio": NAMES, "reference_audio": NAMES, "text": WORDS,
              "speaker": WORDS.filter(bool), "offset": SECONDS, "duration": SECONDS,
              "accent": WORDS, "age": INT64, "north": st.floats(allow_nan=False,
              allow_infinity=False), "remote": st.booleans(), "note": st.none()}),
    unique_by=lambda row: row["id"], max_size=8)


@given(rows=ROWS)
@settings(max_examples=100, deadline=None)
def test_what_is_written_is_read(rows: list[dict[str, Any]], tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("law")
    write_manifest(folder / "m.jsonl", rows)
    manifest = read_manifest(folder / "m.jsonl")
    assert manifest.problems == ()
    assert manifest.lines == tuple(range(1, len(rows) + 1))
    for row, utterance in zip(rows, manifest.utterances, strict=True):
        paths = {field: folder / row[field] if field in row else None
                 for field in ("audio", "reference_audio")}
        assert utterance == Utterance(
            row["id"], paths["audio"], row.get("speaker"), row.get("text"),
            paths["reference_audio"], row.get("offset", 0.0), row.get("duration"),
            {key: value for key, value in row.items() if key not in FIELDS})


@given(line=st.binary(max_size=60) | st.text(max_size=60).map(lambda t: json.dumps(
    {"id": t, "audio": t, "offset": t}).encode()))
@settings(max_examples=150, deadline=None)
def test_any_line_is_read_or_named(line: bytes, tmp_path_factory: Any) -> None:
    folder = tmp_path_factory.mktemp("any")
    (folder / "m.jsonl").write_bytes(line)
    manifest = read_manifest(folder / "m.jsonl")
    for problem in manifest.problems:
        assert problem.message.isprintable()
    for utterance in manifest.utterances:
        utterance.id.encode()
