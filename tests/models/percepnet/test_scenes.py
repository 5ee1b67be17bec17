"""Noise that is made up, and the scenes that it is mixed into."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal
from scipy.stats import kurtosis

from evalkit.audio import active_power
from evalkit.core.types import Audio
from evalkit.models.percepnet.noises import FAMILIES, Noises, babble, gusts, hum, impacts, keyboard
from evalkit.models.percepnet.scenes import Chances, scene
from tests.models.percepnet.signals import voiced

RATE = 16_000
ONLY_SPEECH = {"noise_alone": 0.0, "silence": 0.0, "low_passed": 0.0}


def share_below(samples: np.ndarray, hertz: float) -> float:
    """Of the energy."""
    power = np.abs(np.fft.rfft(samples)) ** 2
    return float(power[:int(hertz * len(samples) / RATE)].sum() / power.sum())


@pytest.mark.parametrize("family", FAMILIES)
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 10_000), n=st.sampled_from([1_600, 16_001, 40_000]))
def test_a_family_makes_what_is_asked_for_and_never_the_same_twice(family, seed, n):
    made, again, other = (FAMILIES[family](np.random.default_rng(s), n, RATE)
                          for s in (seed, seed, seed + 1))
    assert made.shape == (n,)
    assert np.isfinite(made).all()
    assert made.std() > 0
    assert_array_equal(made, again)
    assert abs(np.corrcoef(made, other)[0, 1]) < 0.9


def drawn(maker, count: int = 9) -> list[np.ndarray]:
    return [maker(np.random.default_rng(seed), 2 * RATE, RATE) for seed in range(count)]


def test_families_are_what_they_are_called():
    gaussian = np.random.default_rng(0).standard_normal(2 * RATE)
    assert np.median([share_below(x, 1_000) for x in drawn(gusts)]) > 0.9
    assert np.median([kurtosis(x) for x in drawn(impacts)]) > 10 > kurtosis(gaussian)
    assert np.median([kurtosis(x) for x in drawn(keyboard)]) > 10

    def peakiness(x: np.ndarray) -> float:
        power = np.abs(np.fft.rfft(x * np.hanning(len(x)))) ** 2
        return float(np.sort(power)[-200:].sum() / power.sum())

    assert np.median([peakiness(x) for x in drawn(hum)]) > 2 * peakiness(gaussian)


def test_babble_is_made_of_the_voices():
    voices = [voiced(RATE, 1.0, hertz) for hertz in (110.0, 140.0, 180.0, 230.0)]
    made = babble(np.random.default_rng(1), 3 * RATE, voices)
    assert made.shape == (3 * RATE,)
    assert share_below(made, 4_500) > 0.99


def pair(seed: int) -> tuple[np.ndarray, np.ndarray]:
    noise = np.random.default_rng(seed).standard_normal(RATE)
    return voiced(RATE, 1.0, 150.0), noise.astype(np.float32)


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000), snr=st.floats(-5, 45))
def test_speech_and_noise_are_at_the_ratio_and_level_that_were_drawn(seed, snr):
    chances = Chances(snr_db=(snr, snr), level_dbfs=(-30, -30), **ONLY_SPEECH)
    made = scene(np.random.default_rng(seed), *pair(seed), RATE, chances)
    speech = active_power(Audio(made.clean, RATE))
    noise = float(np.mean((made.noisy - made.clean).astype(np.float64) ** 2))
    assert 10 * np.log10(speech / noise) == pytest.approx(snr, abs=0.2)
    assert 10 * np.log10(speech) == pytest.approx(-30, abs=0.2)
    assert made.bandwidth == RATE / 2


@settings(max_examples=12, deadline=None)
@given(seed=st.integers(0, 10_000))
def test_scenes_never_clip(seed):
    loud = Chances(snr_db=(-5, 0), level_dbfs=(-5, 0))
    made = scene(np.random.default_rng(seed), *pair(seed), RATE, loud)
    assert np.abs(made.noisy).max() <= 0.99 + 1e-6
    assert made.clean.dtype == made.noisy.dtype == np.float32
    assert made.clean.shape == made.noisy.shape == (RATE,)


def test_noise_alone_and_silence_have_no_speech():
    alone = scene(np.random.default_rng(0), *pair(0), RATE, Chances(noise_alone=1, silence=0))
    silent = scene(np.random.default_rng(0), *pair(0), RATE, Chances(noise_alone=0, silence=1))
    assert not alone.clean.any()
    assert alone.noisy.any()
    assert not silent.noisy.any()


def test_a_low_pass_leaves_nothing_above_the_bandwidth_that_is_stated():
    chances = Chances(low_passed=1, noise_alone=0, silence=0, snr_db=(0, 0))
    for seed in range(5):
        made = scene(np.random.default_rng(seed), *pair(seed), RATE, chances)
        assert 3_000 <= made.bandwidth <= 8_000
        if made.bandwidth < 7_000:
            assert share_below(made.noisy, made.bandwidth * 1.1) > 0.999


@pytest.mark.parametrize("silent", [0, 1])
def test_silent_material_stays_silent(silent):
    parts = list(pair(3))
    parts[silent] = np.zeros(RATE, np.float32)
    made = scene(np.random.default_rng(3), *parts, RATE, Chances(**ONLY_SPEECH))
    heard = made.clean if silent == 0 else made.noisy - made.clean
    assert_allclose(heard, 0, atol=1e-7)
    assert np.isfinite(made.noisy).all()


def test_noise_is_drawn_from_all_there_is():
    recording = np.tile([1.0, -1.0], 500)  # at half the rate, where no family has anything
    noises = Noises(RATE, recordings=[recording], recorded=0.5, two=0)
    drawn = [noises.draw(np.random.default_rng(seed), 3_000) for seed in range(60)]
    recorded = [share_below(x, 7_900) < 1e-3 for x in drawn]
    assert 15 < sum(recorded) < 45
    assert_allclose([np.sqrt(np.mean(x**2)) for x in drawn], 1, rtol=1e-6)
    assert not any(share_below(Noises(RATE).draw(np.random.default_rng(seed), 3_000), 7_900) < 1e-3
                   for seed in range(20))
    voices = [voiced(RATE, 1.0, 100.0)]
    babbled = Noises(RATE, voices=voices, babbled=1, two=0).draw(np.random.default_rng(0), RATE)
    assert share_below(babbled, 4_500) > 0.99
