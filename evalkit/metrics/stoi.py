"""Short-time objective intelligibility and its extended form, by the package ``pystoi``."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

import numpy as np

from evalkit.core.types import Audio, Fact, Measurement, Output, Utterance
from evalkit.metrics.signals import WITH_REFERENCE, signal_pair, too_short

SHORTEST = 0.41
"""Seconds that hold the 30 frames of 25.6 ms, half overlapping, which STOI correlates."""


@dataclass(frozen=True)
class _Stoi:
    name: ClassVar[str]
    extended: ClassVar[bool]
    needs: ClassVar[frozenset[str]] = WITH_REFERENCE
    text_options: ClassVar[frozenset[str]] = frozenset()

    @property
    def version(self) -> str:
        return f"1, pystoi {version('pystoi')}, which resamples to 10000 Hz"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        return {self.name: Measurement(_stoi(*signal_pair(output), self.extended))}


def _stoi(clean: Audio, processed: Audio, extended: bool) -> float:
    from pystoi import stoi

    need = f"STOI needs {SHORTEST} s that are not silent in the reference"
    if clean.duration < SHORTEST:
        raise too_short(clean, need)
    reference, degraded = (audio.samples.astype(np.float64) for audio in (clean, processed))
    with warnings.catch_warnings(), _seeded():
        # With too few frames pystoi warns and returns 1e-5, which looks like a score.
        warnings.filterwarnings("error", "Not enough STFT frames", RuntimeWarning)
        try:
            return float(stoi(reference, degraded, clean.rate, extended))
        except RuntimeWarning as error:
            raise too_short(clean, need) from error


@contextmanager
def _seeded() -> Iterator[None]:
    """NumPy's global generator, from which ESTOI's noise comes, with seed 0; restored after."""
    state = np.random.get_state()
    np.random.seed(0)
    try:
        yield
    finally:
        np.random.set_state(state)


@dataclass(frozen=True)
class Stoi(_Stoi):
    """Short-time objective intelligibility (Taal et al. 2011), a mean correlation in [-1, 1].

    Raises UtteranceError of a kind of ``signal_pair``, or TooShort."""

    name: ClassVar[str] = "stoi"
    extended: ClassVar[bool] = False
    facts: ClassVar[Mapping[str, Fact]] = {"stoi": Fact(
        "", True, "Short-time objective intelligibility of the output against the clean "
                  "recording, Taal et al. 2011: 1 for the recording itself", decimals=3,
        title="STOI")}


@dataclass(frozen=True)
class Estoi(_Stoi):
    """Extended STOI (Jensen & Taal 2016), in [-1, 1]; errors as in ``Stoi``."""

    name: ClassVar[str] = "estoi"
    extended: ClassVar[bool] = True
    facts: ClassVar[Mapping[str, Fact]] = {"estoi": Fact(
        "", True, "Extended short-time objective intelligibility, Jensen & Taal 2016, which "
                  "also follows modulated noise: 1 for the recording itself", decimals=3,
        title="Extended STOI")}
