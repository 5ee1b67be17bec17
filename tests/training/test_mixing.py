"""Mixtures to train enhancers on: what is drawn is what the recipe says."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from pydantic import ValidationError
from scipy.stats import kurtosis

from evalkit.audio import active_power, save
from evalkit.conditions.band import low_passed
from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.types import Audio
from evalkit.training.mixing import Material, Mixer, MixingConfig
from evalkit.training.noises import FAMILIES

PLAIN = {"babble": 0.0, "rooms": 0.0, "low_pass": 0.0, "without_speech": 0.0,
         "without_noise": 0.0, "tilt_db": 0.0, "two_noises": 0.0}


@pytest.mark.parametrize("name", FAMILIES)
@pytest.mark.parametrize("rate", [8_000, 16_000, 48_000])
def test_a_family_of_noise_sounds_anew_each_time_and_always(name: str, rate: int) -> None:
    drawn = [FAMILIES[name](rate, rate, np.random.default_rng(seed)) for seed in range(6)]
    assert all(wave.shape == (rate,) and np.isfinite(wave).all() and wave.any() for wave in drawn)
    again = FAMILIES[name](rate, rate, np.random.default_rng(0))
    np.testing.assert_array_equal(drawn[0], again)
    likeness = np.abs(np.corrcoef(drawn)[np.triu_indices(6, 1)])
    assert np.median(likeness) < 0.3


def test_families_differ_as_their_names_say() -> None:
    def of(name: str) -> list[np.ndarray]:
        return [FAMILIES[name](48_000, 16_000, np.random.default_rng(seed)) for seed in range(12)]

    def peakedness(name: str) -> float:
        return float(np.median([kurtosis(wave) for wave in of(name)]))

    def share_below(name: str, edge: int) -> float:
        power = [np.abs(np.fft.rfft(wave)) ** 2 for wave in of(name)]
        return float(np.median([p[:edge * 3].sum() / p.sum() for p in power]))

    assert peakedness("impacts") > 9 > peakedness("hum")
    assert peakedness("keyboard") > 10 > abs(peakedness("coloured"))
    assert share_below("gusts", 500) > 0.9 > share_below("keyboard", 500)


@pytest.fixture
def recordings(tmp_path: Path) -> tuple[Path, ...]:
    rng, made = np.random.default_rng(0), []
    for i in range(4):
        t = np.arange(40_000) / 16_000
        tone = 0.3 * np.sin(2 * np.pi * 150 * (i + 1) * t) * (np.sin(2 * np.pi * t) > 0)
        made.append(tmp_path / f"{i}.flac")
        save(made[-1], Audio((tone + 0.001 * rng.standard_normal(40_000)).astype(np.float32),
                             16_000))
    return tuple(made)


def test_a_mixture_follows_from_its_generator(recordings: tuple[Path, ...]) -> None:
    mixer = Mixer(Material((recordings,), (recordings[:1],)), MixingConfig())
    one, same, other = (mixer.draw(np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one.noisy, same.noisy)
    assert not np.array_equal(one.noisy, other.noisy)


@pytest.mark.parametrize("snr", [-5.0, 0.0, 10.0, 30.0])
def test_ratio_is_that_of_active_speech_to_noise(snr: float, recordings: tuple[Path, ...]
                                                 ) -> None:
    config = MixingConfig(**PLAIN, snr_db=(snr, snr))
    for seed in range(4):
        mixture = Mixer(Material((recordings,)), config).draw(np.random.default_rng(seed))
        noise = (mixture.noisy - mixture.clean).astype(np.float64)
        speech = active_power(Audio(mixture.clean, 16_000))
        assert 10 * np.log10(speech / np.var(noise)) == pytest.approx(snr, abs=0.2)
        assert mixture.bandwidth == 8_000


def test_shares_without_speech_and_without_noise(recordings: tuple[Path, ...]) -> None:
    silent = Mixer(Material((recordings,)), MixingConfig(**PLAIN | {"without_speech": 1.0}))
    mixture = silent.draw(np.random.default_rng(0))
    assert not mixture.clean.any() and mixture.noisy.any()
    alone = Mixer(Material((recordings,)), MixingConfig(**PLAIN | {"without_noise": 1.0}))
    mixture = alone.draw(np.random.default_rng(0))
    np.testing.assert_array_equal(mixture.noisy, mixture.clean)


def test_a_room_keeps_early_echoes_as_wanted(recordings: tuple[Path, ...]) -> None:
    def room(rate: int, rng: np.random.Generator) -> tuple[np.ndarray, np.ndarray]:
        near = np.zeros(rate // 10)
        near[[0, rate // 100, rate // 20]] = 1, 0.5, 0.25  # 0, 10 and 50 ms
        return near, np.ones(1)

    options = PLAIN | {"rooms": 1.0, "without_noise": 1.0}
    dry = Mixer(Material((recordings,)), MixingConfig(**options))
    wet = Mixer(Material((recordings,), room=room), MixingConfig(**options))
    speech = dry.draw(np.random.default_rng(0)).clean.astype(np.float64)
    mixture = wet.draw(np.random.default_rng(0))

    def heard(*echoes: tuple[int, float]) -> np.ndarray:
        return sum(level * np.pad(speech, (late, 0))[:len(speech)] for late, level in echoes)

    early, all_of_them = ((0, 1.0), (160, 0.5)), ((0, 1.0), (160, 0.5), (800, 0.25))
    for wave, echoes in ((mixture.clean, early), (mixture.noisy, all_of_them)):
        assert abs(np.corrcoef(wave, heard(*echoes))[0, 1]) > 1 - 1e-6


def test_bandwidth_is_that_of_the_recording(tmp_path: Path) -> None:
    save(tmp_path / "a.flac", Audio(np.sin(np.arange(16_000)).astype(np.float32), 8_000))
    mixer = Mixer(Material(((tmp_path / "a.flac",),)), MixingConfig(**PLAIN))
    assert mixer.draw(np.random.default_rng(0)).bandwidth == 4_000


def test_sources_are_drawn_from_equally_often(tmp_path: Path) -> None:
    for i, rate in enumerate([8_000, 16_000, 16_000, 16_000]):
        save(tmp_path / f"{i}.flac", Audio(np.sin(np.arange(16_000)).astype(np.float32), rate))
    few, many = (tmp_path / "0.flac",), tuple(tmp_path / f"{i}.flac" for i in (1, 2, 3))
    mixer = Mixer(Material((few, many)), MixingConfig(**PLAIN, seconds=0.2))
    drawn = [mixer.draw(np.random.default_rng(i)).bandwidth for i in range(100)]
    assert 35 <= drawn.count(4_000) <= 65


def test_noise_is_generated_of_the_families_that_are_asked_for() -> None:
    asked = {"families": ("hum", "beeps"), "recorded": 0, "babble": 0, "two_noises": 0}
    mixer = Mixer(Material(()), MixingConfig(**asked))
    drawn = mixer._one_noise(np.random.default_rng(3))
    rng = np.random.default_rng(3)
    rng.random()
    family = FAMILIES[("hum", "beeps")[rng.integers(2)]]
    wave = family(32_000, 16_000, rng)
    np.testing.assert_allclose(drawn, wave / wave.std())
    with pytest.raises(ValidationError, match="no family of noise is named 'rain'; there are"):
        MixingConfig(families=("hum", "rain"))


def test_low_pass_takes_what_is_above() -> None:
    t = np.arange(16_000) / 16_000
    low, high = np.sin(2 * np.pi * 1000 * t), np.sin(2 * np.pi * 5000 * t)
    np.testing.assert_allclose(low_passed(low + high, 2500, 16_000), low, atol=1e-3)


@pytest.mark.parametrize("kind", ["speech", "noise"])
def test_material_of_silence_is_refused_and_its_folder_named(
        kind: str, tmp_path: Path, recordings: tuple[Path, ...]) -> None:
    (tmp_path / "hush").mkdir()
    save(tmp_path / "hush" / "a.flac", Audio(np.zeros(16_000, np.float32), 16_000))
    silent = ((tmp_path / "hush" / "a.flac",),)
    material = Material(silent) if kind == "speech" else Material((recordings,), silent)
    config = MixingConfig(**PLAIN | {"recorded": 1.0})
    with pytest.raises(UtteranceError, match="no sound in them, of 1 recordings in hush"):
        Mixer(material, config).draw(np.random.default_rng(0))


def test_material_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "bad.flac").write_bytes(b"no audio")
    with pytest.raises(ConfigError, match=r"bad\.flac.*take it out"):
        Mixer(Material(((tmp_path / "bad.flac",),)), MixingConfig()).draw(np.random.default_rng(0))
