from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from evalkit import audio as waveform
from evalkit.core.errors import ConfigError, PluginError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio
from evalkit.recordings.reading import load
from evalkit.systems import identity
from evalkit.systems.noisereduce import SpectralGating
from evalkit.systems.rnnoise import RNNoise

ENHANCERS = [SpectralGating(), SpectralGating(stationary=True), RNNoise()]


def si_sdr(output: np.ndarray, clean: np.ndarray) -> float:
    """Le Roux et al. 2019, equation 3, in dB."""
    output, clean = output.astype(float), clean.astype(float)
    target = (output @ clean) / (clean @ clean) * clean
    return 10 * float(np.log10(target @ target / ((output - target) @ (output - target))))


def noisy(clean: Audio, noise: np.ndarray, snr: float) -> Audio:
    noise = np.resize(noise, len(clean.samples))
    gain = np.sqrt(np.mean(clean.samples**2) / np.mean(noise**2) / 10 ** (snr / 10))
    return Audio(clean.samples + np.float32(gain) * noise, clean.rate)


def aligned(enhancer: RNNoise | SpectralGating, speech: Audio) -> np.ndarray:
    made = enhancer.enhance([waveform.resample(speech, enhancer.rate)])[0]
    early = waveform.advance(waveform.resample(made, speech.rate), enhancer.delay)
    return waveform.fit(early.samples, len(speech.samples))


@pytest.mark.parametrize("enhancer", ENHANCERS, ids=repr)
def test_the_stated_delay_is_the_measured_one(enhancer: SpectralGating,
                                              readers: list[list[Audio]]) -> None:
    for speech, _ in readers[:5]:
        heard = waveform.resample(speech, enhancer.rate)
        lag = waveform.measure_lag(enhancer.enhance([heard])[0], heard)
        assert lag == pytest.approx(enhancer.delay, abs=0.001)


@pytest.mark.parametrize(("enhancer", "gain"), [(RNNoise(), 3.0), (SpectralGating(), 1.0)],
                         ids=repr)
def test_noise_is_reduced(enhancer: SpectralGating, gain: float, real_data: Path,
                          readers: list[list[Audio]]) -> None:
    noise = load(real_data / "noise" / "running_tap.wav").samples
    gains = [si_sdr(aligned(enhancer, noisy(speech, noise, 5)), speech.samples) - 5
             for speech, _ in readers[:5]]
    assert np.mean(gains) > gain


@pytest.mark.parametrize("enhancer", ENHANCERS, ids=repr)
def test_an_utterance_does_not_depend_on_those_before(enhancer: SpectralGating,
                                                      readers: list[list[Audio]]) -> None:
    batch = [waveform.resample(speech, enhancer.rate) for speech, _ in readers[:2]]
    forwards = [enhancer.enhance([speech])[0].samples for speech in batch]
    backwards = [enhancer.enhance([speech])[0].samples for speech in reversed(batch)][::-1]
    assert all(np.array_equal(a, b) for a, b in zip(forwards, backwards, strict=True))


@pytest.mark.parametrize("enhancer", ENHANCERS, ids=repr)
@pytest.mark.parametrize("length", [1024, 1440, 1441, 16_000])
def test_length_and_rate_are_kept_but_for_the_delay(enhancer: SpectralGating,
                                                    length: int) -> None:
    rate = enhancer.rate or 8_000
    noise = np.random.default_rng(0).standard_normal(length).astype(np.float32)
    given = (0.1 * noise).copy()
    made = enhancer.enhance([Audio(given, rate)])[0]
    assert made.rate == rate
    assert made.samples.dtype == np.float32
    assert len(made.samples) == length + round(enhancer.delay * rate)
    assert np.isfinite(made.samples).all()
    assert np.array_equal(given, np.float32(0.1) * noise), "the input was written over"


@pytest.mark.parametrize("enhancer", ENHANCERS, ids=repr)
def test_silence_stays_silence(enhancer: SpectralGating) -> None:
    made = enhancer.enhance([Audio(np.zeros(48_000, np.float32), enhancer.rate or 16_000)])[0]
    assert np.abs(made.samples).max() < 1e-4


@pytest.mark.parametrize("stationary", [False, True])
def test_gating_needs_a_window(stationary: bool) -> None:
    with pytest.raises(UtteranceError, match="TooShort: 1023 samples, spectral gating needs 1024"):
        SpectralGating(stationary).enhance([Audio(np.ones(1023, np.float32), 16_000)])[0]


def test_rnnoise_takes_the_shortest_utterance() -> None:
    assert len(RNNoise().enhance([Audio(np.ones(1, np.float32), 48_000)])[0].samples) == 961


def test_rnnoise_keeps_the_end_of_an_utterance(readers: list[list[Audio]]) -> None:
    speech = waveform.resample(readers[0][0], 48_000)
    cut = Audio(speech.samples[:48_000], 48_000)
    whole, part = RNNoise().enhance([speech])[0].samples, RNNoise().enhance([cut])[0].samples
    assert len(part) == 48_960
    late = slice(48_000, 48_000 + 480)
    assert np.corrcoef(part[late], whole[late])[0, 1] > 0.5


def test_rnnoise_does_not_wrap_around_when_it_overshoots(readers: list[list[Audio]]) -> None:
    speech = waveform.resample(readers[0][0], 48_000)
    loud = np.clip(30 * speech.samples, -1, 1)
    steps = np.abs(np.diff(RNNoise().enhance([Audio(loud, 48_000)])[0].samples))
    assert steps.max() < 1.0


def test_options_decide_the_identity() -> None:
    names = {create("enhancers", "spectral_gating", options).identity
             for options in ({}, {"stationary": True}, {"strength": 0.5})}
    assert len(names) == 3
    assert "sha256:" in RNNoise().identity
    with pytest.raises(ConfigError, match=r"strength must be in \(0, 1\], not 0"):
        create("enhancers", "spectral_gating", {"strength": 0})


@pytest.mark.parametrize(("group", "name", "package", "extra"), [
    ("enhancers", "spectral_gating", "noisereduce", "enhancers"),
    ("enhancers", "rnnoise", "pyrnnoise", "enhancers"),
    ("recognizers", "pocketsphinx", "pocketsphinx", "pocketsphinx"),
    ("encoders", "resemblyzer", "webrtcvad", "resemblyzer")])
def test_a_missing_package_is_named_before_the_run(
        group: str, name: str, package: str, extra: str,
        monkeypatch: pytest.MonkeyPatch) -> None:
    find = identity.find_spec
    monkeypatch.setattr(identity, "find_spec", lambda p: None if p == package else find(p))
    with pytest.raises(PluginError, match=rf"pip install 'evalkit\[{extra}\]'"):
        create(group, name)
