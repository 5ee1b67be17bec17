"""The pitch tracker finds the pitch, and its steps are what their formulas say."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from evalkit.models.percepnet.correlation import Sums, between, correlations, peak
from evalkit.models.percepnet.features import pitch_of
from evalkit.models.percepnet.frames import RATES, Framing
from evalkit.models.percepnet.pitch import PitchTracker
from evalkit.models.percepnet.track import CHANGE, JUMP, Track
from tests.models.percepnet.signals import voiced


@pytest.mark.parametrize("rate", RATES)
@pytest.mark.parametrize("hertz", [80.0, 123.4, 211.0, 330.0])
def test_the_period_of_a_voice_is_exact_to_half_a_percent(rate, hertz):
    pitch = pitch_of(voiced(rate, 1.0, hertz, noise=0.02), Framing(rate))
    middle = slice(20, 80)
    assert_allclose(rate / pitch.periods[middle], hertz, rtol=5e-3)
    assert pitch.correlations[middle].min() > 0.8
    assert len(pitch.periods) == 101


def test_rumble_is_no_pitch():
    rumble = 0.3 * np.sin(2 * np.pi * 30 * np.arange(16_000) / 16_000)
    signal = (voiced(16_000, 1.0, 140.0) + rumble).astype(np.float32)
    pitch = pitch_of(signal, Framing(16_000))
    assert_allclose(16_000 / pitch.periods[20:80], 140, rtol=5e-3)


@pytest.mark.parametrize("rate", RATES)
def test_a_glide_is_followed(rate):
    time = np.arange(rate) / rate
    hertz = 120 * 2 ** (0.8 * time)
    phase = 2 * np.pi * np.cumsum(hertz) / rate
    glide = sum(np.sin(h * phase) / h for h in range(1, 9)) * 0.1
    pitch = pitch_of(glide.astype(np.float32), Framing(rate))
    frames = np.arange(10, 90)
    assert_allclose(rate / pitch.periods[frames], 120 * 2 ** (0.8 * frames / 100), rtol=0.02)


@pytest.mark.parametrize("rate", RATES)
@settings(max_examples=10, deadline=None)
@given(hops=st.lists(st.integers(1, 9), min_size=1, max_size=8))
def test_the_pitch_is_the_same_to_the_bit_however_many_hops_come_at_once(rate, hops):
    framing = Framing(rate)
    signal = np.random.default_rng(2).standard_normal(sum(hops) * framing.hop).astype(np.float32)
    together = PitchTracker(framing).push(signal)
    tracker = PitchTracker(framing)
    cuts = np.cumsum(hops)[:-1] * framing.hop
    parts = [tracker.push(part) for part in np.split(signal, cuts)]
    for column in range(2):
        assert_array_equal(np.concatenate([part[column] for part in parts]), together[column])


def energies(segments: np.ndarray) -> np.ndarray:
    """Of all stretches of 60 samples."""
    return np.array([np.correlate(one**2, np.ones(60, np.float32)) for one in segments])


def test_correlations_are_cosines_of_what_is_lags_apart():
    segments = np.random.default_rng(3).standard_normal((4, 90)).astype(np.float32)
    made = correlations(segments, energies(segments))
    for segment, values in zip(segments, made, strict=True):
        for lag in range(31):
            late, early = segment[30:], segment[30 - lag:90 - lag]
            wanted = late @ early / np.sqrt((late @ late) * (early @ early))
            assert values[lag] == pytest.approx(wanted, abs=1e-6)
    assert_array_equal(correlations(segments[2:3], energies(segments[2:3])), made[2:3])
    assert not correlations(np.zeros((1, 90)), np.zeros((1, 31))).any()


def test_correlations_outlive_a_crash_before_silence():
    segment = np.random.default_rng(4).standard_normal((1, 90)).astype(np.float32)
    segment[:, 30:] *= 1e-6
    assert np.abs(correlations(segment, energies(segment))).max() < 1.01


def test_between_two_values_is_a_straight_line():
    rng = np.random.default_rng(5)
    values, at, weights = rng.random((3, 20)), 0.1 + 18.9 * rng.random((2, 40)), rng.random((2, 40))
    at[:, :3] = 1, 7, 19
    wanted = np.array([[np.interp(row, np.arange(20), one) for row in at] for one in values])
    assert_allclose(Sums(at, weights)(values), (wanted * weights).sum(axis=1),
                    rtol=1e-5)
    assert_allclose([between(values[1], one) for one in at[0]], wanted[1, 0], rtol=1e-12)


@given(st.floats(-0.5, 0.5), st.floats(0.1, 10))
def test_a_peak_is_that_of_the_parabola(top, bend):
    values = -bend * (np.arange(7) - 3 - top) ** 2
    assert peak(values, 3) == pytest.approx(top, abs=1e-6)
    assert peak(values, 0) == peak(values, 6) == peak(-values, 3) == 0


@settings(deadline=None, max_examples=25)
@given(st.integers(0, 10_000))
def test_the_track_is_the_best_path_of_all_seen_so_far(seed):
    """Against a search through all paths: the state of a frame is the one that the best path up
    to the next frame goes through."""
    rng, states, frames, step = np.random.default_rng(seed), 5, 5, 0.3
    scores, track = rng.random((frames, states)), Track(states, step)
    said = [track.push(own) for own in scores]
    cost = np.minimum(CHANGE * step * np.abs(np.subtract.outer(range(states), range(states))),
                      JUMP)
    paths = np.stack(np.meshgrid(*[range(states)] * frames, indexing="ij"), -1)
    paths = paths.reshape(-1, frames)
    for frame in range(1, frames):
        total = scores[range(frame + 1), paths[:, :frame + 1]].sum(axis=1)
        total = total - cost[paths[:, :frame], paths[:, 1:frame + 1]].sum(axis=1)
        best = paths[total >= total.max() - 1e-9]
        assert said[frame] in best[:, frame - 1]
