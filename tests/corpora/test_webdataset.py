"""WebDataset: tars of utterances, streamed; what cannot be used of them is left out and named, and
nothing is written where a tar says."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path

import pytest
import soundfile

from evalkit.core.errors import ManifestError, UtteranceError
from evalkit.corpora.readers import webdataset
from evalkit.recordings.reading import load
from tests.conftest import evalkit
from tests.corpora.test_readers import by_id, read, reasons, sound


def recording(folder: Path, seconds: float, form: str) -> bytes:
    data, rate = soundfile.read(sound(folder / "made.wav", seconds))
    made = io.BytesIO()
    soundfile.write(made, data, rate, format=form)
    return made.getvalue()


def write_tar(path: Path, members: dict[str, bytes], mode: str = "w") -> Path:
    with tarfile.open(path, mode) as tar:
        for name, data in members.items():
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def utterance(name: str, audio: bytes, suffix: str, **fields: object) -> dict[str, bytes]:
    return {f"{name}.{suffix}": audio, f"{name}.json": json.dumps(fields).encode()}


@pytest.mark.parametrize("form", ["", ".gz"])
def test_tars_are_read_with_their_audio_texts_and_labels(tmp_path: Path, form: str) -> None:
    one, two = recording(tmp_path, 0.5, "FLAC"), recording(tmp_path, 0.25, "MP3")
    shards = tmp_path / "shards"
    shards.mkdir()
    mode = "w:gz" if form else "w"
    write_tar(shards / f"x-000.tar{form}", {
        **utterance("train/a", one, "flac", sentence="from json", client_id="s1", age=30),
        "train/a.far.flac": one,
        "train/c.MP3": two, "train/c.txt": b"from \n text", "train/c.cls": b"7"}, mode)
    write_tar(shards / f"x-001.tar{form}", {
        "train/c.wav": recording(tmp_path, 0.75, "WAV"), "train/c.txt": b"another"}, mode)
    found = read("webdataset", shards, audio=tmp_path / "audio")
    known = by_id(found)
    assert known.keys() == {"train/a", "x-000/train/c", "x-001/train/c"}
    a = known["train/a"]
    assert (a.text, a.speaker, a.metadata) == ("from json", "s1", {"age": 30})
    assert a.audio is not None and a.audio.read_bytes() == one
    c = known["x-000/train/c"]
    assert c.text == "from text" and c.metadata == {"cls": "7"} and c.audio is not None
    assert c.audio.parent == tmp_path / "audio" and c.audio.read_bytes() == two
    assert load(known["x-001/train/c"].audio or Path()).duration == 0.75
    assert reasons(found)["cell", "train/a.far.flac"].startswith("is neither audio")


def test_one_that_is_cut_or_hostile_costs_what_it_spoils(tmp_path: Path, monkeypatch:
                                                         pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(webdataset, "LONGEST", 1000)
    audio = recording(tmp_path, 0.5, "WAV")
    path = write_tar(tmp_path / "x.tar", {
        **utterance("../../escaped", audio, "wav", text="one"),
        **utterance("/absolute", audio, "wav", text="two"),
        "bad.wav": audio, "bad.json": b"{]", "long.wav": audio, "long.txt": b"x" * 1001,
        "twice.wav": audio, "twice.flac": audio, "plain": b"x", "path.json": json.dumps(
            {"audio": "../../../etc/passwd", "text": "no"}).encode()})
    with tarfile.open(path, "a") as tar:
        link = tarfile.TarInfo("linked.wav")
        link.type, link.linkname = tarfile.SYMTYPE, "/etc/passwd"
        tar.addfile(link)
    before = {each for each in tmp_path.parent.rglob("*") if each.name != "audio"}
    found = read("webdataset", path, audio=tmp_path / "audio")
    why = reasons(found)
    assert {u.text for u in found.utterances} == {"one", "two", None}
    assert all(u.audio.parent == tmp_path / "audio" for u in found.utterances if u.audio)
    assert why["cell", "bad.json"].startswith("is not what .json says")
    assert why["cell", "long.txt"] == "has more than 1,000 bytes"
    assert why["cell", "twice.flac"] .startswith("is a second recording of one utterance")
    assert why["cell", "linked.wav"] == "is a link, a device or a pipe"
    assert why["recording", "path"]
    assert {each for each in tmp_path.parent.rglob("*") if each.name != "audio"} - before == set(
        (tmp_path / "audio").iterdir())
    whole = path.read_bytes()
    path.write_bytes(whole[:len(audio) * 2])
    cut = read("webdataset", path, audio=tmp_path / "audio")
    assert [u.text for u in cut.utterances] == ["one"]
    assert "cannot be read from here on" in reasons(cut)["recording", "x.tar"]


def write_all(path: Path, *members: tuple[str, bytes]) -> Path:
    """A tar that may have a name twice."""
    with tarfile.open(path, "w") as tar:
        for name, data in members:
            info = tarfile.TarInfo(name)
            info.size = len(data)
            tar.addfile(info, io.BytesIO(data))
    return path


def test_of_what_comes_twice_the_first_is_used_and_the_second_named(tmp_path: Path) -> None:
    one, two = recording(tmp_path, 0.5, "WAV"), recording(tmp_path, 0.25, "WAV")
    path = write_all(
        tmp_path / "x.tar", ("u0.wav", one), ("u0.json", b'{"speaker": "a"}'), ("u0.txt", b"one"),
        ("u1.wav", one), ("u1.wav", two), ("u1.txt", b"kept"), ("u1.txt", b"other"),
        ("u1.json", b'{"k": 1}'), ("u1.json", b'{"k": 2}'), ("u1.cls", b"4"), ("u1.cls", b"5"),
        ("u0.wav", two), ("u0.json", b'{"speaker": "b"}'), ("u0.cls", b"7"))
    found = read("webdataset", path, audio=tmp_path / "audio")
    known, why = by_id(found), reasons(found)
    assert known.keys() == {"u0", "u1"}
    assert (known["u0"].text, known["u0"].speaker, known["u0"].metadata) == ("one", "a", {})
    assert (known["u1"].text, known["u1"].metadata) == ("kept", {"k": 1, "cls": "4"})
    assert all(u.audio and u.audio.read_bytes() == one for u in known.values())
    assert "comes back" in why["utterance", "u0.wav"]
    assert {name for _, name in why} == {"u0.wav", "u1.wav", "u1.txt", "u1.json", "u1.cls"}
    assert why["cell", "u1.txt"] == "is a second .txt of one utterance; the first is used"


def test_members_that_stand_apart_are_of_one_utterance(tmp_path: Path) -> None:
    audio = recording(tmp_path, 0.5, "WAV")
    (tmp_path / "in" / "b").mkdir(parents=True)
    path = write_all(tmp_path / "in" / "x.tar", ("u0.wav", audio), ("u1.wav", audio),
                     ("u0.txt", b"zero"), ("u1.json", b'{"age": 3}'), ("u0.cls", b"n"))
    found = read("webdataset", path, audio=tmp_path / "audio")
    assert [(u.id, u.text, u.metadata) for u in found.utterances] == [
        ("u0", "zero", {"cls": "n"}), ("u1", None, {"age": 3})]
    assert all(u.audio for u in found.utterances) and not found.dropped
    write_all(tmp_path / "in" / "b" / "x.tar", ("u0.wav", audio), ("u2.wav", audio))
    found = read("webdataset", tmp_path / "in", audio=tmp_path / "audio")
    assert [u.id for u in found.utterances] == ["x/u0", "u2", "u1"]
    assert reasons(found)["utterance", "x/u0"] == "its id was used before"


def test_the_text_file_is_before_a_text_in_json_and_a_difference_is_said(tmp_path: Path) -> None:
    audio = recording(tmp_path, 0.5, "WAV")
    path = write_all(
        tmp_path / "x.tar", ("a.txt", b"of txt"), ("a.json", b'{"text": "of json"}'),
        ("a.wav", audio), ("b.json", b'{"text": " the  same"}'), ("b.txt", b"the same"),
        ("c.json", b'{"text": "alone", "cls": "j"}'), ("c.cls", b"f"))
    found = read("webdataset", path, audio=tmp_path / "audio")
    assert {u.id: u.text for u in found.utterances} == {
        "a": "of txt", "b": "the same", "c": "alone"}
    assert by_id(found)["c"].metadata == {"cls": "f"}
    assert reasons(found) == {("cell", "a.json"): "its text is another than that of the .txt, "
                                                  "which is used"}


def test_an_empty_recording_is_called_so(tmp_path: Path) -> None:
    tar = write_tar(tmp_path / "a.tar", {"a.mp3": b"", "a.txt": b"one"})
    found = by_id(read("webdataset", tar, audio=tmp_path / "audio"))["a"].audio
    assert found is not None and found.suffix == ""
    with pytest.raises(UtteranceError, match=r"EmptyAudio: .*is an empty file"):
        load(found)


def test_what_is_missing_is_said(tmp_path: Path) -> None:
    path = write_tar(tmp_path / "x.tar", {"a.wav": recording(tmp_path, 0.5, "WAV")})
    with pytest.raises(ManifestError, match="the reader's option audio"):
        read("webdataset", path)
    with pytest.raises(ManifestError, match=r"y\.tar: cannot be read: No such file"):
        read("webdataset", tmp_path / "y.tar", audio=tmp_path)
    (tmp_path / "shards").mkdir()
    with pytest.raises(ManifestError, match=r"no \*\.tar in it"):
        read("webdataset", tmp_path / "shards", audio=tmp_path)
    done = evalkit("corpus", "prepare", "webdataset", path, "--out", tmp_path / "m.jsonl",
                   "--set", f"audio={tmp_path / 'clips'}")
    assert done.returncode == 0, done.stderr
    (row,) = (json.loads(line) for line in (tmp_path / "m.jsonl").read_text().splitlines())
    assert (row["id"], Path(row["audio"]).parent) == ("a", Path("clips"))
