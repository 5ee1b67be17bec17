"""Quality metrics against the packages they come from, by law, and at every edge where those
packages give a number that means nothing."""

from __future__ import annotations

import math
import subprocess
import sys

import numpy as np
import pesq
import pystoi
import pytest
from hypothesis import given
from hypothesis import strategies as st
from pystoi.stoi import OBM
from scipy.signal import resample_poly

from evalkit.audio import RESAMPLER
from evalkit.core.errors import PluginError, UtteranceError
from evalkit.core.plugins import create
from evalkit.core.types import Audio, Output, Utterance
from evalkit.metrics import dnsmos as dnsmos_module
from evalkit.metrics import polyphase, third_octaves
from evalkit.metrics.dnsmos import Dnsmos
from evalkit.metrics.pesq import PesqNarrowband, PesqWideband
from evalkit.metrics.si_sdr import SiSdr, si_sdr
from evalkit.metrics.stoi import Estoi, Stoi
from evalkit.recordings.reading import load

RATE = 16000
PESQ = [PesqWideband(), PesqNarrowband()]
INTRUSIVE = [*PESQ, Stoi(), Estoi(), SiSdr()]
ALL = [*INTRUSIVE, Dnsmos()]


def speech(seconds: float = 3.0, rate: int = RATE) -> np.ndarray:
    """A buzz of 120 Hz through moving formants, in syllables: not speech, but PESQ and STOI
    find utterances in it, and it is the same on every machine."""
    t = np.arange(round(seconds * rate)) / rate
    pitch = 2 * np.pi * (120 * t + 8 * np.sin(2 * np.pi * 0.7 * t))
    formants = 500 + 200 * np.sin(2 * np.pi * 1.3 * t), 1600 + 500 * np.sin(2 * np.pi * 0.9 * t)
    buzz = sum(sum(np.exp(-(((120 * k - formant) / 250) ** 2)) for formant in formants)
               * np.sin(k * pitch) for k in range(1, 30))
    syllables = np.clip(np.sin(2 * np.pi * 2.1 * t), 0, 1) ** 0.5
    return (0.1 * buzz * syllables).astype(np.float32)


def noise(n: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal(n).astype(np.float32)


def noisy(clean: np.ndarray, snr: float) -> np.ndarray:
    added = noise(len(clean))
    gain = math.sqrt(np.mean(clean**2) / np.mean(added**2) / 10 ** (snr / 10))
    return clean + np.float32(gain) * added


def measure(metric, clean, heard, rate: int = RATE) -> float:
    output = Output(audio=None if heard is None else Audio(heard, rate),
                    reference_audio=None if clean is None else Audio(clean, rate))
    measured = metric.measure(Utterance("u"), output)
    assert set(measured) == set(metric.facts)
    assert all(m.weight == 1 and math.isfinite(m.amount) for m in measured.values())
    return next(iter(measured.values())).amount


def refusal(metric, clean, heard, rate: int = RATE) -> str:
    with pytest.raises(UtteranceError) as caught:
        measure(metric, clean, heard, rate)
    return caught.value.kind


@pytest.mark.parametrize(("metric", "best"), [(PESQ[0], 4.6439), (PESQ[1], 4.5486)])
def test_pesq_of_the_recording_itself_is_the_top_of_the_scale(metric, best):
    assert measure(metric, speech(), speech()) == pytest.approx(best, abs=1e-4)


@pytest.mark.parametrize(("metric", "golden"), [
    (PesqWideband(), 1.6057), (PesqNarrowband(), 2.3938), (Stoi(), 0.9547), (Estoi(), 0.9273)])
def test_golden_values(metric, golden):
    assert measure(metric, speech(), noisy(speech(), 30)) == pytest.approx(golden, abs=2e-3)


@pytest.mark.parametrize("metric", PESQ)
def test_pesq_is_the_packages_with_the_reference_first(metric):
    clean, heard = speech(), noisy(speech(), 30)
    mode = metric.name.removeprefix("pesq_")
    assert measure(metric, clean, heard) == pytest.approx(pesq.pesq(RATE, clean, heard, mode))
    assert measure(metric, clean, heard) != pytest.approx(
        pesq.pesq(RATE, heard, clean, mode), abs=0.01)


def test_stoi_is_the_packages():
    clean, heard = speech(), noisy(speech(), 0)
    assert measure(Stoi(), clean, heard) == pytest.approx(pystoi.stoi(clean, heard, RATE))
    assert measure(Estoi(), clean, heard) == pytest.approx(
        pystoi.stoi(clean, heard, RATE, extended=True))


@pytest.mark.parametrize("rate", [8000, 10_000, 11_025, 12_345, 16_000, 44_100])
@pytest.mark.parametrize("seed", range(4))
def test_stoi_is_the_packages_at_odd_lengths_and_rates_with_pauses(rate, seed):
    """Pauses of silence too, of which the extended form makes noise that is drawn."""
    rng = np.random.default_rng([seed, rate])
    clean = rng.standard_normal(int(rng.uniform(0.6, 1.2) * rate))
    clean[len(clean) // 3:len(clean) // 2] *= rng.choice([0, 1e-4, 1])
    heard = rng.random() * clean + rng.choice([0, 0.1, 10]) * rng.standard_normal(len(clean))
    heard[:len(clean) // 2 * (seed % 2)] = 0
    np.random.seed(0)
    theirs = [pystoi.stoi(clean, heard, rate, extended=extended) for extended in (False, True)]
    ours = [measure(metric, clean, heard, rate) for metric in (Stoi(), Estoi())]
    assert ours == pytest.approx(theirs, abs=1e-9)


@pytest.mark.parametrize("level", [1e-6, 1e-9, 1e-12, 1e-14])
def test_stoi_is_the_packages_at_any_level(level):
    """Where the number that the package adds to norms is no longer small beside them."""
    rng = np.random.default_rng(0)
    clean = level * speech().astype(float)
    heard = clean + level * 0.05 * rng.standard_normal(len(clean))
    np.random.seed(0)
    theirs = [pystoi.stoi(clean, heard, RATE, extended=extended) for extended in (False, True)]
    assert [measure(metric, clean, heard) for metric in (Stoi(), Estoi())] == pytest.approx(
        theirs, abs=1e-9)


@pytest.mark.parametrize("metric", INTRUSIVE)
def test_less_noise_is_never_worse(metric):
    scores = [measure(metric, speech(), noisy(speech(), snr)) for snr in (10, 20, 30, 40)]
    assert scores == sorted(scores) and scores[0] < scores[-1]


@pytest.mark.parametrize("metric", INTRUSIVE)
def test_gain_is_not_seen(metric):
    clean, heard = speech(), noisy(speech(), 30)
    assert measure(metric, clean, 0.01 * heard) == pytest.approx(
        measure(metric, clean, heard), abs=2e-3)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize("metric", [*PESQ, Stoi()])
def test_any_rate_is_resampled(metric, rate):
    clean = resample_poly(speech(), rate // 50, RATE // 50).astype(np.float32)
    assert measure(metric, clean, clean, rate) == pytest.approx(
        measure(metric, speech(), speech()), abs=1e-3)


@pytest.mark.parametrize("metric", INTRUSIVE)
def test_unequal_lengths_and_rates_are_refused(metric):
    clean = speech()
    assert refusal(metric, clean, clean[:-1]) == "UnequalLength"
    other = Output(audio=Audio(clean, 8000), reference_audio=Audio(clean, RATE))
    with pytest.raises(UtteranceError, match="UnequalRate: output has 8000 Hz, reference 16000"):
        metric.measure(Utterance("u"), other)


@pytest.mark.parametrize("metric", INTRUSIVE)
def test_what_is_missing_silent_or_not_finite_is_said(metric):
    clean = speech()
    silent, broken = np.zeros_like(clean), clean.copy()
    broken[100] = np.nan
    assert refusal(metric, None, clean) == "NoReference"
    assert refusal(metric, silent, clean) == "SilentReference"
    assert refusal(metric, silent, silent) == "SilentReference"


@pytest.mark.parametrize("metric", ALL)
def test_an_output_that_cannot_be_measured(metric):
    clean = speech()
    broken = clean.copy()
    broken[100] = np.nan
    assert refusal(metric, clean, None) == "NoAudio"
    assert refusal(metric, clean, np.zeros_like(clean)) == "SilentOutput"
    assert refusal(metric, clean, broken) == "NotFinite"
    assert refusal(metric, clean[:0], clean[:0]) == "EmptyAudio"


def test_what_the_packages_say_of_silence():
    """Why it is refused: NaN, 0 and noise, as if they were scores."""
    clean, silent = speech(), np.zeros_like(speech())
    with np.errstate(all="ignore"):
        assert math.isnan(pesq.pesq(RATE, clean, silent, "wb", pesq.PesqError.RETURN_VALUES))
    assert pystoi.stoi(clean, silent, RATE) == 0


@pytest.mark.parametrize("metric", PESQ)
def test_pesq_needs_a_quarter_of_a_second_of_at_most_a_minute(metric):
    assert refusal(metric, speech(0.24), speech(0.24)) == "TooShort"
    long = np.tile(speech(6), 11)
    assert refusal(metric, long, long) == "TooLong"


@pytest.mark.parametrize("metric", PESQ)
def test_pesq_keeps_fifty_stretches_of_speech(metric):
    """Of more its code writes beyond its memory: of 54 the narrowband score is wrong by 0.45, and
    60 end the process."""
    syllable = np.concatenate([noise(4000), np.zeros(4000, np.float32)])
    most, more, many = (np.tile(syllable, number) for number in (50, 51, 60))
    assert measure(metric, most, noisy(most, 30)) > 1.5
    assert refusal(metric, more, noisy(more, 30)) == "TooManyStretches"
    assert refusal(metric, many, noisy(many, 30)) == "TooManyStretches"
    cut = np.concatenate([most, noise(2000)])  # what is too short to count is in the way, too
    assert refusal(metric, cut, noisy(cut, 30)) == "TooManyStretches"


@pytest.mark.parametrize("metric", PESQ)
def test_pesq_of_what_only_pesq_finds_silent(metric):
    whisper = np.float32(1e-30)
    assert refusal(metric, whisper * speech(), speech()) == "NoUtterances"
    assert refusal(metric, speech(), np.full(3 * RATE, whisper)) == "SilentOutput"


@pytest.mark.parametrize("metric", [Stoi(), Estoi()])
def test_stoi_needs_thirty_frames_that_are_not_silent(metric):
    tone = speech(2.0)[2000:]
    n = round(0.4 * RATE)
    assert refusal(metric, tone[:n], tone[:n]) == "TooShort"
    assert refusal(metric, tone[:100], tone[:100]) == "TooShort"
    mostly_silent = np.concatenate([speech(0.35), np.zeros(2 * RATE, np.float32)])
    assert refusal(metric, mostly_silent, mostly_silent) == "TooShort"
    with pytest.warns(RuntimeWarning, match="Not enough STFT frames"):
        assert pystoi.stoi(mostly_silent, mostly_silent, RATE) == 1e-5  # looks like a score


def test_estoi_repeats_itself_and_leaves_the_global_generator_alone():
    clean = speech()
    nearly_silent = np.zeros_like(clean)
    nearly_silent[:RATE] = clean[:RATE]
    raw = {pystoi.stoi(clean, nearly_silent, RATE, extended=True) for _ in range(2)}
    assert len(raw) == 2  # the package alone draws new noise each time
    scores = set()
    for seed in (5, 6):
        np.random.seed(seed)
        before = np.random.get_state()[1].copy()
        scores.add(measure(Estoi(), clean, nearly_silent))
        np.testing.assert_array_equal(np.random.get_state()[1], before)
    assert len(scores) == 1


@given(st.floats(-30, 60), st.floats(0.01, 100), st.floats(-0.5, 0.5))
def test_si_sdr_is_the_ratio_that_was_mixed(decibels, gain, offset):
    s, n = np.sin(np.arange(4000) * 2 * np.pi / 40), np.cos(np.arange(4000) * 2 * np.pi / 40)
    heard = gain * (s + n / 10 ** (decibels / 20)) + offset  # s and n are orthogonal
    assert si_sdr(s, heard) == pytest.approx(decibels, abs=1e-6)


@pytest.mark.parametrize("gain", [1, 0.5, -0.3, 0.1234567])
def test_si_sdr_of_a_copy_is_infinite_and_never_a_number(gain):
    assert refusal(SiSdr(), speech(), np.float32(gain) * speech()) == "Identical"


def test_si_sdr_of_what_has_nothing_in_common():
    s, n = (f(np.arange(RATE) * 2 * np.pi / 40) for f in (np.sin, np.cos))
    assert refusal(SiSdr(), s, n) == "Unrelated"
    assert refusal(SiSdr(), s, np.full(RATE, 0.25)) == "Unrelated"
    assert refusal(SiSdr(), np.full(RATE, 0.25), s) == "Unrelated"


def test_dnsmos_is_the_packages():
    from speechmos import dnsmos

    heard = noisy(speech(), 20).clip(-1, 1)
    peer = dnsmos.run(heard, RATE)
    measured = Dnsmos().measure(Utterance("u"), Output(audio=Audio(heard, RATE)))
    for name, score in measured.items():
        assert score.amount == pytest.approx(peer[f"{name.removeprefix('dnsmos_')}_mos"], abs=1e-4)


def test_dnsmos_takes_any_rate_and_level():
    loud = (3 * resample_poly(speech(1.0), 3, 1)).astype(np.float32)
    assert np.abs(loud).max() > 1
    assert 1 < measure(Dnsmos(), None, loud, 48000) < 5


def test_dnsmos_without_its_package_says_what_to_install(monkeypatch):
    dnsmos_module._version.cache_clear()
    monkeypatch.setattr(dnsmos_module, "find_spec", lambda name: None)
    with pytest.raises(PluginError, match=r"pip install 'evalkit\[dnsmos\]'"):
        create("metrics", "dnsmos")


@pytest.mark.parametrize("metric", ALL)
def test_made_by_name_with_a_version_that_names_the_resampler(metric):
    name = metric.name
    assert create("metrics", name) == metric
    if name.startswith(("pesq", "dnsmos")):
        assert RESAMPLER in metric.version
    if name == "dnsmos":
        assert "models 40e47248357a0e0d" in metric.version


@pytest.fixture(scope="session")
def reader(real_data) -> np.ndarray:
    """Four seconds of an audiobook."""
    return load(min((real_data / "librispeech_test-other").rglob("*.flac"))).samples[:4 * RATE]


@pytest.mark.real
@pytest.mark.parametrize("metric", ALL)
def test_real_speech_in_real_noise(real_data, reader, metric):
    tap = load(real_data / "noise" / "running_tap.wav").samples[:len(reader)]
    gain = np.sqrt(np.mean(reader**2) / np.mean(tap**2))
    worse, better = (measure(metric, reader, reader + np.float32(gain / 10 ** (snr / 20)) * tap)
                     for snr in (0, 20))
    assert worse < better


@pytest.mark.real
def test_pesq_compensates_a_delay_that_stoi_and_si_sdr_do_not(reader):
    """Why the runner aligns the output before it is measured."""
    late = np.concatenate([np.zeros(1600, np.float32), reader[:-1600]])
    for metric in PESQ:
        assert measure(metric, reader, late) > 4
    assert measure(Stoi(), reader, late) < 0.5
    assert measure(SiSdr(), reader, late) < -5


@pytest.mark.parametrize(("p", "q"), [(5, 8), (5, 4), (100, 441), (5, 24)])
def test_stoi_is_defined_as_the_package_defines_it(p, q):
    from pystoi.utils import _resample_window_oct

    edges, taps = third_octaves.third_octave_edges(), _resample_window_oct(p, q)
    bins = np.arange(OBM.shape[1])
    assert np.array_equal((edges[:-1, None] <= bins) & (bins < edges[1:, None]), OBM)
    assert np.allclose(polyphase._filter(p, q), taps / taps.sum(), rtol=1e-13, atol=1e-18)
    for ours, theirs in (("RATE", "FS"), ("LENGTH", "N"), ("BETA", "BETA"),
                         ("DYN_RANGE", "DYN_RANGE")):
        assert getattr(third_octaves, ours) == getattr(sys.modules["pystoi.stoi"], theirs)


@pytest.mark.parametrize("rate", [
    4000, 8000, 9_999, 11_025, 12_345, 16_000, 16_001, 22_050, 44_100, 48_000, 96_000])
def test_products_resample_as_filtering_sample_by_sample_does(rate):
    p, q = (each // math.gcd(rate, 10_000) for each in (10_000, rate))
    for n in (1, 2, q - 1, q, q + 1, rate // 5):
        signals = np.random.default_rng(n).standard_normal((2, n))
        signals[1, n // 2:] = 0
        found = polyphase.resampled(signals, rate, 10_000)
        peer = resample_poly(signals, p, q, axis=1, window=polyphase._filter(p, q))
        assert found.shape == peer.shape and np.abs(found - peer).max() < 1e-13
        assert not found[1][peer[1] == 0].any()


@pytest.mark.parametrize("steady", ["tone", "half silent", "the same"])
def test_stoi_of_what_hardly_changes_is_the_packages(steady):
    t = np.arange(RATE) / RATE
    clean = np.sin(2 * np.pi * 1000 * t) + 1e-9 * np.random.default_rng(0).standard_normal(len(t))
    heard = {"tone": .5 * clean + 1e-3 * np.cos(50 * t), "half silent": clean * (t < .5),
             "the same": clean}[steady]
    ours = measure(Stoi(), clean.astype(np.float32), heard.astype(np.float32))
    assert ours == pytest.approx(pystoi.stoi(
        clean.astype(np.float32).astype(float), heard.astype(np.float32).astype(float), RATE),
        abs=1e-6)


def test_stoi_loads_neither_the_package_nor_scipy():
    program = ("import sys, numpy as np\n"
               "from evalkit.metrics.stoi import stoi, third_octaves\n"
               "x = np.random.default_rng(0).standard_normal(16000)\n"
               "stoi(third_octaves(x, x, 16000))\n"
               "sys.exit('pystoi' in sys.modules or 'scipy' in sys.modules)")
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0
