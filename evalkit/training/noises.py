"""Generated noise of many families, to train enhancers on more kinds than recordings hold.

Each family is a function of the number of samples, the rate in Hz and a generator, and gives
(samples,) of any level. What varies within a family is drawn anew at each call, wide enough that
no two stretches sound alike.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from scipy.fft import irfft, next_fast_len, rfft, rfftfreq
from scipy.signal import fftconvolve

from evalkit.conditions.noise import envelope, filtered, speech_shaped

Family = Callable[[int, int, np.random.Generator], np.ndarray]


def coloured(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Steady noise whose spectrum falls or rises by up to 9 dB an octave, within a band."""
    slope, low = rng.uniform(-1.5, 0.5), _frequency(20, 1000, rng)
    high = _frequency(4 * low, rate / 2, rng)

    def gain(frequencies: np.ndarray) -> np.ndarray:
        f = np.maximum(frequencies, 1.0)
        return f**slope / np.sqrt((1 + (low / f) ** 6) * (1 + (f / high) ** 6))
    return filtered(count, rate, gain, rng)


def modulated(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Noise with the spectrum and the envelope of speech."""
    return speech_shaped(count, rate, rng) * envelope(count, rate, rng)


def hum(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Motors, fans, transformers: harmonics of a tone that drifts, over a bed of noise."""
    first = _frequency(40, 400, rng)
    drift = first * (1 + 0.02 * _slow(count, rate, 0.7, rng))
    number = np.arange(1, max(2, min(40, int(rate / 2 / first))))
    level = number ** -rng.uniform(0.3, 2.0) * rng.uniform(0.1, 1, len(number))
    tones = _harmonics(np.cumsum(drift) / rate, level, rng)
    throb = 1 + rng.uniform(0, 0.8) * np.sin(2 * np.pi * rng.uniform(1, 30)
                                             * np.arange(count) / rate)
    return _unit(tones * throb) + rng.uniform(0, 1) * _unit(coloured(count, rate, rng))


def impacts(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Dishes, doors, tools: bodies that ring when they are struck, now and then or in clusters."""
    struck = np.zeros(count)
    for _ in range(rng.integers(1, 4)):
        struck += _struck(_body(rate, rng), _clusters(count, rate, rng))
    return struck


def clatter(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Many bodies struck close together, over a bed of noise."""
    bed = rng.uniform(0, 0.4) * _unit(coloured(count, rate, rng))
    return _unit(np.sum([impacts(count, rate, rng) for _ in range(4)], axis=0)) + bed


def keyboard(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Keys pressed and let go, a few each second."""
    gap = rng.uniform(0.1, 0.35)
    times = np.cumsum(gap * rng.uniform(0.5, 1.8, int(count / rate / gap) + 2))
    typed = np.zeros(count)
    for _ in range(3):  # Keys of different sound.
        mine = times[rng.random(len(times)) < 0.5]
        let_go = mine + rng.uniform(0.05, 0.12)
        click = _burst(rate, rng)
        for at, level in ((mine, 1.0), (let_go, rng.uniform(0.3, 0.8))):
            typed += _struck(click, _impulses(at, level, count, rate, rng))
    return typed


def gusts(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Wind on a microphone: low rumble that swells and fades."""
    edge, swell = _frequency(40, 500, rng), rng.uniform(0.5, 2)

    def gain(frequencies: np.ndarray) -> np.ndarray:
        return 1 / (1 + (frequencies / edge) ** rng.uniform(1.5, 3))
    return filtered(count, rate, gain, rng) * np.exp(swell * _slow(count, rate, 1.5, rng))


def water(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """A tap, rain, a stream: very many small bubbles and drops over a hiss."""
    drops = np.zeros(count)
    for _ in range(8):
        rate_of_drops = _frequency(5, 400, rng)
        at = rng.uniform(0, count / rate, rng.poisson(rate_of_drops * count / rate))
        drops += _struck(_chirp(rate, rng), _impulses(at, 1.0, count, rate, rng))
    return _unit(drops) + rng.uniform(0, 1.5) * _unit(coloured(count, rate, rng))


def music(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Chords of harmonic tones that fade, at a steady beat."""
    beat = rng.uniform(0.2, 0.7)
    key, fall = _frequency(80, 400, rng), rng.uniform(0.5, 6)
    scale = key * 2 ** (np.array([0, 2, 3, 5, 7, 9, 10, 12, 15, 19]) / 12)
    played = np.zeros(count)
    for start in np.arange(0, count / rate, beat):
        begin = int(start * rate)
        t = np.arange(min(count - begin, int(3 * beat * rate))) / rate
        for tone in rng.choice(scale, rng.integers(1, 4)):
            played[begin:begin + len(t)] += _note(t, tone, fall, rate, rng)
    return played


def beeps(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Alarms, sirens and telephones: tones that come and go or sweep."""
    middle, depth = _frequency(300, min(3500, rate / 3), rng), rng.uniform(0, 0.5)
    t, period = np.arange(count) / rate, rng.uniform(0.1, 1.5)
    sweep = middle * (1 + depth * np.sin(2 * np.pi * t / period))
    on = np.clip(4 * np.sin(2 * np.pi * t / period + rng.uniform(0, 6.3)) + rng.uniform(-2, 4),
                 0, 1)
    return np.sin(2 * np.pi * np.cumsum(sweep) / rate) * on


FAMILIES: dict[str, Family] = {family.__name__: family for family in (
    coloured, modulated, hum, impacts, clatter, keyboard, gusts, water, music, beeps)}


def _frequency(low: float, high: float, rng: np.random.Generator) -> float:
    """In Hz, as likely in each octave."""
    return float(np.exp(rng.uniform(np.log(low), np.log(max(high, low)))))


def _unit(wave: np.ndarray) -> np.ndarray:
    return wave / max(float(np.sqrt(np.mean(wave**2))), 1e-12)


def _slow(count: int, rate: int, highest: float, rng: np.random.Generator) -> np.ndarray:
    """Noise of unit variance below ``highest`` Hz."""
    size = next_fast_len(count + rate, real=True)
    spectrum = rfft(rng.standard_normal(size)) * (rfftfreq(size, 1 / rate) < highest)
    return _unit(irfft(spectrum, size)[:count])


def _body(rate: int, rng: np.random.Generator) -> np.ndarray:
    """What a struck body sounds like: a click, and modes that ring for 5 to 300 ms."""
    t = np.arange(int(0.4 * rate)) / rate
    ring, lowest = _frequency(0.005, 0.3, rng), _frequency(150, 3000, rng)
    modes = lowest * np.concatenate([[1], 1 + np.cumsum(rng.uniform(0.2, 1.5, rng.integers(1, 9)))])
    modes = modes[modes < 0.48 * rate]
    decays = ring / (1 + rng.uniform(0, 1) * np.arange(len(modes)))
    waves = (np.exp(-t / decays[:, None]) * np.sin(2 * np.pi * modes[:, None] * t
                                                   + rng.uniform(0, 6.3, (len(modes), 1))))
    body = rng.uniform(0.1, 1, len(modes)) @ waves
    click = _burst(rate, rng)
    body[:len(click)] += rng.uniform(0, 1) * click
    return body


def _burst(rate: int, rng: np.random.Generator) -> np.ndarray:
    """A click: 40 ms of coloured noise that fades within 1 to 15 ms."""
    count = int(0.04 * rate)
    return coloured(count, rate, rng) * np.exp(-np.arange(count) / rate
                                               / _frequency(0.001, 0.015, rng))


def _chirp(rate: int, rng: np.random.Generator) -> np.ndarray:
    """A bubble: a tone that rises and fades within 2 to 30 ms (after Minnaert 1933)."""
    t = np.arange(int(0.06 * rate)) / rate
    start = _frequency(400, 0.3 * rate, rng)
    phase = 2 * np.pi * start * (t + rng.uniform(0, 8) * t**2)
    return np.sin(phase) * np.exp(-t / _frequency(0.002, 0.03, rng))


def _note(t: np.ndarray, tone: float, fall: float, rate: int,
          rng: np.random.Generator) -> np.ndarray:
    number = np.arange(1, max(2, min(12, int(rate / 2 / tone))))
    attack = np.minimum(1, t / rng.uniform(0.002, 0.05))
    return attack * np.exp(-fall * t) * _harmonics(tone * t, number ** -rng.uniform(0.8, 2.0), rng)


def _harmonics(periods: np.ndarray, level: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """Harmonics of stated ``level`` at random phases, at times counted in ``periods``."""
    number = np.arange(1, len(level) + 1)
    moments = np.arange(2048) / 2048
    shape = level @ np.sin(2 * np.pi * np.outer(number, moments)
                           + rng.uniform(0, 6.3, (len(level), 1)))
    return shape[(periods % 1 * len(shape)).astype(int)]


def _clusters(count: int, rate: int, rng: np.random.Generator) -> np.ndarray:
    """Impulses at random moments, alone or several within a short while."""
    seconds, often = count / rate, _frequency(0.3, 6, rng)
    first = rng.uniform(0, seconds, 1 + rng.poisson(often * seconds))
    more = [first + k * _frequency(0.02, 0.2, rng) * rng.uniform(0.7, 1.3, len(first))
            for k in range(rng.integers(1, 4))]
    return _impulses(np.concatenate(more), 1.0, count, rate, rng)


def _impulses(at: np.ndarray, level: float, count: int, rate: int,
              rng: np.random.Generator) -> np.ndarray:
    """Impulses at seconds ``at``, of levels 10 dB up and down."""
    train = np.zeros(count)
    place = (at * rate).astype(int)
    place = place[(place >= 0) & (place < count)]
    np.add.at(train, place, level * 10 ** rng.uniform(-0.5, 0.5, len(place)))
    return train


def _struck(sound: np.ndarray, impulses: np.ndarray) -> np.ndarray:
    return fftconvolve(impulses, sound)[:len(impulses)]

