"""When words were said: by CTM, TextGrid and forced alignment, and how wrong that is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

import evalkit
from evalkit import terminal
from evalkit.audio import save
from evalkit.core.errors import ManifestError, UtteranceError
from evalkit.core.types import Audio
from evalkit.corpora.prepare import Prepared
from evalkit.corpora.timing.aligner import P90_ERROR, Aligner
from evalkit.corpora.timing.pronouncing import pronunciation
from evalkit.corpora.timing.textgrid import parsed, words_in
from evalkit.corpora.timing.timed import aligned, joined
from evalkit.store.manifest import read_manifest, write_manifest

LONG = '''File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 2.3
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "ann - words"
        xmin = 0
        xmax = 2.3
        intervals: size = 4
        intervals [1]:
            xmin = 0
            xmax = 0.5
            text = ""
        intervals [2]:
            xmin = 0.5
            xmax = 0.7
            text = "turn"   ! a comment with "quotes
        intervals [3]:
            xmin = 0.7
            xmax = 1.25
            text = " on ""it"" "
        intervals [4]:
            xmin = 1.25
            xmax = 2.3
            text = "sil"
    item [2]:
        class = "TextTier"
        name = "bells"
        xmin = 0
        xmax = 2.3
        points: size = 1
        points [1]:
            number = 1.5
            mark = "ding"
    item [3]:
        class = "IntervalTier"
        name = "phones"
        xmin = 0
        xmax = 2.3
        intervals: size = 0
'''
"""As Praat's manual shows it."""
SHORT = ('File type = "ooTextFile short"\n"TextGrid"\n\n0\n2.3\n<exists>\n3\n"IntervalTier"\n'
         '"ann - words"\n0\n2.3\n4\n0\n0.5\n""\n0.5\n0.7\n"turn"\n0.7\n1.25\n" on ""it"" "\n1.25\n'
         '2.3\n"sil"\n"TextTier"\n"bells"\n0\n2.3\n1\n1.5\n"ding"\n"IntervalTier"\n"phones"\n0\n'
         '2.3\n0\n')


def line(name: str, text: str | None = "turn on", **more: Any) -> dict[str, Any]:
    return {"id": name, "text": text, **more}


def manifest(folder: Path, *rows: Mapping[str, Any]) -> Path:
    write_manifest(folder / "m.jsonl", rows)
    return folder / "m.jsonl"


def times(path: Path) -> dict[str, list[tuple[str, float | None, float | None]]]:
    return {each.id: [(word.text, word.start, word.end) for word in each.words]
            for each in read_manifest(path, outside=True).utterances}


def left_out(prepared: Prepared) -> dict[str, str]:
    return {name: item.why for item in prepared.left_out for name in item.names}


@pytest.mark.parametrize("data", [LONG.encode(), LONG.encode("utf-16"), SHORT.encode("utf-8-sig"),
                                  SHORT.replace("\n", "\r\n").encode("utf-16")])
def test_both_forms_and_encodings_of_a_textgrid_are_one(data: bytes, tmp_path: Path) -> None:
    path = tmp_path / "u1.TextGrid"
    path.write_bytes(data)
    assert [(word.text, word.start, word.end) for word in words_in(path)] == [
        ("turn", 0.5, 0.7), ('on "it"', 0.7, 1.25)]
    assert words_in(path, "phones") == ()
    with pytest.raises(ValueError, match=r"no tiers of intervals called 'bells' \(there: 'ann - "):
        words_in(path, "bells")


@given(cut=st.integers(0, len(SHORT) - 3))
def test_a_textgrid_that_is_cut_off_is_never_read_as_a_whole(cut: int) -> None:
    with pytest.raises(ValueError, match=r"is no|has|ends"):
        parsed(SHORT[:cut])


def test_files_of_word_times_are_joined_by_id_and_by_recording(tmp_path: Path) -> None:
    source = manifest(
        tmp_path, line("u1", "Turn on the light.", duration=2.0, note=["a", "b"]),
        line("s1", audio="talk.wav", offset=1.0, duration=1.0),
        line("s2", "the light", audio="talk.wav", offset=2.0),
        line("other", "turn of"), line("none"), line("late", duration=0.5), line("two"))
    (tmp_path / "t.ctm").write_text(
        ";; a comment\nu1 1 0.8 0.4 light\nu1 1 0.0 0.2 turn 0.9\nu1 1 0.2 0.1 on\n"
        "u1 1 0.3 0.3 the\nu1 1 0.7 0.1 <eps>\ntalk A 1.1 0.2 turn\ntalk A 1.3 0.5 on\n"
        "talk A 1.9 0.3 the\ntalk A 2.2 0.25 light\nother 1 0 1 turn\nother 1 1 1 on\n"
        "late 1 0 0.3 turn\nlate 1 0.3 0.9 on\ntwo 1 0 1 turn\ntwo 2 0 1 on\nu1 1 x 1 on\n"
        "gone 1 0 1 turn\n")
    found = joined(source, tmp_path / "t.ctm", tmp_path / "out" / ".." / "timed.jsonl")
    assert times(tmp_path / "timed.jsonl") == {
        "u1": [("turn", 0.0, 0.2), ("on", 0.2, 0.3), ("the", 0.3, 0.6), ("light", 0.8, 1.2)],
        "s1": [("turn", 0.1, 0.3), ("on", 0.3, 0.8)],
        "s2": [("the", 0.0, 0.2), ("light", 0.2, 0.45)],
        "other": [], "none": [], "late": [], "two": []}
    assert left_out(found) == {
        "other": "its text has other words than there",
        "none": "there are none of its id, nor of its recording's name",
        "late": "words end there after the utterance does",
        "two": "several channels of it have words",
        "line 17": "is not a recording, a channel, a start, a duration and a word",
        "gone": "no utterance of the manifest has this id, nor a recording of this name"}
    assert {each.metadata["words_source"] for each in read_manifest(
        tmp_path / "timed.jsonl", outside=True).utterances} == {"CTM t.ctm"}


def test_a_folder_of_textgrids_is_joined_and_what_cannot_be_read_is_named(tmp_path: Path) -> None:
    source = manifest(tmp_path, line("u1", "turn on it"), line("u2"), line("u3"), line("u4"),
                      line("u5", "turn on it"))
    for name, text in {"a/u1": LONG, "a/u2": SHORT[:-6], "a/u3": LONG, "b/u3": LONG,
                       "b/u4": LONG.replace("phones", "words"),
                       "a/u5": LONG.replace("xmin = 0.5", "xmin = -1")}.items():
        path = tmp_path / "grids" / f"{name}.TextGrid"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    found = joined(source, tmp_path / "grids", tmp_path / "timed.jsonl")
    assert times(tmp_path / "timed.jsonl")["u1"] == [("turn", 0.5, 0.7), ('on "it"', 0.7, 1.25)]
    assert left_out(found) == {
        "u2": "the TextGrid ends too early", "u3": "several TextGrids have its name",
        "u4": "the TextGrid has 2 tiers of intervals called words (there: 'ann - words', 'words'); "
              "name one with --tier",
        "u5": "words there: item 0 is from -1.0 to 0.7 s, after a word from 0.0 s; times must "
              "not go backwards"}
    with pytest.raises(ManifestError, match="has the times of no utterance"):
        joined(source, tmp_path / "grids" / "b", tmp_path / "x.jsonl")
    for wrong, why in ((tmp_path / "m.jsonl", "is no CTM"), (tmp_path / "gone", "no such file")):
        with pytest.raises(ManifestError, match=why):
            joined(source, wrong, tmp_path / "x.jsonl")
    assert not (tmp_path / "x.jsonl").exists()


def test_words_outside_the_dictionary_are_said_as_espeak_says_them() -> None:
    """Where the CMU dictionary has the word, most of its phonemes are those."""
    decoder = Aligner().decoder
    for word in ("lamp", "kitchen", "thirty", "choice", "measure", "singing", "author", "yellow"):
        theirs = decoder.lookup_word(word).split()
        ours = pronunciation(word).split()
        assert len(ours) == len(theirs)
        assert sum(a == b for a, b in zip(ours, theirs, strict=True)) >= len(theirs) - 1
    assert pronunciation("25") == "T W EH N T IY F AY V"
    with pytest.raises(UtteranceError, match="NoPronunciation"):
        pronunciation("…")


def truth(corpus: Path) -> Iterator[tuple[str, float]]:
    for each in read_manifest(corpus / "test.jsonl").utterances:
        for word in each.words:
            yield f"{each.id} {word.text.split()[-1]}", 1000 * (word.end or 0)


def test_alignment_is_as_right_as_it_says(tiny_corpus: Path, tmp_path: Path) -> None:
    """Half of the ends of words are within 30 ms of the synthesizer's truth, what cannot be aligned
    is in the ledger, and everything is the same the second time."""
    rows = [json.loads(text) for text in (tiny_corpus / "test.jsonl").read_text().splitlines()]
    for row in rows:
        row["audio"] = str(tiny_corpus / row["audio"])
        row["text"] = row["text"].title() + "!"
    save(tmp_path / "noise.wav", Audio(np.random.default_rng(0).normal(0, 0.1, 8000).astype("f4"),
                                       16_000))
    wrong = [line("mute", "…", audio="noise.wav"), line("text"),
             line("short", "turn on " * 30, audio="noise.wav"), line("gone", audio="gone.wav")]
    source = manifest(tmp_path, *wrong, *rows)
    found = aligned(source, tmp_path / "timed.jsonl", outside=True)
    reasons = left_out(found)
    assert reasons.keys() == {row["id"] for row in wrong}
    assert reasons["mute"] == "its text has no words"
    assert reasons["short"] == "its text does not fit the recording from beginning to end"
    assert reasons["text"] == "has no recording"
    known = read_manifest(tmp_path / "timed.jsonl", outside=True).utterances
    ends = {f"{each.id} {word.text.lower().rstrip('!')}": 1000 * (word.end or 0)
            for each in known for word in each.words}
    off = np.array([abs(ends[key] - end) for key, end in truth(tiny_corpus)])
    assert np.median(off) <= 15 and np.quantile(off, 0.8) <= P90_ERROR
    again = aligned(manifest(tmp_path, *reversed(rows), *wrong), tmp_path / "again.jsonl",
                    outside=True)
    assert times(again.manifest) == times(found.manifest)


def test_a_run_says_who_timed_its_words(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = manifest(tmp_path, line("u1"), line("u2"))
    (tmp_path / "t.ctm").write_text("".join(
        f"u{n} 1 0.0 0.2 turn\nu{n} 1 0.2 0.3 on\n" for n in (1, 2)))
    (tmp_path / "log.jsonl").write_text("".join(json.dumps({"id": f"u{n}", "events": [
        {"audio": 0.6, "text": "turn on", "kind": "final"}]}) + "\n" for n in (1, 2)))
    joined(source, tmp_path / "t.ctm", tmp_path / "timed.jsonl")
    run = evalkit.score(tmp_path / "timed.jsonl", {"live": tmp_path / "log.jsonl"},
                        tmp_path / "run", metrics=["emission_latency"])
    [report] = evalkit.latencies(run.path)
    assert report.words_source == ["CTM t.ctm"]
    assert report.everybody.quantiles[0].value == 100
    terminal.print_latencies([report])
    assert "word times: CTM t.ctm" in capsys.readouterr().out
    evalkit.report(run.path, tmp_path / "page")
    assert "Word times: <" in (tmp_path / "page" / "index.html").read_text()
