"""STM and SegLST of strangers: what is read, and one line for what cannot be."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import meeteval
import pytest

from evalkit.core.errors import ManifestError
from evalkit.metrics.meetings.counting import Rules, of_files
from evalkit.metrics.meetings.reading import read_segments
from evalkit.metrics.normalisers import normaliser

ROW = {"session_id": "s", "speaker": "a", "words": "turn on", "start_time": 0, "end_time": 1.5}


def read(tmp_path: Path, text: str, name: str = "f.stm") -> Any:
    (tmp_path / name).write_text(text, encoding="utf-8")
    return read_segments(tmp_path / name)


def test_stm(tmp_path: Path) -> None:
    found = read(tmp_path, ";; a comment\ns1 1 ann 2.5 4.0 <o,f0,female> the light\n"
                 "s1 A bob 0.0 2 turn on\ns2 1 ann 0 1\n"
                 "s1 1 inter 5 6 IGNORE_TIME_SEGMENT_IN_SCORING\n")
    assert [(each.speaker, each.text, each.start, each.end)
            for each in found.by_session()["s1"]] == [
                ("bob", "turn on", 0.0, 2.0), ("ann", "the light", 2.5, 4.0)]
    assert found.by_session()["s2"][0].text == ""
    assert [str(each).partition(": ")[2] for each in found.left_out] == [
        "1 row left out: is not to be scored (ignore_time_segment_in_scoring); what was heard "
        "there counts all the same (line 5)"]


@pytest.mark.parametrize("shape", [json.dumps, lambda rows: json.dumps(rows, indent=2),
                                   lambda rows: "\n".join(map(json.dumps, rows))])
def test_seglst(tmp_path: Path, shape: Any) -> None:
    rows = [ROW | {"start_time": "3.5", "end_time": 4, "accent": "welsh"}, ROW | {"speaker": 7}]
    found = read(tmp_path, shape(rows), "f.json").by_session()["s"]
    assert [(each.speaker, each.start, dict(each.metadata)) for each in found] == [
        ("7", 0.0, {}), ("a", 3.5, {"accent": "welsh"})]


def test_nothing_heard_is_an_empty_list(tmp_path: Path) -> None:
    assert read(tmp_path, "[]\n", "f.json").segments == ()
    with pytest.raises(ManifestError, match="holds no segment"):
        read(tmp_path, ";; nothing\n")


@pytest.mark.parametrize(("text", "said"), [
    ("s1 1 a 0 1 hi\ns1 1 a 2 1 hi\n", "f:2: ends at 1, before it starts at 2 (read as stm)"),
    ("s1 1 a 0 1 hi\n\ns1 1 a x 1 hi\n", "f:3: 'x' is no time in seconds"),
    ("s1 1 a nan 1 hi\n", "f:1: 'nan' is no time in seconds"),
    ("s1 1 a 1_0 11 hi\n", "f:1: '1_0' is no time in seconds"),
    ("s1 1 a 1 1e308 hi\n", "f:1: '1e308' is no time in seconds"),
    ("hello\n", "f:1: expected recording, channel, speaker, start, end and text"),
    ("s1 1 a 0 1 { hi / hey }\n", "f:1: alternatives such as '{ hi / hey }' are not read here"),
    ("[1]", "f: segment 1 of the list: is no JSON object"),
    (json.dumps([ROW, {**ROW, "words": None}]),
     "f: segment 2 of the list: 'words' must be text, not None"),
    (json.dumps({k: v for k, v in ROW.items() if k != "words"}), "f:1: has no 'words'"),
    (json.dumps(ROW | {"speaker": " "}), "f:1: 'speaker' is empty"),
    (json.dumps(ROW | {"speaker": True}), "'speaker' must be text, not True"),
    (json.dumps(ROW | {"end_time": None}), "has one of start_time and end_time"),
    (json.dumps(ROW | {"start_time": 2}), "ends at 1.5, before it starts at 2"),
    (json.dumps(ROW | {"start_time": -1}), "'start_time' must be seconds from 0 on, not -1"),
    (json.dumps(ROW) + '\n{"session_id": "s", "speaker": "b", "words": ""}',
     "f:2: some segments have times and some have none"),
    ('[{"words": \n oops}]', "f:2: is not JSON: Expecting value"),
    (json.dumps(ROW)[:-1] + ', "words": "off"}', "f:1: has the key 'words' twice"),
    (f"[{json.dumps(ROW)[:-1]}, \"words\": \"off\"}}]", "f: has the key 'words' twice"),
    ("\n", "f: holds no segment"),
    ("[" * 100_000, "is not JSON: nested too deep"),
    (f'[{"1" * 5000}]', "a number of too many digits"),
    ('{"session_id": "s", "speaker": "a", "words": "\\ud800"}', "half a character"),
    ("PK\x03\x04\0", "is a zip archive, such as .npz or .xlsx, and segments are text in UTF-8; "
                      "give them as one of STM, SegLST (JSON)")])
def test_a_bad_row_is_named_in_one_line(tmp_path: Path, text: str, said: str) -> None:
    with pytest.raises(ManifestError) as error:
        read(tmp_path, text, "f")
    message = str(error.value).replace(f"{tmp_path}/", "")
    assert said in message and "\n" not in message


def test_a_file_that_is_not_there_is_none_that_was_removed(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match=r"f\.stm: there is no such file; give one of STM"):
        read_segments(tmp_path / "f.stm")


def test_another_format_is_refused_by_its_name(tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="ctm does not say who speaks when"):
        read(tmp_path, "s 1 0 1 hi\n", "f.ctm")


def test_files_have_the_errors_that_meeteval_finds_in_them(tmp_path: Path) -> None:
    """Segments out of order, speakers that talk at once, and names in another order."""
    (tmp_path / "ref.stm").write_text(
        "s1 1 ann 4.0 6.0 and in the kitchen\ns1 1 ann 0.0 2.0 turn on the light\n"
        "s1 1 bob 1.5 3.0 play some music\ns2 1 ann 0.0 1.0 stop\ns2 1 cid 0.5 2.0 good night\n")
    heard = [ROW | {"session_id": session, "speaker": speaker, "start_time": start,
                    "end_time": start + 1, "words": words} for session, speaker, start, words in [
        ("s2", "1", 0.4, "good night"), ("s2", "0", 0, "stop it"), ("s1", "0", 1.6, "play music"),
        ("s1", "1", 3.9, "and the kitchen"), ("s1", "1", 0, "turn the light"),
        ("s1", "2", 6, "hm")]]
    (tmp_path / "hyp.json").write_text(json.dumps(heard))
    (tmp_path / "hyp.stm").write_text("".join(
        "{session_id} 1 {speaker} {start_time} {end_time} {words}\n".format(**each)
        for each in heard))
    counts, = of_files(read_segments(tmp_path / "ref.stm"),
                       {"a": read_segments(tmp_path / "hyp.json")}, Rules(normaliser("none")))[0]
    files = tmp_path / "ref.stm", tmp_path / "hyp.stm"
    cp = meeteval.wer.combine_error_rates(meeteval.wer.cpwer(*files))
    orc = meeteval.wer.combine_error_rates(meeteval.wer.orcwer(*files))
    own = counts.speakers[["substitutions", "deletions", "insertions"]].to_numpy().sum()
    assert own + counts.unmatched["words"].sum() == cp.errors == 5
    assert counts.sessions["words"].sum() == cp.length == 14
    assert counts.sessions["orc_errors"].sum() == orc.errors
