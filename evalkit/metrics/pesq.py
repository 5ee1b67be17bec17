"""Perceptual evaluation of speech quality, ITU-T P.862, by the package ``pesq``."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import ClassVar

from evalkit.audio import RESAMPLER, resample
from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio, Fact, Measurement, Output, Utterance
from evalkit.metrics.pesq_stretches import MOST, RATE, too_many
from evalkit.metrics.signals import WITH_REFERENCE, signal_pair, too_short

LONGEST = 60.0
"""Seconds. P.862 was validated on shorter speech still."""


@dataclass(frozen=True)
class _Pesq:
    name: ClassVar[str]
    mode: ClassVar[str]
    needs: ClassVar[frozenset[str]] = WITH_REFERENCE
    text_options: ClassVar[frozenset[str]] = frozenset()

    @property
    def version(self) -> str:
        return f"2, pesq {version('pesq')}, {RATE} Hz by {RESAMPLER}"

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        clean, processed = signal_pair(output)
        if clean.duration > LONGEST:
            raise UtteranceError(
                "TooLong", f"{clean.duration:.0f} s, PESQ takes at most {LONGEST:.0f} s")
        return {self.name: Measurement(_pesq(clean, processed, self.mode))}


def _pesq(clean: Audio, processed: Audio, mode: str) -> float:
    from pesq import PesqError, pesq

    reference, degraded = (resample(audio, RATE).samples for audio in (clean, processed))
    if too_many(reference, mode):
        raise UtteranceError("TooManyStretches", f"{clean.duration:.0f} s with over {MOST} "
                             f"stretches of speech, PESQ takes at most {MOST}; cut the recording")
    # The package raises a bare ValueError for NaN unless it is asked for its return values.
    score = float(pesq(RATE, reference, degraded, mode, PesqError.RETURN_VALUES))
    if score == PesqError.BUFFER_TOO_SHORT:
        raise too_short(clean, "PESQ needs 0.25 s")
    if score == PesqError.NO_UTTERANCES_DETECTED:
        raise UtteranceError("NoUtterances", "PESQ finds no speech in the reference")
    if math.isnan(score):
        raise UtteranceError("SilentOutput", "PESQ finds no signal in the output")
    if score < 0:
        raise UtteranceError("PesqFailed", f"PESQ stopped with code {score:.0f}")
    return score


_PESQ_FACT = ("Perceptual quality of the output against the clean recording by ITU-T {standard}, "
              "as predicted listening quality (MOS-LQO) from about 1.0 to {best}, both at 16 kHz. "
              "It cannot tell a wrong level or a delay")


@dataclass(frozen=True)
class PesqWideband(_Pesq):
    """PESQ after ITU-T P.862.2, MOS-LQO in about [1.04, 4.64]; see ``PesqNarrowband``."""

    name: ClassVar[str] = "pesq_wb"
    mode: ClassVar[str] = "wb"
    facts: ClassVar[Mapping[str, Fact]] = {"pesq_wb": Fact(
        "MOS", True, _PESQ_FACT.format(standard="P.862.2 (wideband)", best=4.64),
        title="PESQ, wideband", bounds=(0.999, 4.644))}


@dataclass(frozen=True)
class PesqNarrowband(_Pesq):
    """PESQ after ITU-T P.862 mapped by P.862.1, MOS-LQO in about [1.02, 4.55], of signals at
    16 kHz (at 8 kHz scores differ in the second decimal).

    Raises UtteranceError of a kind of ``signal_pair``, TooShort (under 0.25 s), TooLong,
    TooManyStretches (over 50 of speech, as over 20 s with many short pauses may have) or
    NoUtterances."""

    name: ClassVar[str] = "pesq_nb"
    mode: ClassVar[str] = "nb"
    facts: ClassVar[Mapping[str, Fact]] = {"pesq_nb": Fact(
        "MOS", True, _PESQ_FACT.format(standard="P.862.1 (narrowband)", best=4.55),
        title="PESQ, narrowband", bounds=(0.999, 4.549))}
