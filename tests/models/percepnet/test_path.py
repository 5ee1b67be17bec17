"""The signal path: nothing is lost, nothing comes early, and nothing depends on the pieces."""

from __future__ import annotations

import sys
from types import ModuleType

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.testing import assert_allclose, assert_array_equal

from evalkit.metrics.si_sdr import si_sdr
from evalkit.models.percepnet import frames
from evalkit.models.percepnet.frames import RATES, Framing
from evalkit.models.percepnet.path import Path, enhance
from evalkit.models.percepnet.transforms import Direct, Public, quickest
from tests.models.percepnet.signals import Constant, Listening, voiced

BOTH = pytest.mark.parametrize("rate", RATES)


@BOTH
def test_unit_gains_reconstruct_the_signal(rate):
    signal = voiced(rate, 1.0, 150.0)
    made = enhance(signal, Framing(rate), Constant(1, 0))
    error = made.astype(float) - signal
    assert 10 * np.log10((signal.astype(float) @ signal) / (error @ error)) > 120
    assert_allclose(made, signal, atol=1e-5)


@BOTH
@pytest.mark.parametrize("strength", [0, 1])
def test_an_impulse_comes_out_30_ms_late_to_the_sample(rate, strength):
    signal = np.zeros(rate // 5, np.float32)
    signal[rate // 20 + 7] = 0.5
    path = Path(Framing(rate), Constant(1, strength))
    made = np.concatenate([path.push(signal), path.finish()])
    assert len(made) == len(signal) + 0.03 * rate
    assert np.abs(made).argmax() == rate // 20 + 7 + 0.03 * rate


@BOTH
@settings(max_examples=12, deadline=None)
@given(cuts=st.lists(st.integers(0, 1_300), max_size=40), seed=st.integers(0, 5))
def test_streamed_equals_whole_however_it_is_cut(rate, cuts, seed):
    framing = Framing(rate)
    signal = voiced(rate, 0.5, 100 + 40 * seed, noise=0.02, seed=seed)
    whole = enhance(signal, framing, Listening())
    path, out, first = Path(framing, Listening()), [], 0
    for length in [*cuts, len(signal)]:
        out.append(path.push(signal[first:first + length]))
        first += length
    came = sum(map(len, out))
    assert came == len(signal) - len(signal) % framing.hop
    out.append(path.finish())
    made = np.concatenate(out)
    assert len(made) == len(signal) + framing.delay
    assert_allclose(made[framing.delay:], whole, atol=1e-5)
    assert_array_equal(made[:framing.delay - framing.hop], 0)


@BOTH
def test_another_numpy_gives_the_same(rate, monkeypatch):
    """NumPy's own functions hidden, and of another meaning."""
    signal, framing = voiced(rate, 0.5, 120.0, noise=0.02), Framing(rate)
    usual = enhance(signal, framing, Listening())
    other = ModuleType("other")
    other.rfft_n_even = lambda values, scale, out: np.fft.rfft(values, norm="ortho", out=out)
    other.irfft = lambda values, scale, out: np.fft.irfft(values, out=out)
    for module in (None, ModuleType("empty"), other):
        monkeypatch.setitem(sys.modules, "numpy.fft._pocketfft_umath", module)
        assert isinstance(quickest(), Public)
        monkeypatch.setattr(frames, "FOURIER", quickest())
        made = enhance(signal, framing, Listening())
        assert_allclose(made, usual, rtol=0, atol=1e-12)
    monkeypatch.undo()
    assert isinstance(quickest(), Direct) and isinstance(frames.FOURIER, Direct)


@BOTH
def test_ten_milliseconds_in_ten_milliseconds_out(rate):
    framing = Framing(rate)
    path = Path(framing, Listening())
    for block in voiced(rate, 0.3, 130.0).reshape(-1, framing.hop):
        assert len(path.push(block)) == framing.hop


@BOTH
@pytest.mark.parametrize("at", [0.2, 0.2034, 0.2099])
def test_nothing_later_than_the_look_ahead_changes_an_output(rate, at):
    framing = Framing(rate)
    signal = voiced(rate, 0.5, 120.0, noise=0.05)
    changed = signal.copy()
    first = round(at * rate)
    changed[first:] += np.random.default_rng(1).standard_normal(len(signal) - first)
    one, other = (enhance(s.astype(np.float32), framing, Listening()) for s in (signal, changed))
    # 30 ms, and the rest of the 10 ms in which the change comes
    hop = first // framing.hop
    assert_array_equal(one[:(hop - 3) * framing.hop], other[:(hop - 3) * framing.hop])
    assert np.abs(one - other)[(hop - 3) * framing.hop:(hop + 1) * framing.hop].max() > 1e-4


def numbers_kept(thing: object) -> int:
    """Numbers in arrays that an object keeps."""
    if isinstance(thing, np.ndarray):
        return thing.size
    return sum(map(numbers_kept, vars(thing).values())) if hasattr(thing, "__dict__") else 0


def test_memory_does_not_grow():
    framing, kept = Framing(16_000), []
    path = Path(framing, Listening())
    for seconds in (1, 1, 8):
        path.push(voiced(16_000, seconds, 200.0))
        kept.append(numbers_kept(path))
    assert kept[0] == kept[1] == kept[2] < 60_000


@BOTH
@pytest.mark.parametrize("length", [0, 1, 159, 481])
def test_what_is_shorter_than_a_frame_keeps_its_length(rate, length):
    signal = np.full(length, 0.1, np.float32)
    made = enhance(signal, Framing(rate), Constant(1, 0))
    assert len(made) == length
    assert np.isfinite(made).all()


@BOTH
def test_silence_stays_silence(rate):
    made = enhance(np.zeros(rate // 4, np.float32), Framing(rate), Listening())
    assert not made.any()


def test_the_comb_takes_noise_from_between_the_harmonics():
    clean = voiced(16_000, 1.0, 160.0)
    noisy = voiced(16_000, 1.0, 160.0, noise=0.05)
    before, after = (enhance(noisy, Framing(16_000), Constant(1, r)) for r in (0, 1))
    assert si_sdr(clean, after) > si_sdr(clean, before) + 1.5
