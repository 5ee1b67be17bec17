"""Every reader on a small corpus in its layout: what cannot be used is named, and costs no more."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import soundfile

from evalkit.core.corpus import CorpusConfig
from evalkit.core.errors import ConfigError, ManifestError
from evalkit.core.plugins import available
from evalkit.core.types import Utterance
from evalkit.corpora.gathering import gathered
from evalkit.corpora.prepare import prepare
from evalkit.metrics.verification import read_trial_list
from evalkit.recordings.reading import load
from evalkit.results.columns import Columns
from evalkit.results.unfold import unfold
from evalkit.store.manifest import Manifest


def sound(path: Path, seconds: float = 0.5) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.full(round(8000 * seconds), 0.1), 8000)
    return path


def read(kind: str, path: Path, **options: Any) -> Manifest:
    return gathered(CorpusConfig(reader=kind, path=path, options=options))


def by_id(manifest: Manifest) -> dict[str, Utterance]:
    return {u.id: u for u in manifest.utterances}


def reasons(manifest: Manifest) -> dict[tuple[str, str], str]:
    """Why they were left out, by kind and name."""
    return {(item.what, name): item.why for item in manifest.dropped for name in item.names}


def test_jsonl_as_hugging_face_has_it(tmp_path: Path) -> None:
    sound(tmp_path / "clips" / "a.wav")
    sound(tmp_path / "clips" / "b.wav")
    rows = [{"file_name": "clips/a.wav", "transcription": "one", "client_id": 7, "gender": "M"},
            {"file_name": "clips/b.wav", "transcription": "two", "tags": ["x"], "up": {"n": 1}},
            {"transcription": "no id"}, {"file_name": "clips/gone.wav"},
            {"file_name": "../out.wav", "transcription": "out"}]
    sound(tmp_path.parent / "out.wav")
    (tmp_path / "metadata.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n{]\n")
    found = read("jsonl", tmp_path / "metadata.jsonl")
    assert by_id(found)["a"] == Utterance("a", tmp_path / "clips/a.wav", "7", "one",
                                          metadata={"gender": "male"})
    assert set(by_id(found)) == {"a", "b"} and found.unusable == 4
    why = reasons(found)
    assert why["recording", "gone"] == "no such file"
    assert "leaves the corpus folder" in why["recording", "out"]
    assert "neither an id nor a recording" in why["row", "line 3"]
    assert ("row", "line 6") in why
    assert {item.why for item in found.dropped if item.what == "cell"} == {
        "tags is neither text nor a number", "up is neither text nor a number"}


def test_hostile_lines_of_jsonl_cost_no_more_than_themselves(tmp_path: Path) -> None:
    rows = [{"id": ["a"]}, {"id": "s", "speaker": {}}, {"id": "x", "offset": "nan"},
            {"id": "y" * 100_000, "audio": "gone.wav"}, {"id": "\ud800", "audio": "gone.wav"},
            {"id": "k", "\ud800": 1}, {"id": "nul", "audio": "a\0b"}, {"id": "fine", "text": "ok"}]
    (tmp_path / "m.jsonl").write_text("\n".join(
        [*map(json.dumps, rows), f'{{"id": "n", "x": {"9" * 5000}}}', "[" * 50_000, "7"]))
    found = read("jsonl", tmp_path / "m.jsonl")
    assert list(by_id(found)) == ["fine"]
    assert found.unusable == 10
    assert all(len(str(item)) < 500 and str(item).isprintable() for item in found.dropped)


@pytest.mark.parametrize(("text", "said"), [
    (["one", "two"], "{ one / two }"), (["one", "one", " "], "one"), ([], None), (None, None),
    (["one", None, 2], "{ one / 2 }"), ("one", "one"), (7, "7")])
def test_alternatives_of_jsonl_are_those_of_tables(tmp_path: Path, text: object, said: str | None
                                                   ) -> None:
    path = tmp_path / "m.jsonl"
    path.write_text(json.dumps({"id": "u1", "text": text}) + "\n")
    corpus = CorpusConfig(reader="jsonl", path=path)
    (utterance,) = gathered(corpus, alternatives=True).utterances
    (row,) = unfold({"m": path}, Columns(id="id", reference="text", alternatives=True),
                    hypotheses=False).utterances
    assert utterance.text == row.text == said


@pytest.mark.parametrize(("text", "why"), [
    ([["one"]], "its reference is no text"), ([{}], "its reference is no text"),
    (True, "its reference is no text"), ({"a": "b"}, "its reference is no text"),
    (["x" * 1_000_001], "its reference has more than 1,000,000 characters"),
    (["x" * 600_000, "y" * 600_000], "text: has more than 1,000,000 characters")])
def test_alternatives_that_cannot_be_used_are_named(tmp_path: Path, text: object, why: str) -> None:
    rows = [{"id": "u1", "text": text}, {"id": "u2", "text": "fine"}]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    found = gathered(CorpusConfig(reader="jsonl", path=tmp_path / "m.jsonl"), alternatives=True)
    assert list(by_id(found)) == ["u2"] and [item.why for item in found.dropped] == [why]


def test_a_list_of_texts_needs_alternatives(tmp_path: Path) -> None:
    rows = [{"id": "u1", "text": ["a", "b"]}, {"id": "u2", "text": "fine"}]
    (tmp_path / "m.jsonl").write_text("\n".join(map(json.dumps, rows)))
    pq.write_table(pa.table({"id": ["u1"], "text": [["a", "b"]]}), tmp_path / "m.parquet")
    found = read("jsonl", tmp_path / "m.jsonl")
    assert list(by_id(found)) == ["u2"]
    assert "say --alternatives (`alternatives: true`" in reasons(found)["row", "line 1"]
    prepare("jsonl", tmp_path / "m.jsonl", tmp_path / "out.jsonl", {"alternatives": "true"})
    assert '"{ a / b }"' in (tmp_path / "out.jsonl").read_text()
    table = gathered(CorpusConfig(reader="huggingface", path=tmp_path / "m.parquet"),
                     alternatives=True)
    assert by_id(table)["u1"].text == "{ a / b }"


def test_keys_of_jsonl_are_named(tmp_path: Path) -> None:
    sound(tmp_path / "a.wav")
    (tmp_path / "m.jsonl").write_text(json.dumps(
        {"wav": {"path": "a.wav", "bytes": None}, "said": "one", "text": "other", "key": "k1"}))
    found = read("jsonl", tmp_path / "m.jsonl", audio="wav", text="said", id="key")
    assert by_id(found)["k1"] == Utterance("k1", tmp_path / "a.wav", text="one")
    assert reasons(found) == {("column", "text"): "the text of an utterance is 'said'"}
    with pytest.raises(ManifestError, match=r"no 'sad' for text.*did you mean 'said'"):
        read("jsonl", tmp_path / "m.jsonl", text="sad")
    with pytest.raises(ConfigError, match="'txt' is no field of an utterance"):
        read("jsonl", tmp_path / "m.jsonl", txt="said")


def wave_bytes(tmp_path: Path) -> bytes:
    return sound(tmp_path / "made.wav").read_bytes()


def huggingface_rows(data: bytes) -> pa.Table:
    table = pa.table({
        "audio": [{"bytes": data, "path": "x/one.wav"}, {"bytes": data + b"\0", "path": "one.wav"},
                  {"bytes": None, "path": None}],
        "sentence": ["one", "two", "three"], "client_id": ["s", "t", None],
        "gender": [0, 1, 1], "probs": [[0.5], [0.1], None]})
    about = {"info": {"features": {"gender": {"_type": "ClassLabel", "names": ["F", "M"]}}}}
    return table.replace_schema_metadata({"huggingface": json.dumps(about)})


@pytest.mark.parametrize("form", ["parquet", "stream", "file"])
def test_huggingface(tmp_path: Path, form: str) -> None:
    table = huggingface_rows(wave_bytes(tmp_path))
    source = tmp_path / "set"
    if form == "parquet":
        (source / "data").mkdir(parents=True)
        pq.write_table(table, source / "data" / "test-00000-of-00001.parquet")
        pq.write_table(table[:1], source / "data" / "train-00000-of-00001.parquet")
    else:
        (source / "test").mkdir(parents=True)
        new = pa.ipc.new_stream if form == "stream" else pa.ipc.new_file
        for name in ("data-00000-of-00001.arrow", "cache-0.arrow"):
            with new(source / "test" / name, table.schema) as writer:
                writer.write_table(table)
    (tmp_path / "audio").mkdir()
    with pytest.raises(ManifestError, match="the reader's option audio"):
        read("huggingface", source, split="test")
    found = read("huggingface", source, split="test", audio=str(tmp_path / "audio"))
    one, two, row = found.utterances
    assert (one.id, two.id, row.id) == ("one", "one-2", "row")
    assert (one.text, one.speaker, dict(one.metadata)) == ("one", "s", {"gender": "female"})
    assert one.audio and load(one.audio).duration == 0.5 and row.audio is None
    assert len(list((tmp_path / "audio").iterdir())) == 2
    assert read("huggingface", source, split="test", audio=str(tmp_path / "audio")) == found
    if form == "parquet":
        with pytest.raises(ManifestError, match="several splits, test, train; name one"):
            read("huggingface", source)


def test_huggingface_refuses_what_is_no_table(tmp_path: Path) -> None:
    (tmp_path / "a.parquet").write_bytes(b"PAR1 is not enough")
    with pytest.raises(ManifestError, match=r"a\.parquet: is no table of its kind"):
        read("huggingface", tmp_path)


def test_voxceleb_and_its_trials(tmp_path: Path) -> None:
    for name in ("id1/v/1.wav", "id1/v/2.wav", "id2/w/1.wav", "id3/w/9.wav"):
        sound(tmp_path / "wav" / name)
    (tmp_path / "meta.csv").write_text("VoxCeleb1 ID\tVGGFace1 ID\tGender\tNationality\tSet\n"
                                       "id1\tA\tm\tIreland\ttest\nid2\tB\tf\tUSA\ttest\n")
    pairs = ["id1/v/1.wav id1/v/2.wav", "id1/v/1.wav id2/w/1.wav"]
    (tmp_path / "first.txt").write_text(f"1 {pairs[0]}\n0 {pairs[1]}\n")
    (tmp_path / "last.txt").write_text(f"{pairs[0]} target\n{pairs[1]} nontarget\n")
    for trials in ("first.txt", "last.txt"):
        found = by_id(read("voxceleb", tmp_path / "wav", trials=str(tmp_path / trials),
                           speakers=str(tmp_path / "meta.csv")))
        listed, _ = read_trial_list(tmp_path / trials)
        assert set(found) == {*listed["enroll_id"], *listed["test_id"]}
        assert found["id2/w/1.wav"].speaker == "id2"
        assert dict(found["id1/v/2.wav"].metadata) == {
            "gender": "male", "nationality": "Ireland", "video": "v"}
    assert set(by_id(read("voxceleb", tmp_path / "wav"))) == {
        "id1/v/1.wav", "id1/v/2.wav", "id2/w/1.wav", "id3/w/9.wav"}
    (tmp_path / "first.txt").write_text("1 ../../x.wav id1/v/1.wav\n")
    assert "no such file" in reasons(read("voxceleb", tmp_path / "wav", trials=str(
        tmp_path / "first.txt")))["recording", "../../x.wav"]


def test_voicebank_demand(tmp_path: Path) -> None:
    for name in ("p232_001", "p257_002"):
        sound(tmp_path / "clean_testset_wav" / f"{name}.wav")
        sound(tmp_path / "noisy_testset_wav" / f"{name}.wav")
    sound(tmp_path / "noisy_testset_wav" / "p257_009.wav")
    (tmp_path / "testset_txt").mkdir()
    (tmp_path / "testset_txt" / "p232_001.txt").write_text("Please call Stella.\n")
    (tmp_path / "log_testset.txt").write_text("p232_001 bus 17.5\np257_002 cafe\n")
    found = read("voicebank_demand", tmp_path)
    assert by_id(found)["p232_001"] == Utterance(
        "p232_001", tmp_path / "noisy_testset_wav/p232_001.wav", "p232", "Please call Stella.",
        tmp_path / "clean_testset_wav/p232_001.wav", metadata={"noise": "bus", "snr_db": 17.5})
    assert by_id(found)["p257_002"].text is None
    assert set(reasons(found)) == {("row", "line 2"), ("recording", "p257_009.wav")}


def test_clean_and_noisy_folders_of_the_dns_challenge(tmp_path: Path) -> None:
    sound(tmp_path / "noisy" / "clnsp1_train_69005_1_snr15_tl-21_fileid_158.wav")
    sound(tmp_path / "clean" / "clean_fileid_158.wav")
    sound(tmp_path / "clean" / "clean_fileid_1.wav")
    found = read("clean_noisy", tmp_path)
    (utterance,) = found.utterances
    assert utterance.reference_audio == tmp_path / "clean" / "clean_fileid_158.wav"
    assert dict(utterance.metadata) == {"snr_db": 15.0}
    assert set(reasons(found)) == {("recording", "clean_fileid_1.wav")}
    with pytest.raises(ManifestError, match="no folder 'nosy' in it; there are clean, noisy"):
        read("clean_noisy", tmp_path, noisy="nosy")


def test_speech_accent_archive(tmp_path: Path) -> None:
    for name in ("afrikaans1", "zulu9"):
        (tmp_path / "recordings").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "recordings" / f"{name}.mp3", np.zeros(16000), 16000)
    (tmp_path / "reading-passage.txt").write_text("Please call\nStella.\n")
    (tmp_path / "speakers_all.csv").write_text(
        "age,age_onset,birthplace,filename,native_language,sex,speakerid,country,file_missing?,,\n"
        '27,9,"virginia, south africa",afrikaans1,afrikaans,female,1,south africa,FALSE,,\n'
        "30,1,x,sinhala3,sinhala,male,2,sri lanka,TRUE,,\n")
    found = read("speech_accent_archive", tmp_path)
    assert by_id(found)["afrikaans1"] == Utterance(
        "afrikaans1", tmp_path / "recordings/afrikaans1.mp3", "1", "Please call Stella.", metadata={
            "gender": "female", "age": "27", "age_onset": "9", "native_language": "afrikaans",
            "birthplace": "virginia, south africa", "country": "south africa"})
    assert set(reasons(found)) == {("recording", "sinhala3.mp3"), ("recording", "zulu9")}


def test_spoken_digits(tmp_path: Path) -> None:
    sound(tmp_path / "a" / "data" / "01" / "7_01_3.wav")
    sound(tmp_path / "a" / "data" / "01" / "noise.wav")
    (tmp_path / "a" / "data" / "audioMNIST_meta.txt").write_text(json.dumps(
        {"01": {"accent": "German", "age": 30, "gender": "male", "native speaker": "no",
                "nested": {}}, "02": "x"}))
    found = read("audiomnist", tmp_path / "a")
    assert by_id(found)["7_01_3"] == Utterance(
        "7_01_3", tmp_path / "a/data/01/7_01_3.wav", "01", "seven",
        metadata={"accent": "German", "age": 30, "gender": "male", "native_speaker": "no"})
    assert set(reasons(found)) == {("speaker", "02"), ("recording", "noise.wav")}
    sound(tmp_path / "f" / "recordings" / "0_jackson_49.wav")
    sound(tmp_path / "f" / "recordings" / "zero.wav")
    found = read("fsdd", tmp_path / "f")
    assert by_id(found)["0_jackson_49"] == Utterance(
        "0_jackson_49", tmp_path / "f/recordings/0_jackson_49.wav", "jackson", "zero")
    assert set(reasons(found)) == {("recording", "zero.wav")}


def test_stm_and_ctm_with_their_recordings(tmp_path: Path) -> None:
    sound(tmp_path / "audio" / "talk.wav", 4)
    (tmp_path / "t.stm").write_text(
        ";; comment\ntalk 1 ann 0.0 1.5 <o,f0,female> turn on the light\n"
        "talk A bob 1.5 2.25 it is\ntalk 1 ann 2.25 3 ignore_time_segment_in_scoring\n"
        "talk B ann 3 4 x\ngone 1 ann 0 1 x\ntalk 1 ann 2 1 x\ntalk\n")
    found = read("stm", tmp_path / "t.stm", audio=str(tmp_path / "audio"))
    first, second = found.utterances
    assert (first.text, first.speaker, first.offset, first.duration, dict(first.metadata)) == (
        "turn on the light", "ann", 0.0, 1.5, {"gender": "female"})
    assert (second.id, second.offset, second.duration) == ("talk-0001500-0002250", 1.5, 0.75)
    assert {name for _, name in reasons(found)} == {f"line {n}" for n in range(4, 9)}
    (tmp_path / "audio" / "t.ctm").write_text(
        "talk 1 0.5 0.2 on 0.9\ntalk 1 0.0 0.2 turn\ntalk\ngone 1 0 1 x\n")
    found = read("ctm", tmp_path / "audio" / "t.ctm")
    assert [(u.id, u.text) for u in found.utterances] == [("talk", "turn on")]
    assert set(reasons(found)) == {("row", "line 3"), ("recording", "gone")}


def test_lhotse_cuts(tmp_path: Path) -> None:
    lhotse = pytest.importorskip("lhotse")
    audio = sound(tmp_path / "a.wav", 3)
    recording = lhotse.Recording.from_file(audio, recording_id="a")

    def said(name: str, start: float, duration: float) -> Any:
        return lhotse.SupervisionSegment(name, "a", start, duration, text=name, speaker="s",
                                         gender="F", custom={"snr": 3.0, "deep": {"x": 1}})
    whole = lhotse.MonoCut("c1", 0.5, 2.0, 0, recording=recording, supervisions=[said("u", 0, 1)])
    two = lhotse.MonoCut("c2", 0.5, 2.0, 0, recording=recording,
                         supervisions=[said("v", 0.25, 0.5), said("w", 1, 0.75)])
    over = lhotse.MonoCut("c3", 0.5, 2.0, 0, recording=recording,
                          supervisions=[said("x", -0.25, 1), said("y", 1, 5)])
    cuts = [whole, two, over, whole.pad(5).with_id("padded"),
            whole.perturb_speed(1.1).with_id("fast"), lhotse.MonoCut("bare", 0, 1, 0)]
    lines = [json.dumps(cut.to_dict()) for cut in cuts]
    evil = json.loads(lines[0]) | {"id": "evil"}
    evil["recording"]["sources"][0] |= {"type": "command", "source": f"touch {tmp_path}/pwned"}
    with gzip.open(tmp_path / "cuts.jsonl.gz", "wt") as file:
        file.write("\n".join([*lines, json.dumps(evil), "{}", "[", '{"type": "MonoCut"}']))
    found = read("lhotse", tmp_path / "cuts.jsonl.gz")
    assert by_id(found)["c1"] == Utterance(
        "c1", audio, "s", "u", None, 0.5, 2.0,
        {"gender": "female", "language": None, "snr": 3.0})
    assert {u.id: (u.offset, u.duration) for u in found.utterances} == {
        "c1": (0.5, 2.0), "v": (0.75, 0.5), "w": (1.5, 0.75), "x": (0.5, 0.75), "y": (1.5, 1.0)}
    assert found.unusable == 7
    assert not list(tmp_path.glob("pwned*"))
    theirs = lhotse.CutSet.from_cuts([two]).trim_to_supervisions(keep_overlapping=False)
    assert [(cut.supervisions[0].id, cut.start, cut.duration) for cut in theirs] == [
        (u.id, u.offset, u.duration) for u in found.utterances[1:3]]


def test_a_cell_of_great_length_costs_its_row(tmp_path: Path) -> None:
    (tmp_path / "t.csv").write_text(f"id,text\nu1,{'x' * 1_500_000}\nu2,fine\n")
    found = read("table", tmp_path / "t.csv")
    assert list(by_id(found)) == ["u2"]
    assert "more than 1,000,000 characters" in reasons(found)["utterance", "u1"]


def test_a_reader_that_fails_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("evalkit.corpora.gathering.reader", lambda *_: lambda source: 1 / 0)
    with pytest.raises(ManifestError, match="the reader 'kaldi' ended with ZeroDivisionError"):
        read("kaldi", tmp_path)


@pytest.mark.real
@pytest.mark.parametrize(("kind", "folder", "counts"), [
    ("fsdd", "fsdd", (1200, 6)), ("librispeech", "librispeech_test-other", (100, 10)),
    ("kaldi", "speechocean762", (1500, 125)),
    *(("common_voice", f"common_voice/{language}", (100, None))
      for language in ("en", "de", "fr", "es", "ca"))])
def test_real_corpora_are_read_as_they_are(real_data: Path, kind: str, folder: str,
                                           counts: tuple[int, int | None]) -> None:
    found = read(kind, real_data / folder)
    assert found.dropped == () and len(found.utterances) == counts[0]
    assert counts[1] in (None, len({u.speaker for u in found.utterances}))
    assert all(u.text and u.audio and u.speaker for u in found.utterances)


def test_every_built_in_reader_has_a_card() -> None:
    cards = (Path(__file__).parents[2] / "datasets" / "README.md").read_text()
    ours = {name for name, entry in available("corpora").items()
            if entry.value.startswith("evalkit.")}
    assert not {name for name in ours if f"`{name}`" not in cards}
