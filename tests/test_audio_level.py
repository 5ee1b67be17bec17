"""Active speech level against a plain transcription of ITU-T P.56 (12/2011), method B."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from evalkit.audio import active_power, decibel
from evalkit.core.types import Audio

RATE = 8_000


def p56(samples: np.ndarray, rate: int) -> float:
    """Active level in dB of full scale, sample by sample as section 5 of P.56 lays it out: two
    averages of 0.03 s, thresholds an octave apart, a hangover of 0.2 s, a margin of 15.9 dB."""
    g, hangover = math.exp(-1 / (0.03 * rate)), round(0.2 * rate)
    thresholds = [2.0**-j for j in range(20, 0, -1)]
    active, since = [0] * len(thresholds), [hangover] * len(thresholds)
    p = q = 0.0
    for x in samples.tolist():
        p = g * p + (1 - g) * abs(x)
        q = g * q + (1 - g) * p
        for j, threshold in enumerate(thresholds):
            since[j] = 0 if q >= threshold else since[j] + 1
            active[j] += since[j] <= hangover
    energy = float(np.sum(samples.astype(np.float64) ** 2))
    before: tuple[float, float] | None = None
    for threshold, count in zip(thresholds, active, strict=True):
        level = decibel(energy / count)
        excess = level - 20 * math.log10(threshold) - 15.9
        if excess <= 0:
            assert before is not None
            share = before[1] / (before[1] - excess)
            return before[0] + share * (level - before[0])
        before = level, excess
    raise AssertionError("no threshold lies above the level")


def bursts(pattern: str, level: float, seed: int = 0) -> Audio:
    """Noise for each ``x`` of ``pattern`` and silence for each ``.``, 0.25 s each."""
    gate = np.repeat([c == "x" for c in pattern], RATE // 4)
    noise = np.random.default_rng(seed).standard_normal(len(gate))
    noise -= noise[gate].mean()
    return Audio((level * noise * gate).astype(np.float32), RATE)


def level(audio: Audio) -> float:
    return decibel(active_power(audio))


@pytest.mark.parametrize("pattern", ["xxxxxxxx", "xxx..xx...xxxx", "x....x....x", "xx......."])
@pytest.mark.parametrize("scale", [0.2, 0.01])
def test_agrees_with_the_recommendation(pattern: str, scale: float) -> None:
    audio = bursts(pattern, scale)
    assert level(audio) == pytest.approx(p56(audio.samples, RATE), abs=0.15)


def test_steady_noise_is_at_its_mean_square() -> None:
    audio = bursts("x" * 40, 0.1)
    assert level(audio) == pytest.approx(-20, abs=0.1)


def test_pauses_do_not_count_beyond_the_hangover() -> None:
    """One second of noise and four of silence, six times: each burst is active for its second
    and 0.2 s after it, and about as much longer as the envelope takes to fall."""
    audio = bursts(("xxxx" + "." * 16) * 6, 0.1)
    assert level(audio) == pytest.approx(-20 - decibel(1.25), abs=0.25)


@given(pattern=st.text("x.", min_size=1, max_size=12).filter(lambda p: "x" in p),
       gain=st.floats(-40, 10), seed=st.integers(0, 99))
@settings(max_examples=60, deadline=None)
def test_laws(pattern: str, gain: float, seed: int) -> None:
    audio = bursts(pattern, 0.1, seed)
    power = active_power(audio)
    mean = float(np.mean(audio.samples.astype(np.float64) ** 2))
    assert power >= mean * (1 - 1e-9)
    louder = Audio(audio.samples * np.float32(10 ** (gain / 20)), RATE)
    assert level(louder) - level(audio) == pytest.approx(gain, abs=1e-3)
    silence = np.zeros(2 * RATE, np.float32)
    padded = Audio(np.concatenate([silence, audio.samples, silence]), RATE)
    more = Audio(np.concatenate([padded.samples, silence]), RATE)
    assert level(more) == pytest.approx(level(padded), abs=1e-6)


@given(st.lists(st.floats(-1, 1, width=32), min_size=1, max_size=300))
def test_any_samples_have_a_level(samples: list[float]) -> None:
    audio = Audio(np.array(samples, np.float32), RATE)
    power = active_power(audio)
    assert math.isfinite(power)
    offset = float(audio.samples.mean(dtype=np.float64))
    rest = np.abs(audio.samples - offset).max()
    assert power > 0 if rest > 1e-6 * abs(offset) else power <= rest**2


def test_silence_has_no_level() -> None:
    assert active_power(Audio(np.zeros(RATE, np.float32), RATE)) == 0
    assert level(Audio(np.zeros(RATE, np.float32), RATE)) == -math.inf


def test_one_click_has_a_level() -> None:
    samples = np.zeros(RATE, np.float32)
    samples[100] = 1
    power = active_power(Audio(samples, RATE))
    assert 1 / RATE <= power <= 1
