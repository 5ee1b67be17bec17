"""Noise: the stated ratio, no clipping, other people's voices, the same from a seed."""

from __future__ import annotations

import math
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.signal import welch

from evalkit.audio import active_power, decibel, levels
from evalkit.conditions.noise import HEADROOM, Noise
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Utterance
from evalkit.metrics.si_sdr import si_sdr
from evalkit.recordings.reading import load
from evalkit.store.manifest import read_manifest

RATE = 16_000
UTTERANCE = Utterance("u1", speaker="s1")


def speech(seconds: float = 2.0, level: float = 0.05, seed: int = 0, rate: int = RATE) -> Audio:
    """Bursts with pauses between them, as words have."""
    time = np.arange(round(seconds * rate)) / rate
    samples = np.random.default_rng(seed).standard_normal(len(time)) * (np.sin(5 * time) > -0.3)
    return Audio((level * samples).astype(np.float32), rate)


def ratio(speech: Audio, mixture: Audio) -> float:
    """Speech to noise in dB, where the mixture was not turned down."""
    noise = mixture.samples.astype(np.float64) - speech.samples
    return decibel(active_power(speech)) - decibel(float(np.mean(noise**2)))


@pytest.fixture(scope="module")
def babble(tiny_corpus: Path) -> Noise:
    return Noise("babble", 5).bind(read_manifest(tiny_corpus / "test.jsonl").utterances)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name, rate, seconds in (("a.wav", 16_000, 3.0), ("deep/b.flac", 44_100, 0.7)):
        path = tmp_path / name
        path.parent.mkdir(exist_ok=True)
        soundfile.write(path, speech(seconds, seed=3, rate=rate).samples, rate)
    return tmp_path


@given(snr=st.floats(-10, 30), kind=st.sampled_from(["stationary", "modulated"]),
       name=st.text(min_size=1, max_size=8), level=st.floats(0.001, 0.02),
       rate=st.sampled_from([8_000, 16_000, 22_050]))
@settings(max_examples=40, deadline=None)
def test_the_ratio_is_the_stated_one(snr: float, kind: str, name: str, level: float,
                                     rate: int) -> None:
    clean = speech(level=level, rate=rate)
    noisy = Noise(kind, snr).apply(clean, Utterance(name))
    assert len(noisy.samples) == len(clean.samples)
    assert noisy.samples.dtype == np.float32
    assert ratio(clean, noisy) == pytest.approx(snr, abs=0.1)


def test_the_ratio_holds_for_babble_and_recordings(babble: Noise, folder: Path) -> None:
    for noise in (babble, Noise("recorded", 5, folder)):
        for name in ("a", "b", "c", "d"):
            clean = speech(1.3, level=0.02)
            assert ratio(clean, noise.apply(clean, Utterance(name))) == pytest.approx(5, abs=0.1)


def test_a_loud_mixture_is_turned_down_not_clipped() -> None:
    clean = speech(level=0.3)
    noisy = Noise("stationary", 0).apply(clean, UTTERANCE)
    peak = float(np.abs(noisy.samples).max())
    assert peak == pytest.approx(HEADROOM, abs=1e-6)
    quiet = Audio(clean.samples / 10, RATE)
    whole = Noise("stationary", 0).apply(quiet, UTTERANCE).samples
    np.testing.assert_allclose(noisy.samples / peak, whole / np.abs(whole).max(), atol=1e-5)


def test_noise_follows_from_seed_and_utterance_only(babble: Noise) -> None:
    clean = speech()
    for noise in (babble, Noise("modulated", 5)):
        once = noise.apply(clean, UTTERANCE).samples
        noise.apply(clean, Utterance("another"))
        np.testing.assert_array_equal(once, noise.apply(clean, UTTERANCE).samples)
        others = (noise.apply(clean, Utterance("u2")), Noise("modulated", 5, seed=1).apply(
            clean, UTTERANCE))
        assert not any(np.array_equal(once, other.samples) for other in others)


def test_noise_is_the_same_at_every_ratio() -> None:
    clean = speech(level=0.005)
    low, high = (Noise("stationary", snr).apply(clean, UTTERANCE).samples - clean.samples
                 for snr in (0, 20))
    np.testing.assert_allclose(low, 10 * high, atol=1e-6)


def test_babble_never_uses_the_speakers_own_voice(tiny_corpus: Path) -> None:
    utterances = read_manifest(tiny_corpus / "test.jsonl").utterances
    mine = utterances[0]
    clean = speech()
    with_me = Noise("babble", 5).bind(utterances)
    assert {voice.speaker for voice in with_me.pool} == {u.speaker for u in utterances}
    without_me = Noise("babble", 5).bind([u for u in utterances if u.speaker != mine.speaker])
    np.testing.assert_array_equal(with_me.apply(clean, mine).samples,
                                  without_me.apply(clean, mine).samples)
    only_me = Noise("babble", 5).bind([u for u in utterances if u.speaker == mine.speaker])
    with pytest.raises(UtteranceError, match="NoOtherVoices"):
        only_me.apply(clean, mine)


def test_babble_leaves_out_what_cannot_be_read(tiny_corpus: Path, tmp_path: Path) -> None:
    (tmp_path / "broken.flac").write_bytes(b"fLaC" + bytes(100))
    soundfile.write(tmp_path / "silent.wav", np.zeros(8000), RATE)
    bad = [Utterance(name, tmp_path / name, name)
           for name in ("broken.flac", "silent.wav", "missing.wav")]
    good = read_manifest(tiny_corpus / "test.jsonl").utterances
    bound = Noise("babble", 5).bind([*bad, Utterance("text only"), *good])
    assert {voice.id for voice in bound.pool} == {u.id for u in good}
    with pytest.raises(ConfigError, match="corpus with recordings"):
        Noise("babble", 5).bind(bad)


def test_unbound_babble_says_what_to_do() -> None:
    with pytest.raises(ConfigError, match="bind"):
        Noise("babble", 5).apply(speech(), UTTERANCE)


def test_bound_noise_travels_to_other_processes(babble: Noise) -> None:
    data = pickle.dumps(babble)
    assert len(data) < 100_000
    there = pickle.loads(data)
    assert there.identity == babble.identity
    np.testing.assert_array_equal(there.apply(speech(), UTTERANCE).samples,
                                  babble.apply(speech(), UTTERANCE).samples)


def test_identity_names_what_decides_the_noise(tiny_corpus: Path, folder: Path) -> None:
    utterances = read_manifest(tiny_corpus / "test.jsonl").utterances
    one = Noise("babble", 5).bind(utterances)
    assert one.identity == Noise("babble", 5).bind(utterances[::-1]).identity
    before = Noise("recorded", 5, folder).identity
    different = [one, Noise("babble", 6).bind(utterances), Noise("babble", 5, seed=1).bind(
        utterances), Noise("babble", 5, voices=2).bind(utterances),
        Noise("babble", 5).bind(utterances[1:]), Noise("stationary", 5)]
    soundfile.write(folder / "a.wav", speech(3.0, seed=9).samples, RATE)
    names = [noise.identity for noise in different] + [before,
                                                       Noise("recorded", 5, folder).identity]
    assert len(set(names)) == len(names)


def test_stationary_noise_has_the_spectrum_of_speech() -> None:
    """Band levels of Byrne et al. 1994: 62.1 dB at 500 Hz, 48.7 dB at 2 kHz, 43.7 at 8 kHz."""
    clean = speech(60, level=0.01)
    noise = Noise("stationary", 0).apply(clean, UTTERANCE).samples - clean.samples
    frequencies, density = welch(noise, RATE, nperseg=4096)

    def band(centre: float) -> float:
        inside = (frequencies > centre * 2 ** (-1 / 6)) & (frequencies < centre * 2 ** (1 / 6))
        return decibel(float(density[inside].sum()))
    assert band(500) - band(2000) == pytest.approx(62.1 - 48.7, abs=1)
    assert band(2000) - band(6300) == pytest.approx(48.7 - 44.3, abs=1)


def test_modulated_noise_rises_and_falls_as_speech_does() -> None:
    clean = speech(60, level=0.005)

    def modulation(kind: str) -> tuple[float, float]:
        noise = Noise(kind, 0).apply(clean, UTTERANCE).samples - clean.samples
        power = np.log((noise.reshape(-1, RATE // 100).astype(np.float64) ** 2).mean(axis=1))
        frequencies, density = welch(power, 100, nperseg=400)
        return float(power.std()), float(frequencies[density.argmax()])
    depth, peak = modulation("modulated")
    assert 2 < peak < 6
    assert depth > 3 * modulation("stationary")[0]


def test_silence_is_refused(folder: Path) -> None:
    silent = Audio(np.zeros(RATE, np.float32), RATE)
    with pytest.raises(UtteranceError, match="SilentSpeech"):
        Noise("stationary", 5).apply(silent, UTTERANCE)
    for path in (folder / "a.wav", folder / "deep" / "b.flac"):
        soundfile.write(path, silent.samples, RATE)
    with pytest.raises(UtteranceError, match="SilentNoise"):
        Noise("recorded", 5, folder).apply(speech(), UTTERANCE)


@pytest.mark.parametrize(("options", "message"), [
    ({"kind": "bable"}, "no noise 'bable'; there are babble"),
    ({"kind": "stationary", "snr_db": math.nan}, "snr_db"),
    ({"kind": "babble", "voices": 0}, "voices"),
    ({"kind": "recorded"}, "folder"),
    ({"kind": "stationary", "folder": "."}, "folder"),
    ({"kind": "recorded", "folder": "nowhere"}, "no folder nowhere"),
    ({"kind": "stationary", "snr": 5}, "no option 'snr'")])
def test_options_that_cannot_be_used_are_named(options: dict[str, object], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        create("conditions", "noise", {"snr_db": 5, **options})


def test_a_folder_without_recordings_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("no audio")
    with pytest.raises(ConfigError, match="holds no recordings"):
        Noise("recorded", 5, tmp_path)
    (tmp_path / "x.wav").write_bytes(b"not a wave file")
    with pytest.raises(ConfigError, match=r"x\.wav: cannot be read"):
        Noise("recorded", 5, tmp_path)


@pytest.mark.real
def test_real_speech_in_real_noise(real_data: Path) -> None:
    noise = Noise("recorded", 5, real_data / "noise")
    for path in sorted((real_data / "librispeech_test-other").rglob("*.flac"))[::20]:
        clean = load(path)
        noisy = noise.apply(clean, Utterance(path.stem))
        turned_down = float(np.abs(noisy.samples).max()) > HEADROOM - 1e-4
        assert turned_down or ratio(clean, noisy) == pytest.approx(5, abs=0.1)


@pytest.mark.parametrize("offset", [0.3, -0.1, 0.01])
def test_an_offset_of_the_speech_changes_no_noise(babble: Noise, folder: Path,
                                                  offset: float) -> None:
    clean = speech(level=0.005)
    shifted = Audio(clean.samples + np.float32(offset), RATE)
    for noise in (babble, Noise("recorded", 5, folder), Noise("stationary", 5)):
        added = noise.apply(clean, UTTERANCE).samples - clean.samples
        with_offset = noise.apply(shifted, UTTERANCE).samples - shifted.samples
        np.testing.assert_allclose(with_offset, added, atol=2e-6)
        scores = [si_sdr(clean.samples, heard.samples) for heard in (
            noise.apply(clean, UTTERANCE), noise.apply(shifted, UTTERANCE))]
        assert scores[0] == pytest.approx(scores[1], abs=0.02)


@given(offset=st.floats(-0.5, 0.5), gain=st.floats(0.01, 0.3))
@settings(max_examples=25, deadline=None)
def test_levels_do_not_know_of_an_offset(offset: float, gain: float) -> None:
    quiet = speech(level=gain)
    moved = Audio(quiet.samples + np.float32(offset), RATE)
    assert decibel(active_power(moved)) == pytest.approx(decibel(active_power(quiet)), abs=0.01)
    assert levels(moved).level_dbfs == pytest.approx(levels(quiet).level_dbfs, abs=0.01)
    mean = float(quiet.samples.mean(dtype=np.float64))
    assert levels(moved).dc == pytest.approx(mean + offset, abs=1e-6)


def test_an_offset_of_the_noise_is_taken_off(tmp_path: Path) -> None:
    hum = speech(3.0, seed=3).samples
    added = []
    for offset in (0.0, 0.4):
        soundfile.write(tmp_path / "a.wav", hum + offset, RATE, "FLOAT")
        clean = speech(level=0.005)
        added.append(Noise("recorded", 5, tmp_path).apply(clean, UTTERANCE).samples
                     - clean.samples)
    assert abs(added[1].mean()) < 1e-6
    np.testing.assert_allclose(added[0], added[1], atol=1e-5)


@pytest.mark.parametrize("value", [0.0, 0.3, -1.0])
def test_an_offset_alone_is_silence(tmp_path: Path, value: float) -> None:
    constant = np.full(RATE, value, np.float32)
    with pytest.raises(UtteranceError, match="SilentSpeech"):
        Noise("stationary", 5).apply(Audio(constant, RATE), UTTERANCE)
    soundfile.write(tmp_path / "a.wav", constant, RATE, "FLOAT")
    with pytest.raises(UtteranceError, match="SilentNoise"):
        Noise("recorded", 5, tmp_path).apply(speech(), UTTERANCE)
    assert levels(Audio(constant, RATE)).level_dbfs == -math.inf


@pytest.mark.parametrize(("name", "why"), [("cut.wav", "can be read of"), ("pipe.wav", "a pipe"),
                                           ("empty.wav", "no samples"), ("old.raw", "Format")])
def test_noise_that_is_not_whole_is_refused_before_the_run(folder: Path, name: str,
                                                           why: str) -> None:
    if name == "pipe.wav":
        os.mkfifo(folder / name)
    elif name == "empty.wav":
        soundfile.write(folder / name, np.zeros(0), RATE)
    else:
        data = (folder / "a.wav").read_bytes()
        (folder / name).write_bytes(data[:30_000] if name == "cut.wav" else data[100:30_000])
    with pytest.raises(ConfigError, match=f"{name}.*{why}.*repair or remove it"):
        Noise("recorded", 5, folder)
