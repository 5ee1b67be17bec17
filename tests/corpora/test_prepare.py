"""Corpora in other layouts become manifests; nothing is left out without being named."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile

from evalkit.core.errors import ConfigError, ManifestError, PluginError
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.types import Utterance
from evalkit.corpora.prepare import Prepared, prepare
from evalkit.corpora.readers.base import gender
from evalkit.corpora.validate import validate
from evalkit.store.manifest import read_manifest


def files(folder: Path, **texts: str) -> None:
    for name, text in texts.items():
        path = folder / name.replace("__", "/").replace("_dot_", ".")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")


def recording(path: Path, seconds: float = 1.0) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.zeros(round(8000 * seconds)), 8000)


def dropped(prepared: Prepared) -> dict[tuple[str, str], tuple[str, ...]]:
    """The names that were left out by kind and file."""
    names: dict[tuple[str, str], tuple[str, ...]] = {}
    for item in prepared.left_out:
        key = (item.what, Path(item.where).name)
        names[key] = names.get(key, ()) + item.names
    return names


def utterances(prepared: Prepared) -> dict[str, Utterance]:
    manifest = read_manifest(prepared.manifest, outside=True)
    assert not manifest.problems
    return {u.id: u for u in manifest.utterances}


def test_nemo(tmp_path: Path) -> None:
    """A line is an utterance; two of one recording have its offset in their ids; what cannot be
    used is named."""
    lines = [
        '{"audio_filepath": "a/one.wav", "text": "one", "duration": 1.0, "speaker": 7, '
        '"gender": "F", "age": 31, "pred_text": "won", "pred_text_large": "wan"}',
        '{"audio_filepath": "two.wav", "text": "two", "offset": 0.0, "duration": 0.5}',
        '{"audio_filepath": "two.wav", "text": "too", "offset": 0.5, "duration": 0.5, '
        '"lang": "en", "words": [["too", 0.1]], "noisy": true, "note": null}',
        '{"audio_filepath": "gone.wav", "text": "gone"}',
        '{"audio_filepath": "one.wav", "text": ["no", "text"]}',
        '{"audio_filepath": "one.wav", "text": "x", "duration": "long"}', "",
        '{"text": "where"}', "not an object",
        '{"audio_filepath": "two.wav", "text": "two again", "offset": 0.0}']
    files(tmp_path, in_dot_json="\n".join(lines))
    for name in ("a/one", "two"):
        recording(tmp_path / f"{name}.wav")
    prepared = prepare("nemo", tmp_path / "in.json", tmp_path / "manifests" / "m.jsonl")
    assert prepared.outside
    found = utterances(prepared)
    assert list(found) == ["one", "two-0", "two-0.5"]
    assert (found["one"].speaker, found["one"].text, found["one"].duration) == ("7", "one", 1.0)
    assert dict(found["one"].metadata) == {"gender": "female", "age": 31}
    assert (found["two-0.5"].offset, found["two-0.5"].duration) == (0.5, 0.5)
    assert dict(found["two-0.5"].metadata) == {"lang": "en", "noisy": True}
    assert found["one"].audio == tmp_path / "manifests" / "../a/one.wav"
    assert dropped(prepared) == {
        ("row", "in.json"): ("line 9", "line 5", "line 6", "line 8"),
        ("utterance", "in.json"): ("two-0",), ("recording", "in.json"): ("gone",),
        ("column", "in.json"): ("pred_text", "pred_text_large"), ("cell", "in.json"): ()}
    cells = next(item for item in prepared.left_out if item.what == "cell")
    assert (cells.n, cells.why) == (1, "words is neither text nor a number")


def test_librispeech(tmp_path: Path) -> None:
    source = tmp_path / "LibriSpeech" / "dev"
    files(source.parent,
          SPEAKERS_dot_TXT="; ID | SEX\n12 | F | dev | 8.1 | Ann\n7|M|dev|8|Bo\n\n9 F\n")
    files(source, **{"12__3__12-3_dot_trans_dot_txt": "12-3-0000 ONE TWO\n12-3-0001 GONE\n",
                     "7__1__7-1_dot_trans_dot_txt": "7-1-0000 THREE\n"})
    for name in ("12/3/12-3-0000", "12/3/12-3-0009", "7/1/7-1-0000"):
        recording(source / f"{name}.flac")
    prepared = prepare("librispeech", source, tmp_path / "m.jsonl")
    assert prepared.left_out == (
        LeftOut("row", "SPEAKERS.TXT", "has one cell, and no gender", names=("9 F",)),
        LeftOut("recording", str(source), "no such file", names=("12-3-0001",)))
    assert (prepared.utterances, prepared.speakers, prepared.outside) == (3, 2, False)
    found = utterances(prepared)
    assert found["12-3-0000"] == Utterance(
        "12-3-0000", tmp_path / "LibriSpeech/dev/12/3/12-3-0000.flac", "12", "ONE TWO",
        metadata={"gender": "female", "chapter": "3"})
    assert found["12-3-0009"].text is None
    assert found["7-1-0000"].metadata["gender"] == "male"
    assert not validate(prepared.manifest).problems


def test_kaldi_without_segments(tmp_path: Path) -> None:
    recording(tmp_path / "wav" / "a.wav")
    files(tmp_path, wav_dot_scp="a wav/a.wav\nb touch pwned |\nc wav/gone.wav\n",
          text="a HELLO THERE\n", utt2spk="a s1\nb s1\n", spk2gender="s1 f\n", spk2age="s1 41\n")
    prepared = prepare("kaldi", tmp_path, tmp_path / "m.jsonl")
    assert set(prepared.left_out) == {
        LeftOut("utterance", str(tmp_path / "wav.scp"), "its entry is a command, which is not run",
                names=("b",)),
        LeftOut("recording", str(tmp_path), "no such file", names=("c",))}
    assert utterances(prepared) == {"a": Utterance(
        "a", tmp_path / "wav/a.wav", "s1", "HELLO THERE",
        metadata={"gender": "female", "age": "41"})}
    assert not list(tmp_path.glob("pwned*"))


def test_kaldi_segments(tmp_path: Path) -> None:
    recording(tmp_path / "r.wav", 5)
    files(tmp_path, wav_dot_scp="r r.wav\n", text="u1 ONE\nu2\n", utt2spk="u1 s\nu2 s\n",
          segments="u1 r 0.5 1.75\nu2 r 2 3\nu3 x 0 1\nu4 r 3 2\nu5 r one two\nu6 r 1\n"
                   "u7 r nan 2\nu8\n")
    prepared = prepare("kaldi", tmp_path, tmp_path / "m.jsonl")
    assert sorted(name for item in prepared.left_out for name in item.names) == [
        "u3", "u4", "u5", "u6", "u7", "u8"]
    found = utterances(prepared)
    assert (found["u1"].offset, found["u1"].duration) == (0.5, 1.25)
    assert found["u2"].text == ""


def test_kaldi_names_every_key_that_cannot_be_used(tmp_path: Path) -> None:
    for name in ("r", "x", "y", "z"):
        recording(tmp_path / f"{name}.wav", 5)
    files(tmp_path, wav_dot_scp="r r.wav\nx x.wav\nx y.wav\nz z.wav\n",
          text="u1 ONE\nu2 TWO\nu3 THREE\nu3 DREI\nu4 FOUR\nu5 FIVE\nu5 FIVE\nu7 G\ngone GONE\n",
          utt2spk="u1 s\nu2 s\nu4 s\nu4 t\nu5 t\nu6 t\nu7 t\nlost t\n",
          segments="u1 r 0.0 2.0 0\nu2 r 0.0 2.0 1\nu3 r 0 1\nu4 r 0 1\nu5 r 1 -1\nu6 x 0 1\n"
                   "u7 r 0 1\nu7 r 1 2\nu8 r 0 1 A x\n",
          spk2gender="s f\ns m\nt f\n", spk2age="s 41\nt 20\nt 30\n")
    prepared = prepare("kaldi", tmp_path, tmp_path / "m.jsonl")
    found = utterances(prepared)
    assert set(found) == {"u1", "u5"}
    assert (found["u5"].offset, found["u5"].duration) == (1.0, None)
    assert found["u1"].metadata == {"gender": None, "age": "41"}
    assert found["u5"].metadata == {"gender": "female", "age": None}
    assert dropped(prepared) == {
        ("utterance", "segments"): ("u2", "u7", "u8"), ("utterance", "text"): ("u3", "gone"),
        ("utterance", "utt2spk"): ("u4", "lost"), ("utterance", "wav.scp"): ("u6",),
        ("recording", "wav.scp"): ("z",), ("cell", "spk2gender"): ("s",),
        ("cell", "spk2age"): ("t",)}
    assert "another channel" in next(item.why for item in prepared.left_out if "u2" in item.names)


def test_librispeech_names_an_utterance_of_several_texts(tmp_path: Path) -> None:
    files(tmp_path / "1" / "2", **{"1-2_dot_trans_dot_txt": "1-2-0 ONE\n1-2-0 TWO\n"})
    files(tmp_path / "1" / "3", **{"1-3_dot_trans_dot_txt": "1-2-0 THREE\n"})
    recording(tmp_path / "1" / "2" / "1-2-0.flac")
    prepared = prepare("librispeech", tmp_path, tmp_path / "m.jsonl")
    assert utterances(prepared)["1-2-0"].text == "ONE"
    assert dropped(prepared) == {("cell", "1-2.trans.txt"): ("1-2-0",),
                                 ("cell", "1-3.trans.txt"): ("1-2-0",)}


HEADER = "client_id\tpath\tsentence\tage\tgender\taccents\tlocale\n"


def test_common_voice(tmp_path: Path) -> None:
    recording(tmp_path / "clips" / "c1.wav")
    recording(tmp_path / "clips" / "c2.wav")
    files(tmp_path, validated_dot_tsv=HEADER + '\n'.join([
        'p1\tc1.wav\tHe said "no\ttwenties\tfemale_feminine\tScottish English\ten',
        "p2\tc2.wav\tFine\t\t\t\ten", "p3\tgone.wav\tGone\t\t\t\ten", "p4\t\tNo clip\t\t\t\ten"]))
    prepared = prepare("common_voice", tmp_path, tmp_path / "m.jsonl")
    assert set(prepared.left_out) == {
        LeftOut("recording", str(tmp_path), "no such file", names=("gone",)),
        LeftOut("row", str(tmp_path / "validated.tsv"), "names no clip", names=("No clip",))}
    found = utterances(prepared)
    assert found["c1"].text == 'He said "no'
    assert found["c1"].speaker == "p1"
    assert found["c1"].metadata == {"gender": "female", "age": "twenties", "variant": None,
                                    "accent": "Scottish English", "locale": "en"}
    assert found["c2"].metadata["gender"] is None


@pytest.mark.parametrize(("suffix", "separator"), [("csv", ","), ("tsv", "\t")])
def test_table(tmp_path: Path, suffix: str, separator: str) -> None:
    rows = [["idx", "said", "who", "duration", "postcode", "north", "note"],
            ["1", "hello", "s1", "1.9759863945578235", "01234", "51.5", "x"],
            ["2", "", "", "", "12345", "-3", ""], ["1", "again", "s1", "", "1", "0", ""],
            ["3", "bad", "s2", "soon", "1", "0", ""], ["", "no id", "s2", "", "1", "", ""]]
    path = tmp_path / f"t.{suffix}"
    path.write_text("\r\n".join(separator.join(row) for row in rows), encoding="utf-8-sig")
    prepared = prepare("table", path, tmp_path / "m.jsonl",
                       {"id": "idx", "text": "said", "speaker": "who"})
    assert prepared.left_out == (
        LeftOut("utterance", str(path), "its id was used before", names=("1",)),
        LeftOut("row", str(path), "a time is not a number of seconds from 0 up", names=("3",)),
        LeftOut("row", str(path), "has no id", names=("row 5",)))
    found = utterances(prepared)
    assert found["1"] == Utterance("1", None, "s1", "hello", duration=1.9759863945578235, metadata={
        "postcode": "01234", "north": 51.5, "note": "x"})
    assert found["2"] == Utterance("2", metadata={"postcode": "12345", "north": -3, "note": None})


def test_rows_that_do_not_fit_are_left_out_by_name(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text('id,text,speaker,gender\nu1,"yes, off",s1,f\n'
                    "u2,yes, please turn it off,s2,m\nu3,no\n\nu4,,s2,m\n")
    prepared = prepare("table", path, tmp_path / "m.jsonl")
    assert {u.id: (u.text, u.speaker) for u in utterances(prepared).values()} == {
        "u1": ("yes, off", "s1"), "u4": (None, "s2")}
    assert prepared.left_out == (LeftOut(
        "row", str(path), "has more or fewer cells than there are columns", 2,
        ("row 2", "row 3")),)


def test_a_tsv_has_no_quoting(tmp_path: Path) -> None:
    path = tmp_path / "t.tsv"
    path.write_text('id\ttext\nu1\t"He said\nu2\tno" again\nu3\t"all"\nu4\ta\tb\n')
    prepared = prepare("table", path, tmp_path / "m.jsonl")
    assert {u.id: u.text for u in utterances(prepared).values()} == {
        "u1": '"He said', "u2": 'no" again', "u3": '"all"'}
    assert dropped(prepared) == {("row", "t.tsv"): ("row 4",)}


def test_columns_that_take_no_part_are_named(tmp_path: Path) -> None:
    path = tmp_path / "t.csv"
    path.write_text("id,text,,said\nu1,typed,7,heard\n")
    prepared = prepare("table", path, tmp_path / "m.jsonl", {"text": "said"})
    assert utterances(prepared)["u1"] == Utterance("u1", text="heard")
    assert [(item.what, item.names, item.why) for item in prepared.left_out] == [
        ("column", (), "has no name"),
        ("column", ("text",), "the text of an utterance is in the column 'said'")]


@pytest.mark.parametrize(("text", "message"), [
    ("id,text,text\nu1,a,b\n", "2 columns are called 'text'"),
    ("id,,\nu1,a,b\n", "2 columns are called ''"),
    ('id,text\nu1,"open\nu2,b\nu3,c\n', r"t\.csv: not a table: .* line 4"),
    ('id,text\nu1,"a" b\n', r"t\.csv: not a table: .* line 2"),
    ("id,audio\nu1,a.wav\nu2,b.wav\n", r"none of its 2 recordings is there, such as .*a\.wav")])
def test_tables_that_cannot_be_read_are_refused(tmp_path: Path, text: str, message: str) -> None:
    (tmp_path / "t.csv").write_text(text)
    with pytest.raises(ManifestError, match=message):
        prepare("table", tmp_path / "t.csv", tmp_path / "m.jsonl")


@pytest.mark.parametrize(("kind", "options", "error", "message"), [
    ("tabel", {}, PluginError, "did you mean 'table'"),
    ("librispeech", {"subset": "dev"}, ConfigError, "subset"),
    ("table", {"speech": "x"}, ConfigError, "'speech' is no field"),
    ("table", {"id": "key"}, ManifestError,
     "no column 'key' for id; its first line names the columns a, b; say --column id=NAME"),
    ("table", {}, ManifestError, "no column 'id' for id"),
    ("kaldi", {}, ManifestError, r"wav\.scp: cannot be read"),
    ("librispeech", {}, ManifestError, "holds nothing to use as librispeech")])
def test_mistakes_are_named(tmp_path: Path, kind: str, options: dict[str, Any],
                            error: type[Exception], message: str) -> None:
    files(tmp_path, t_dot_csv="a,b\n1,2\n")
    source = tmp_path / "t.csv" if kind == "table" else tmp_path
    with pytest.raises(error, match=message):
        prepare(kind, source, tmp_path / "m.jsonl", options)
    assert not (tmp_path / "m.jsonl").exists()


def test_a_file_that_is_not_text_is_named(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_bytes(b"id,text\n1,\xff\n")
    with pytest.raises(ManifestError, match=r"t\.csv: not UTF-8"):
        prepare("table", tmp_path / "t.csv", tmp_path / "m.jsonl")


def test_audio_elsewhere_is_pointed_at_not_copied(tmp_path: Path) -> None:
    recording(tmp_path / "corpus" / "a.wav")
    files(tmp_path / "corpus", wav_dot_scp="a a.wav\n")
    prepared = prepare("kaldi", tmp_path / "corpus", tmp_path / "out" / "m.jsonl")
    assert prepared.outside
    assert "outside: true" in prepared.describe()
    assert len(validate(prepared.manifest).problems) == 1
    assert not validate(prepared.manifest, outside=True).problems
    assert list((tmp_path / "out").iterdir()) == [prepared.manifest]


def test_what_was_left_out_is_counted() -> None:
    gone = LeftOut("recording", "corpus", "no such file")
    left_out = tuple(merged(replace(gone, names=(f"u{n}",)) for n in range(8)))
    lines = Prepared(Path("m.jsonl"), 2, 1, left_out, outside=False).describe().splitlines()
    assert lines == ["m.jsonl: 2 utterances of 1 speaker",
                     "corpus: 8 recordings left out: no such file "
                     "(u0, u1, u2, u3, u4, …)"]


@pytest.mark.parametrize(("given", "canonical"), [
    ("F", "female"), ("female_feminine", "female"), (" male ", "male"), ("other", "other"),
    ("", None), (None, None)])
def test_gender_is_spelled_one_way(given: str | None, canonical: str | None) -> None:
    assert gender(given) == canonical


@pytest.mark.real
@pytest.mark.parametrize(("kind", "folder", "counts"), [
    ("librispeech", "librispeech_test-other", (100, 10)), ("kaldi", "speechocean762", (1500, 125)),
    ("common_voice", "common_voice/ca", (100, 68))])
def test_real_corpora(real_data: Path, tmp_path: Path, kind: str, folder: str,
                      counts: tuple[int, int]) -> None:
    prepared = prepare(kind, real_data / folder, tmp_path / "m.jsonl")
    assert (prepared.utterances, prepared.speakers, prepared.left_out) == (*counts, ())
    assert all(u.text for u in utterances(prepared).values())
    genders = {u.metadata["gender"] for u in utterances(prepared).values()}
    assert {"female", "male"} <= genders <= {"female", "male", "other", None}
    assert not validate(prepared.manifest, outside=True).problems


@pytest.mark.real
def test_a_real_table_of_results(real_data: Path, tmp_path: Path) -> None:
    path = sorted((real_data / "asr_results" / "afrispeech_dev").glob("*.csv"))[0]
    prepared = prepare("table", path, tmp_path / "m.jsonl",
                       {"id": "idx", "text": "reference", "speaker": "user_ids"})
    assert (prepared.utterances, prepared.left_out) == (2872, ())
