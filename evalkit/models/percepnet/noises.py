"""Noise of many families, made up anew every time: a network that has heard a few recordings of
noise learns those, and not noise.

Each maker returns ``n`` samples at ``rate`` Hz, shape (n,), of any level, and draws all that it
needs from ``rng``."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import fftconvolve

Maker = Callable[[np.random.Generator, int, int], np.ndarray]
_LOUDEST = 1e-9


def coloured(rng: np.random.Generator, n: int, rate: int) -> np.ndarray:
    """Stationary: Gaussian noise that falls (or rises) by so many dB an octave, with a few broad
    resonances. Fans, rain, a road far away."""
    def magnitudes(hertz: np.ndarray) -> np.ndarray:
        decibels = -rng.uniform(-2, 9) * np.log2(np.maximum(hertz, 40) / 1_000)
        for _ in range(rng.integers(0, 4)):
            centre, width = _between(rng, 100, rate / 2.2), rng.uniform(0.1, 0.8)
            octaves = np.log2(np.maximum(hertz, 20) / centre)
            decibels += rng.uniform(-12, 18) * np.exp(-((octaves / width) ** 2))
        return 10 ** (decibels / 20)
    return _shaped(rng.standard_normal(n), magnitudes, rate)


def modulated(rng: np.random.Generator, n: int, rate: int) -> np.ndarray:
    """The same under an envelope that rises and falls 1 to 12 times a second. Surf, engines,
    helicopters, a crowd."""
    beats = _between(rng, 1, 12)
    if rng.random() < 0.4:
        phase = 2 * np.pi * (beats * np.arange(n) / rate + rng.random())
        swell = rng.uniform(0.5, 2.5) * np.sin(phase)
    else:
        swell = rng.uniform(0.5, 1.2) * _slow(rng, n, rate, beats)
    return coloured(rng, n, rate) * np.exp(swell)


def hum(rng: np.random.Generator, n: int, rate: int) -> np.ndarray:
    """Harmonics of mains or of a motor, whose pitch may drift, over a floor of noise."""
    pitch = float(rng.choice([50.0, 60.0, _between(rng, 25, 400)]))
    drift = rng.choice([0.0, rng.uniform(0, 0.05)]) * _slow(rng, n, rate, 0.5)
    phase = 2 * np.pi * np.cumsum(pitch * (1 + drift)) / rate
    fall, made = rng.uniform(0.3, 1.6), np.zeros(n)
    for harmonic in range(1, min(40, int(rate / 2.2 / pitch)) + 1):
        made += rng.exponential() * harmonic**-fall * np.sin(harmonic * phase + 6.28 * rng.random())
    return _level(made) + rng.uniform(0.01, 0.3) * _level(coloured(rng, n, rate))


def impacts(rng: np.random.Generator, n: int, rate: int) -> np.ndarray:
    """Things that strike one another, alone and in clusters, and ring in their own modes. Dishes,
    cutlery, tools, doors, footsteps."""
    made = np.zeros(n)
    for _ in range(rng.integers(1, 5)):
        made += fftconvolve(_strokes(rng, n, rate, _between(rng, 0.5, 12)), _ring(rng, rate))[:n]
    return _level(made) + rng.uniform(0, 0.05) * _level(coloured(rng, n, rate))


def keyboard(rng: np.random.Generator, n: int, rate: int) -> np.ndarray:
    """Keys going down and, a tenth of a second later, up: short bursts that differ a little from
    key to key."""
    down, late = _strokes(rng, n, rate, _between(rng, 3, 12)), round(rng.uniform(0.05, 0.15) * rate)
    strokes = down + rng.uniform(0.2, 0.8) * np.pad(down, (late, 0))[:n]
    made = 1e-3 * coloured(rng, n, rate)
    for _ in range(3):
        some = strokes * (rng.random(n) < 0.5)
        length = round(rng.uniform(0.004, 0.03) * rate)
        burst = coloured(rng, length, rate) * np.exp(-np.arange(length) / (0.25 * length))
        made += fftconvolve(some, burst)[:n]
    return made


def gusts(rng: np.random.Generator, n: int, rate: int) -> np.ndarray:
    """Wind in a microphone: strong below a few hundred Hz, swelling over seconds, with rumble."""
    corner, steep = _between(rng, 60, 600), rng.uniform(6, 18)
    low = _shaped(rng.standard_normal(n), lambda hertz: 10 ** (
        -steep / 20 * np.log2(1 + (hertz / corner) ** 2) / 2), rate)
    return low * np.exp(rng.uniform(0.4, 1.3) * _slow(rng, n, rate, _between(rng, 0.3, 3)))


def music(rng: np.random.Generator, n: int, rate: int) -> np.ndarray:
    """Chords of plucked or held tones that change a few times a second, and perhaps a beat."""
    length = round(rate / _between(rng, 1, 6))
    root, time = _between(rng, 60, 400), np.arange(length) / rate
    made: list[np.ndarray] = []
    while length * len(made) < n:
        steps = rng.choice([0, 2, 4, 5, 7, 9, 11, 12, 16], size=rng.integers(1, 5), replace=False)
        chord = sum(_tone(rng, root * 2 ** (step / 12), time, rate) for step in steps)
        attack = np.minimum(1, time * _between(rng, 10, 500))
        made.append(chord * attack * np.exp(-time * rng.choice([0.2, rng.uniform(1, 15)])))
    beat = rng.choice([0.0, rng.uniform(0, 1)])
    return _level(np.concatenate(made)[:n]) + beat * impacts(rng, n, rate)


def alarms(rng: np.random.Generator, n: int, rate: int) -> np.ndarray:
    """Beeps, sirens and cries: tones that glide and repeat, with a few harmonics."""
    time, pace = np.arange(n) / rate, _between(rng, 0.5, 8)
    glide = rng.choice([0.0, rng.uniform(0, 1)]) * np.sin(2 * np.pi * pace * time)
    phase = 2 * np.pi * np.cumsum(_between(rng, 250, 3_000) * 2**glide) / rate
    made = sum(rng.random() / h * np.sin(h * phase) for h in range(1, rng.integers(2, 8)))
    gate = (time * pace + rng.random()) % 1 < rng.uniform(0.2, 1.1)
    return made * gate + 1e-3 * coloured(rng, n, rate)


def babble(rng: np.random.Generator, n: int, voices: Sequence[np.ndarray]) -> np.ndarray:
    """Stretches of 3 to 10 of the ``voices``, waveforms at the rate that is wanted, at levels a
    few dB apart."""
    made = np.zeros(n)
    for _ in range(rng.integers(3, 11)):
        voice = np.resize(voices[int(rng.integers(len(voices)))], n)
        made += _level(np.roll(voice, rng.integers(n))) * 10 ** (rng.normal(0, 3) / 20)
    return made


FAMILIES: Mapping[str, Maker] = MappingProxyType({
    "coloured": coloured, "modulated": modulated, "hum": hum, "impacts": impacts,
    "keyboard": keyboard, "gusts": gusts, "music": music, "alarms": alarms})
"""The families that need nothing but chance; babble needs voices."""


@dataclass(frozen=True)
class Noises:
    """All the noise that there is to train on: ``recordings``, ``voices`` for babble, both
    waveforms at ``rate`` Hz, and the families."""

    rate: int
    recordings: Sequence[np.ndarray] = ()
    voices: Sequence[np.ndarray] = ()
    recorded: float = 0.4
    """Share of the draws that are a recording, where there are any …"""
    babbled: float = 0.1
    """… and that are babble, where there are voices."""
    two: float = 0.25
    """Share of the draws that are two noises at once."""

    def draw(self, rng: np.random.Generator, n: int) -> np.ndarray:
        """``n`` samples at a root mean square of 1, unless what was drawn is silent."""
        made = self._one(rng, n)
        if rng.random() < self.two:
            made = made + self._one(rng, n) * 10 ** (rng.uniform(-15, 0) / 20)
        return _level(made)

    def _one(self, rng: np.random.Generator, n: int) -> np.ndarray:
        kind = rng.random()
        if self.recordings and kind < self.recorded:
            recording = self.recordings[int(rng.integers(len(self.recordings)))]
            return _level(np.resize(np.roll(recording, int(rng.integers(len(recording)))), n))
        if self.voices and kind > 1 - self.babbled:
            return _level(babble(rng, n, self.voices))
        makers = list(FAMILIES.values())
        return _level(makers[int(rng.integers(len(makers)))](rng, n, self.rate))


def _between(rng: np.random.Generator, low: float, high: float) -> float:
    """Evenly drawn on a logarithmic scale."""
    return float(low * (high / low) ** rng.random())


def _level(samples: np.ndarray) -> np.ndarray:
    """At a root mean square of 1; silence stays."""
    return samples / max(float(np.sqrt(np.mean(samples**2))), _LOUDEST)


def _shaped(samples: np.ndarray, magnitudes: Callable[[np.ndarray], np.ndarray], rate: int
            ) -> np.ndarray:
    """``samples`` with their spectrum multiplied by ``magnitudes`` of Hz."""
    length = next_fast_len(len(samples), real=True)
    spectrum = rfft(samples, length) * magnitudes(rfftfreq(length, 1 / rate))
    return irfft(spectrum, length)[:len(samples)]


def _slow(rng: np.random.Generator, n: int, rate: int, hertz: float) -> np.ndarray:
    """A random walk about 0 of deviation 1 that turns about ``hertz`` times a second."""
    points = rng.standard_normal(int(2 * hertz * n / rate) + 3)
    return np.interp(np.arange(n) * 2 * hertz / rate, np.arange(len(points)), points)


def _strokes(rng: np.random.Generator, n: int, rate: int, pace: float) -> np.ndarray:
    """Impulses ``pace`` times a second on average, of all strengths, some of them in clusters."""
    made = np.zeros(n)
    for first in rng.integers(0, n, size=1 + rng.poisson(pace * n / rate)):
        count = int(rng.integers(2, 8)) if rng.random() < 0.5 else 1
        at = first + np.cumsum(rng.exponential(0.03 * rate, count)).astype(int)
        strength = rng.exponential(1, count) * 10 ** (rng.normal(0, 6) / 20)
        np.add.at(made, at[at < n], strength[at < n])
    return made


def _ring(rng: np.random.Generator, rate: int) -> np.ndarray:
    """What an object answers to a blow: a few decaying modes and a click."""
    time = np.arange(round(0.4 * rate)) / rate
    made = rng.uniform(0, 2) * rng.standard_normal(len(time)) * np.exp(-time / 0.002)
    for _ in range(rng.integers(2, 9)):
        hertz, lasting = _between(rng, 150, rate / 2.2), _between(rng, 0.004, 0.15)
        made += rng.exponential() * np.sin(2 * np.pi * hertz * time) * np.exp(-time / lasting)
    return made


def _tone(rng: np.random.Generator, hertz: float, time: np.ndarray, rate: int) -> np.ndarray:
    """A harmonic tone with vibrato."""
    phase = 2 * np.pi * hertz * time + rng.uniform(0, 0.3) * np.sin(2 * np.pi * 5 * time)
    fall, highest = rng.uniform(0.5, 2), min(20, int(rate / 2.2 / hertz))
    return sum((h**-fall * np.sin(h * phase) for h in range(1, highest + 1)), np.zeros(len(time)))
