"""What the network hears of a frame, and what it is to answer."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

import numpy as np

from evalkit.models.percepnet import targets
from evalkit.models.percepnet.analysis import Analyser, Analysis
from evalkit.models.percepnet.bands import BANDS
from evalkit.models.percepnet.comb import SHORTEST
from evalkit.models.percepnet.frames import LATE, LOOK_AHEAD, Framing
from evalkit.models.percepnet.pitch import Pitch, PitchTracker

FEATURES = 2 * BANDS + 2
"""Inputs of the network for a frame."""
FAINT = 1e-10
"""Energy of a band, of 1 for a full-scale signal, below which there is nothing: about the
rounding of 16 bits."""
SILENCE = 0.4 * (math.log10(FAINT) + 5)
"""What the network hears of the energy of a band in which there is nothing."""
BLOCK = 64
"""Hops that are worked on at once; it bounds the memory that a long signal needs."""


@dataclass(frozen=True)
class Lesson:
    """Of the frames of a noisy signal: what the network hears, and what it is to say."""

    features: np.ndarray
    """(n, FEATURES)."""
    gains: np.ndarray
    """(n, BANDS), in [0, 1]."""
    strengths: np.ndarray
    """Of the comb filter, (n, BANDS), in [0, 1]."""
    mask: np.ndarray
    """Bands in which there is anything to learn, (n, BANDS), of bool."""


def relative(energies: np.ndarray, framing: Framing) -> np.ndarray:
    """``energies`` as shares of a full-scale signal's, alike at both rates."""
    return energies / framing.loudest


def features(heard: Analysis, pitch: Pitch, framing: Framing) -> np.ndarray:
    """(n, FEATURES), each about in [-2, 2]: the decimal logarithm of the energies LOOK_AHEAD
    later, coherences (Valin et al. 2020, section 4.2: these without look-ahead, though the comb
    filter in them has its own), period in octaves, correlation."""
    made = np.empty((len(heard.ahead), FEATURES), np.float32)
    loudness = np.add(heard.ahead, FAINT * framing.loudest, out=made[:, :BANDS])
    np.log10(loudness, out=loudness)
    made[:, BANDS:-2] = heard.coherence
    np.log2(pitch.periods, out=made[:, -2])
    made[:, -1] = pitch.correlations
    scale, shift = _common_scale(framing.rate, framing.loudest)
    made *= scale
    made += shift
    return made


@cache
def _common_scale(rate: int, loudest: float) -> np.ndarray:
    """By what features are multiplied, and what is added then, (2, FEATURES)."""
    made = np.repeat(np.array([[1], [0]], np.float32), FEATURES, axis=1)
    made[:, :BANDS] = [[0.4], [0.4 * (5 - math.log10(loudest))]]
    made[:, -2] = 0.5, -0.5 * math.log2(4 * SHORTEST * rate)
    return made


def lesson(clean: np.ndarray, noisy: np.ndarray, framing: Framing, bandwidth: float = np.inf
           ) -> Lesson:
    """Of the frames of two aligned signals of equal length at the rate of ``framing``. Bands that
    reach above ``bandwidth`` Hz, where the material holds nothing, are masked.

    Both are combed at the pitch of the noisy signal, which is all that there will be: with its
    own pitch the clean signal would ask for a comb filter that is not to be had."""
    pitch = pitch_of(noisy, framing)
    heard, wanted = (analysis_of(signal, framing, pitch) for signal in (noisy, clean))
    gains, strengths = answers(wanted, heard)
    audible = relative(heard.energies, framing) > FAINT
    return Lesson(features(heard, pitch, framing), gains, strengths,
                  audible & targets.within(bandwidth))


def answers(clean: Analysis, noisy: Analysis) -> tuple[np.ndarray, np.ndarray]:
    """The gains and comb strengths that fit, (n, BANDS) each, in [0, 1]."""
    gains = targets.gains(clean.energies, noisy.energies)
    strengths, attenuation = targets.strengths(clean.coherence, noisy.coherence,
                                               noisy.noise_gain[:, None])
    return gains * attenuation, strengths


def pitch_of(signal: np.ndarray, framing: Framing) -> Pitch:
    """Of the frames of a whole ``signal``: one more than it has hops, begun or full."""
    tracker = PitchTracker(framing)
    parts = [tracker.push(block) for block in blocks(signal, framing)]
    return Pitch(*(np.concatenate(column)[LOOK_AHEAD:] for column in zip(*parts, strict=True)))


def analysis_of(signal: np.ndarray, framing: Framing, pitch: Pitch) -> Analysis:
    """Of the frames of a whole ``signal``, at a ``pitch`` of them that is given."""
    analyser, periods = Analyser(framing), np.pad(pitch.periods, (LOOK_AHEAD, 0), mode="edge")
    parts, done = [], 0
    for block in blocks(signal, framing):
        n = len(block) // framing.hop
        parts.append(analyser.push(block, periods[done:done + n]))
        done += n
    columns = zip(*parts, strict=True)
    return Analysis(*(np.concatenate(column)[LOOK_AHEAD:] for column in columns))


def blocks(signal: np.ndarray, framing: Framing) -> Iterator[np.ndarray]:
    """``signal`` and the silence after it that lets the last of it out, in whole hops, at most
    BLOCK at once."""
    hops = -(-len(signal) // framing.hop) + LATE
    padded = np.zeros(hops * framing.hop, np.float32)
    padded[:len(signal)] = signal
    for first in range(0, len(padded), BLOCK * framing.hop):
        yield padded[first:first + BLOCK * framing.hop]
