"""Window, bands, comb filter, targets and postfilter against their formulas."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.testing import assert_allclose

from evalkit.core.errors import ConfigError
from evalkit.models.percepnet import targets
from evalkit.models.percepnet.analysis import Analysis
from evalkit.models.percepnet.bands import BANDS, CENTRES, Bands, bands_of, coherence
from evalkit.models.percepnet.comb import comb, taps
from evalkit.models.percepnet.frames import RATES, Framing
from evalkit.models.percepnet.memory import stretches
from evalkit.models.percepnet.shaping import BETA, mixed, postfilter, raised

FULL, NARROW = (Framing(rate) for rate in (48_000, 16_000))
SHARE = st.floats(0, 1)


def spectra(framing: Framing, seed: int, n: int = 3) -> np.ndarray:
    rng = np.random.default_rng(seed)
    pair = rng.standard_normal((2, n, framing.bins)).astype(np.float32)
    return pair[0] + 1j * pair[1]


def test_other_rates_are_refused_in_one_line():
    with pytest.raises(ConfigError, match="16000 or 48000 Hz, not at 44100"):
        Framing(44_100)


@pytest.mark.parametrize("rate", RATES)
def test_the_window_is_that_of_the_article_and_complementary_in_power(rate):
    framing = Framing(rate)
    n = framing.size
    assert (n, framing.hop, framing.bins) == (rate // 50, rate // 100, rate // 100 + 1)
    wanted = [math.sin(math.pi / 2 * math.sin(math.pi * (i + 0.5) / n) ** 2) for i in range(n)]
    assert_allclose(framing.window, wanted, atol=1e-7)
    power = framing.window.astype(float) ** 2
    assert_allclose(power[:n // 2] + power[n // 2:], 1, atol=1e-6)


def test_centres_are_equally_far_apart_in_bandwidths_but_100_hz_at_least():
    number = lambda hz: 9.265 * math.log(1 + hz / (24.7 * 9.265))  # noqa: E731
    step, centres = number(20_000) / (BANDS - 1), [0]
    for band in range(1, BANDS):
        hz = 24.7 * 9.265 * (math.exp(band * step / 9.265) - 1)
        centres.append(max(centres[-1] + 2, round(hz / 50)))
    assert centres == list(CENTRES)


def triangle(band: int, at: int, centres: tuple[int, ...]) -> float:
    """The weight of a band at a bin, from the definition."""
    centre = centres[band]
    if at == centre:
        return 1.0
    neighbour = band + (1 if at > centre else -1)
    if not 0 <= neighbour < len(centres):
        return 0.0
    return max(0.0, 1 - abs(at - centre) / abs(centres[neighbour] - centre))


def test_bands_are_triangles_from_centre_to_centre():
    bands = bands_of(FULL)
    wanted = [[triangle(b, i, CENTRES) for i in range(FULL.bins)] for b in range(BANDS)]
    assert_allclose(bands.interpolation, wanted, atol=1e-6)
    assert_allclose(bands.interpolation.sum(axis=0), [1] * 401 + [0] * 80, atol=1e-6)
    doubled = np.array(wanted)
    doubled[[0, -1]] *= 2
    power = spectra(FULL, 1)
    assert_allclose(bands.energies(power), np.abs(power) ** 2 @ doubled.T, rtol=1e-5)


def test_at_16_khz_the_bands_that_have_bins_are_the_same():
    full, narrow = bands_of(FULL), bands_of(NARROW)
    assert narrow.present.tolist() == [True] * 27 + [False] * 7
    assert full.present.all()
    assert_allclose(narrow.interpolation[:26], full.interpolation[:26, :161], atol=1e-6)
    assert_allclose(narrow.interpolation.sum(axis=0), 1, atol=1e-6)
    assert not narrow.energies(spectra(NARROW, 2))[:, 27:].any()


@pytest.mark.parametrize("framing", [FULL, NARROW])
def test_products_are_inner_products_and_coherence_is_their_cosine(framing):
    bands, one, other = bands_of(framing), spectra(framing, 3), spectra(framing, 4)
    product = bands.products(one, other)
    wanted = np.real(np.conj(one) * other) @ bands.gathering
    assert_allclose(product, wanted, rtol=1e-4, atol=1e-3)
    likeness = coherence(product, bands.energies(one), bands.energies(other))
    assert likeness.min() >= 0
    assert likeness.max() <= 1
    itself = bands.energies(one)
    assert_allclose(coherence(itself, itself, itself)[:, bands.present], 1, atol=1e-6)
    assert not coherence(-itself, itself, itself).any()
    assert not coherence(*np.zeros((3, 2, BANDS), np.float32)).any()


@given(st.floats(60, 768))
def test_taps_are_a_hann_window_of_whole_periods_within_the_look_ahead(period):
    used = taps(np.array([period]), FULL)
    wanted = {}
    for k in range(-5, 6):
        shift = round(k * period)
        if -shift <= 960:  # samples beyond the frame's end
            wanted[shift] = 0.5 + 0.5 * math.cos(math.pi * k / 6)
    total = sum(wanted.values())
    kept = used.weights[0] > 0
    assert used.shifts[0][kept].tolist() == list(wanted)
    assert_allclose(used.weights[0][kept], [w / total for w in wanted.values()], rtol=1e-5)
    variance = sum(w * w for w in wanted.values()) / total**2
    assert used.noise_gain[0] == pytest.approx(variance, rel=1e-5)


def test_a_comb_that_is_whole_leaves_an_eighth_of_white_noise():
    assert taps(np.array([100.0]), FULL).noise_gain[0] == pytest.approx(0.125)


def test_a_combed_frame_is_the_sum_of_its_neighbours():
    signal = np.random.default_rng(5).standard_normal(9_000).astype(np.float32)
    used = taps(np.array([210.4, 700.0]), FULL)
    made = np.empty((2, FULL.size), np.float32)
    comb(stretches(signal, FULL.size), np.array([4_000, 5_000]), used, out=made)
    for row, start in zip(range(2), (4_000, 5_000), strict=True):
        wanted = sum(weight * signal[start - shift:start - shift + FULL.size] for shift, weight
                     in zip(used.shifts[row], used.weights[row], strict=True) if weight)
        assert_allclose(made[row], wanted, atol=1e-5)


def test_a_tone_at_the_pitch_passes_the_comb():
    time = np.arange(12_000) / 48_000
    signal = np.sin(2 * np.pi * 200 * time).astype(np.float32)
    made = np.empty((1, FULL.size), np.float32)
    comb(stretches(signal, FULL.size), np.array([6_000]), taps(np.array([240.0]), FULL), made)
    assert_allclose(made[0], signal[6_000:6_960], atol=1e-5)


def mixture_coherence(q_y: float, noise_gain: float, r: float) -> float:
    """Of (1 - r) y + r p with the pitch, where y and p have independent residuals."""
    q_p = q_y / math.sqrt((1 - noise_gain) * q_y**2 + noise_gain)
    product = q_y * q_p
    return (((1 - r) * q_y + r * q_p)
            / math.sqrt((1 - r) ** 2 + r**2 + 2 * r * (1 - r) * product))


def test_the_worked_example():
    r, attenuation = targets.strengths(np.array(0.8), np.array(0.5), np.array(0.125))
    assert r == pytest.approx(0.4978, abs=1e-4)
    assert mixture_coherence(0.5, 0.125, float(r)) == pytest.approx(0.8000, abs=1e-6)
    assert attenuation == pytest.approx(1)


@given(SHARE, SHARE, st.floats(0.05, 0.5))
def test_the_mixture_is_as_coherent_as_the_speech_or_as_can_be(q_x, q_y, noise_gain):
    r, attenuation = targets.strengths(*map(np.array, (q_x, q_y, noise_gain)))
    q_p = q_y / math.sqrt((1 - noise_gain) * q_y**2 + noise_gain)
    assert 0 <= r <= 1
    assert 0 < attenuation <= 1
    if q_x <= q_y:
        assert (r, attenuation) == (0, 1)
    elif q_p <= q_x:
        assert r == 1
        assert attenuation == pytest.approx(
            math.sqrt((1.03 - q_x**2) / (1.03 - q_p**2)), rel=1e-6)
    else:
        assert mixture_coherence(q_y, noise_gain, float(r)) == pytest.approx(q_x, abs=1e-5)
        assert attenuation == 1


@given(st.floats(0, 1e6), st.floats(0, 1e6))
def test_gains_are_ratios_of_magnitudes_in_0_to_1(clean, noisy):
    gain = float(targets.gains(np.float32(clean), np.float32(noisy)))
    wanted = min(1.0, math.sqrt(clean / noisy)) if noisy > 1e-6 else None
    assert 0 <= gain <= 1
    assert wanted is None or gain == pytest.approx(wanted, rel=1e-4)


def test_the_postfilter_raises_a_frame_by_5_57_db_at_most():
    ratio = np.geomspace(0.1, 1e4, 100_001)
    decibels = 20 * np.log10([*map(raised, ratio)])
    assert decibels.max() == pytest.approx(5.57, abs=0.005)
    assert raised(1.0) == pytest.approx(1)
    assert raised(7.0) == pytest.approx(math.sqrt(1.02 * 7 / (1 + 0.02 * 49)))
    assert BETA == 0.02


@given(st.integers(0, 1_000))
def test_the_postfilter_lowers_small_gains_and_keeps_most_of_the_energy(seed):
    rng = np.random.default_rng(seed)
    gains = rng.random((1, BANDS)).astype(np.float32)
    energies = rng.random((1, BANDS)).astype(np.float32)
    made = postfilter(gains, energies)
    warped = gains * np.sin(np.pi / 2 * gains)
    ratio = float((gains**2 * energies).sum() / (warped**2 * energies).sum())
    assert_allclose(made, warped * raised(ratio), rtol=1e-4)
    ones = np.ones((1, BANDS), np.float32)
    assert_allclose(postfilter(ones, energies), ones, rtol=1e-5)
    assert not postfilter(0 * ones, energies).any()


def mix(noisy: np.ndarray, combed: np.ndarray, strengths: np.ndarray, bands: Bands) -> np.ndarray:
    energies = bands.energies(noisy)
    none = np.zeros((len(noisy), BANDS), np.float32)
    heard = Analysis(noisy, combed, none[:, 0], energies, none, none)
    return mixed(heard, strengths, bands)


@pytest.mark.parametrize("framing", [FULL, NARROW])
def test_mixing_gives_a_band_its_energy_back(framing):
    """By the definition, band by band and bin by bin; exactly, where all bands lose alike."""
    bands, noisy, combed = bands_of(framing), spectra(framing, 6), spectra(framing, 7)
    strength = np.random.default_rng(8).random((3, BANDS)).astype(np.float32)
    share = strength @ bands.interpolation
    mixture = (1 - share) * noisy + share * combed
    before, after = (np.abs(z) ** 2 @ bands.gathering for z in (noisy, mixture))
    lost = np.where(after > 0, before / np.maximum(after, 1e-9), 0)
    wanted = mixture * (np.sqrt(lost) @ bands.interpolation)
    assert_allclose(mix(noisy, combed, strength, bands), wanted, rtol=1e-3, atol=1e-4)
    ones = np.ones((3, BANDS), np.float32)
    heard = slice(0, 401)
    for r in (0, 0.4, 1):
        made = mix(noisy, np.complex64(0.3) * noisy, np.float32(r) * ones, bands)
        assert_allclose(made[:, heard], noisy[:, heard], rtol=1e-4)
    assert not mix(0 * noisy, 0 * combed, ones, bands).any()
