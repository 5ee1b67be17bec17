"""What the network hears and is to answer."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose, assert_array_equal

from evalkit.models.percepnet.bands import bands_of
from evalkit.models.percepnet.features import (
    FAINT,
    FEATURES,
    Lesson,
    analysis_of,
    features,
    lesson,
    pitch_of,
)
from evalkit.models.percepnet.frames import RATES, Framing
from evalkit.models.percepnet.path import enhance
from tests.models.percepnet.signals import voiced

BOTH = pytest.mark.parametrize("rate", RATES)


class Recorder:
    """An adviser that changes nothing and keeps what it hears."""

    def __init__(self) -> None:
        self.heard: list[np.ndarray] = []

    def __call__(self, heard: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        self.heard.append(heard)
        ones = np.ones((len(heard), 34), np.float32)
        return ones, 0 * ones


@BOTH
def test_spectra_are_those_of_frames_cut_from_the_signal(rate):
    framing = Framing(rate)
    signal = voiced(rate, 1.5, 140.0, noise=0.02)
    heard = analysis_of(signal, framing, pitch_of(signal, framing))
    padded = np.pad(signal, (framing.hop, 4 * framing.hop))
    frames = [padded[at:at + framing.size] for at in
              range(0, len(signal) + framing.hop, framing.hop)]
    wanted = np.fft.rfft(np.array(frames) * framing.window)
    assert_allclose(heard.spectra, wanted, atol=1e-3)
    energies = bands_of(framing).energies(wanted.astype(np.complex64))
    assert_allclose(heard.energies, energies, rtol=1e-3, atol=1e-4)
    assert_allclose(heard.ahead[:-2], heard.energies[2:], rtol=1e-6)
    assert heard.coherence.min() >= 0
    assert heard.coherence.max() <= 1


def test_a_voice_is_coherent_with_its_pitch_and_noise_is_not():
    framing = Framing(16_000)
    voice, noise = voiced(16_000, 1.0, 160.0), voiced(16_000, 1.0, 160.0, noise=1.0)
    of_voice, of_noise = (analysis_of(s, framing, pitch_of(s, framing)) for s in (voice, noise))
    low = slice(2, 20)
    assert of_voice.coherence[20:80, low].mean() > 0.95
    assert of_noise.coherence[20:80, low].mean() < 0.7


@BOTH
def test_features_are_70_and_of_order_1(rate):
    framing = Framing(rate)
    signal = voiced(rate, 0.5, 200.0, noise=0.01)
    pitch = pitch_of(signal, framing)
    made = features(analysis_of(signal, framing, pitch), pitch, framing)
    assert made.shape == (51, FEATURES) == (51, 70)
    assert made.dtype == np.float32
    assert np.abs(made).max() <= 2.1
    assert_allclose(2 ** (2 * (made[20:30, 68] + 1)) / 800, 1 / 200, rtol=0.01)


def test_both_rates_hear_nearly_the_same():
    """Where the material ends at 8 kHz: harmonics up to 4 kHz."""
    heard = []
    for rate in RATES:
        signal, framing = voiced(rate, 1.0, 125.0), Framing(rate)
        pitch = pitch_of(signal, framing)
        heard.append(features(analysis_of(signal, framing, pitch), pitch, framing))
    below = [*range(21), *range(34, 55), 68]
    assert_allclose(heard[0][20:80, below], heard[1][20:80, below], atol=0.05)


@BOTH
def test_training_hears_what_the_path_hears(rate):
    framing, recorder = Framing(rate), Recorder()
    clean, noisy = voiced(rate, 0.8, 170.0), voiced(rate, 0.8, 170.0, noise=0.03)
    enhance(noisy, framing, recorder)
    taught = lesson(clean, noisy, framing)
    assert_allclose(np.concatenate(recorder.heard)[2:], taught.features, atol=1e-4)


def taught(rate: int, noise: float, bandwidth: float = np.inf) -> Lesson:
    return lesson(voiced(rate, 0.6, 150.0), voiced(rate, 0.6, 150.0, noise=noise), Framing(rate),
                  bandwidth)


@BOTH
def test_answers_lie_in_0_to_1_and_follow_the_noise(rate):
    little, much = taught(rate, 0.001), taught(rate, 0.1)
    for made in (little, much):
        for answer in (made.gains, made.strengths):
            assert answer.shape == (61, 34)
            assert answer.dtype == np.float32
            assert answer.min() >= 0
            assert answer.max() <= 1
    voice = slice(3, 15)
    assert little.gains[15:45, voice].mean() > 0.9 > much.gains[15:45, voice].mean() + 0.1
    assert much.strengths[15:45, voice].mean() > 0.9  # the voice is wholly periodic


@BOTH
def test_clean_speech_is_left_alone(rate):
    signal = voiced(rate, 0.6, 150.0)
    made = lesson(signal, signal, Framing(rate))
    assert_allclose(made.gains[made.mask], 1, atol=1e-6)
    assert not made.strengths.any()


def test_bands_with_nothing_to_learn_are_masked():
    assert not taught(16_000, 0.01).mask[:, 27:].any()
    assert taught(48_000, 0.01).mask[20:40].all()
    limited = taught(48_000, 0.01, bandwidth=8_000).mask
    assert_array_equal(limited[20:40].any(axis=0), [True] * 27 + [False] * 7)
    silence = np.zeros(4_800, np.float32)
    assert not lesson(silence, silence, Framing(16_000)).mask.any()
    assert FAINT == 1e-10
