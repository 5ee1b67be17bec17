"""Recordings are read wholly, or refused: cut ones, damaged ones, lying headers, odd formats."""

from __future__ import annotations

import os
import socket
import struct
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st

from benchmarks.hostile.recordings import tried
from evalkit.core.errors import UtteranceError
from evalkit.recordings import mpeg, ogg, reading
from evalkit.recordings.reading import HIGHEST_RATE, MP3_TOLERANCE, TOLERANCE, load, seconds

RATE = 16_000
SECONDS = 2.0
FORMATS = [("WAV", "PCM_16"), ("WAV", "PCM_24"), ("WAV", "PCM_U8"), ("WAV", "FLOAT"),
           ("WAV", "DOUBLE"), ("WAV", "ULAW"), ("WAV", "ALAW"), ("WAV", "GSM610"),
           ("WAV", "MS_ADPCM"), ("WAV", "IMA_ADPCM"), ("WAVEX", "PCM_16"), ("RF64", "PCM_16"),
           ("W64", "PCM_16"), ("AIFF", "PCM_16"), ("AU", "PCM_16"), ("CAF", "PCM_16"),
           ("CAF", "ALAC_16"), ("NIST", "PCM_16"), ("FLAC", "PCM_16"), ("OGG", "VORBIS"),
           ("OGG", "OPUS"), ("MP3", "MPEG_LAYER_III")]


def voice(duration: float = SECONDS, rate: int = RATE) -> np.ndarray:
    time = np.arange(round(duration * rate)) / rate
    noise = np.random.default_rng(0).standard_normal(len(time))
    return 0.3 * np.sin(2 * np.pi * 150 * time) * (1 + np.sin(7 * time)) / 2 + 0.02 * noise


def made(folder: Path, container: str = "WAV", coding: str = "PCM_16") -> Path:
    path = folder / f"a.{container.lower()}"
    soundfile.write(path, voice(), RATE, coding, format=container)
    return path


def refusal(path: Path, **span: float) -> UtteranceError:
    with pytest.raises(UtteranceError) as caught:
        load(path, **span)  # type: ignore[arg-type]
    return caught.value


@pytest.mark.parametrize(("container", "coding"), FORMATS)
def test_whole_recordings_are_read_and_cut_ones_are_not(tmp_path: Path, container: str,
                                                        coding: str) -> None:
    path = made(tmp_path, container, coding)
    whole = load(path)
    assert whole.rate == RATE
    assert whole.duration == pytest.approx(SECONDS, abs=0.05)  # ADPCM fills up its last block
    likeness = np.corrcoef(whole.samples[:30_000], voice()[:30_000])[0, 1]
    assert likeness > 0.9
    part = load(path, offset=0.5, duration=1.0)
    np.testing.assert_allclose(part.samples, whole.samples[8_000:24_000], atol=1e-6)
    data = path.read_bytes()
    for share in (0.97, 0.8, 0.4):
        path.write_bytes(data[:int(share * len(data))])
        assert refusal(path).kind == "CorruptAudio"
        if share < 0.9:  # what fills up the last block of ADPCM is not missed
            assert refusal(path, duration=SECONDS).kind == "CorruptAudio"


@pytest.mark.parametrize(("container", "coding"), [("WAV", "PCM_16"), ("AIFF", "PCM_16"),
                                                   ("OGG", "VORBIS"), ("MP3", "MPEG_LAYER_III")])
def test_what_lies_before_the_cut_is_still_read(tmp_path: Path, container: str,
                                                coding: str) -> None:
    path = made(tmp_path, container, coding)
    before = load(path, offset=0.1, duration=0.3).samples
    data = path.read_bytes()
    path.write_bytes(data[:int(0.7 * len(data))])
    np.testing.assert_allclose(load(path, offset=0.1, duration=0.3).samples, before, atol=1e-6)
    assert refusal(path, offset=1.0, duration=0.9).kind == "CorruptAudio"


@given(cut=st.integers(1, RATE), duration=st.floats(0.1, 3.0))
@settings(max_examples=50, deadline=None)
def test_the_manifest_is_held_to_its_word(tmp_path_factory: pytest.TempPathFactory, cut: int,
                                          duration: float) -> None:
    path = tmp_path_factory.mktemp("a") / "a.wav"
    soundfile.write(path, voice()[:cut], RATE)
    if round(duration * RATE) <= cut + TOLERANCE * RATE - 1:
        assert len(load(path, duration=duration).samples) == min(cut, round(duration * RATE))
    elif duration > cut / RATE + TOLERANCE + 1 / RATE:
        error = refusal(path, duration=duration)
        assert error.kind == "CorruptAudio"
        assert f"lasts {cut / RATE:.3f} s, offset and duration end at {duration:.3f} s" in str(
            error)


def test_a_duration_that_was_rounded_up_is_kept_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, voice(1.234), RATE)
    assert load(path, duration=1.24).duration == pytest.approx(1.234)
    assert refusal(path, duration=1.3).kind == "CorruptAudio"
    assert refusal(path, offset=1.3).kind == "EmptyAudio"


@pytest.mark.parametrize("flip", [3_000, 5_001, 9_999])
@pytest.mark.parametrize(("container", "coding"), [("FLAC", "PCM_16"), ("OGG", "VORBIS"),
                                                   ("OGG", "OPUS")])
def test_damage_that_a_checksum_tells_is_refused(tmp_path: Path, container: str, coding: str,
                                                 flip: int) -> None:
    path = made(tmp_path, container, coding)
    data = bytearray(path.read_bytes())
    data[min(flip, len(data) - 200)] ^= 4
    path.write_bytes(data)
    assert refusal(path).kind == "CorruptAudio"


def test_ogg_pages_that_are_gone_or_too_many_are_told(tmp_path: Path) -> None:
    path = made(tmp_path, "OGG", "VORBIS")
    data = path.read_bytes()
    pages = [at for at in range(len(data)) if data.startswith(b"OggS", at)]
    path.write_bytes(data[:pages[3]] + data[pages[4]:])
    assert "pages are missing before page 4" in str(refusal(path))
    path.write_bytes(data[:pages[-1]])
    assert "no last page" in str(refusal(path))
    path.write_bytes(data + data)
    assert "several recordings" in str(refusal(path))
    path.write_bytes(data + b"TAG" + bytes(125))
    assert load(path).duration == SECONDS
    with (tmp_path / "empty.ogg").open("w+b") as file:
        assert ogg.read(file).cut


def _without_its_header(path: Path) -> tuple[bytes, int]:
    """An MP3 without the frame that states how many there are; bytes of a frame."""
    data = path.read_bytes()
    first = mpeg.frame(data[:4])
    assert first
    return data[first.length:], first.length


def test_an_mp3_without_a_header_is_cut_where_a_frame_is(tmp_path: Path) -> None:
    path = tmp_path / "a.mp3"
    soundfile.write(path, voice(), RATE, "MPEG_LAYER_III", bitrate_mode="CONSTANT",
                    compression_level=0.5)
    data, frame = _without_its_header(path)
    path.write_bytes(data)
    whole = load(path)
    assert whole.duration == pytest.approx(SECONDS, abs=MP3_TOLERANCE * 576 / RATE)
    path.write_bytes(data[:20 * frame + frame // 2])
    assert "within a frame" in str(refusal(path))
    path.write_bytes(data[:20 * frame] + bytes(700) + data[20 * frame:])
    assert "interrupted" in str(refusal(path))
    path.write_bytes(data + b"TAG" + bytes(125))
    np.testing.assert_array_equal(load(path).samples, whole.samples)


def test_an_mp3_that_libsndfile_would_read_half_of_is_refused(tmp_path: Path) -> None:
    """It takes the length of a recording of variable bit rate from the first frame."""
    path = made(tmp_path, "MP3", "MPEG_LAYER_III")
    path.write_bytes(_without_its_header(path)[0])
    assert "can be read of the 2.088 s" in str(refusal(path))


def test_an_mp3_of_fewer_frames_than_its_header_says_is_cut(tmp_path: Path) -> None:
    path = made(tmp_path, "MP3", "MPEG_LAYER_III")
    data, at, ends = path.read_bytes(), 0, []
    while (one := mpeg.frame(data[at:at + 4])) is not None:
        at += one.length
        ends.append(at)
    path.write_bytes(data[:ends[-10]])
    assert "its header promises" in str(refusal(path))


@pytest.mark.parametrize("stated", [0, 0xFFFFFFFF, 0x7FFFF000, 0x80000000, 0xFFFFFFDB])
def test_a_wav_that_was_streamed_is_read_to_its_end(tmp_path: Path, stated: int) -> None:
    path = made(tmp_path)
    whole, data = load(path).samples, bytearray(path.read_bytes())
    data[4:8] = data[40:44] = struct.pack("<I", stated)
    path.write_bytes(data)
    np.testing.assert_array_equal(load(path).samples, whole)


def test_a_flac_of_unknown_length_is_read_to_its_end(tmp_path: Path) -> None:
    path = made(tmp_path, "FLAC")
    whole, data = load(path).samples, bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)
    np.testing.assert_array_equal(load(path).samples, whole)
    np.testing.assert_array_equal(load(path, offset=0.5, duration=0.5).samples,
                                  whole[8_000:16_000])
    assert seconds(path) == SECONDS
    path.write_bytes(data[:len(data) // 2])
    assert refusal(path).kind == "CorruptAudio"


@pytest.mark.parametrize("container", ["WAV", "FLAC", "AIFF", "MP3"])
def test_tags_before_the_audio_are_passed_over(tmp_path: Path, container: str) -> None:
    path = made(tmp_path, container, "MPEG_LAYER_III" if container == "MP3" else "PCM_16")
    whole, data = load(path).samples, path.read_bytes()
    tagged = b"ID3\x03\0\0\0\0\x01\x00" + bytes(128) + data
    path.write_bytes(tagged)
    np.testing.assert_array_equal(load(path).samples, whole)
    path.write_bytes(tagged[:len(tagged) * 2 // 3])
    assert refusal(path).kind == "CorruptAudio"


@pytest.mark.parametrize(("at", "form", "value"), [
    (24, "<I", 1), (24, "<I", 999), (24, "<I", 1_000_003), (24, "<I", HIGHEST_RATE + 1),
    (22, "<H", 65), (22, "<H", 1_000)])
def test_rates_and_channels_have_bounds(tmp_path: Path, at: int, form: str, value: int) -> None:
    path = made(tmp_path)
    data = bytearray(path.read_bytes())
    struct.pack_into(form, data, at, value)
    path.write_bytes(data)
    error = refusal(path)
    assert error.kind == "OutOfBounds" and f"{value:,}" in str(error)


def test_a_few_bytes_of_minutes_are_too_long(tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "a.flac"
    soundfile.write(path, np.zeros(RATE * 600), RATE)
    assert path.stat().st_size < 50_000
    assert load(path).duration == 600
    monkeypatch.setattr(reading, "LONGEST", RATE * 599)
    assert refusal(path).kind == "TooLong"
    assert len(load(path, offset=400, duration=1.0).samples) == RATE
    assert refusal(path, duration=1e8).kind == "TooLong"


def test_a_flac_that_states_far_more_than_it_holds_costs_no_memory(tmp_path: Path) -> None:
    path = made(tmp_path, "FLAC")
    data = bytearray(path.read_bytes())
    data[21] |= 0x0F
    data[22:26] = b"\xff" * 4
    path.write_bytes(data)
    assert refusal(path).kind == "CorruptAudio"


@pytest.mark.parametrize("name", ["a.raw", "a.vox", "a.gsm", "a.wav", "noext"])
def test_bytes_without_a_header_are_one_line(tmp_path: Path, name: str) -> None:
    (tmp_path / name).write_bytes(bytes(range(256)) * 40)
    error = refusal(tmp_path / name)
    assert error.kind == "CorruptAudio"
    assert str(error).endswith("cannot be read as audio: Format not recognised")


@pytest.mark.parametrize("container", ["AVR", "IRCAM", "VOC", "PAF"])
def test_containers_that_do_not_tell_whether_they_are_whole_are_refused(tmp_path: Path,
                                                                        container: str) -> None:
    error = refusal(made(tmp_path, container))
    assert error.kind == "UnknownFormat" and "convert it" in str(error)


def test_samples_beyond_full_scale_are_kept_and_infinite_ones_refused(tmp_path: Path) -> None:
    path = tmp_path / "a.wav"
    soundfile.write(path, np.array([0.0, 3.5, -7.0]), RATE, "FLOAT")
    assert load(path).samples.tolist() == [0.0, 3.5, -7.0]
    soundfile.write(path, np.array([0.0, 1e300]), RATE, "DOUBLE")
    assert refusal(path).kind == "NotFinite"


@pytest.mark.parametrize("kind", ["pipe", "socket", "device", "folder", "link to a pipe"])
def test_special_files_are_refused_unopened(tmp_path: Path, kind: str) -> None:
    path = tmp_path / "x.wav"
    if kind == "device":
        path = Path("/dev/zero")
    elif kind == "folder":
        path.mkdir()
    elif kind == "socket":
        with socket.socket(socket.AF_UNIX) as listener:
            listener.bind(os.path.relpath(path))
    else:
        os.mkfifo(tmp_path / "pipe")
        path.symlink_to("pipe")
    error = refusal(path)
    assert error.kind == "NotAFile"
    assert str(error).endswith(f"is a {kind.removeprefix('link to a ')}, not a file")


def test_hostile_recordings_cost_themselves(tmp_path: Path) -> None:
    results = tried(0.012, 3, tmp_path)
    assert sum(result.n for result in results) == 121
    assert [line for result in results for line in result.bad] == []
