"""Scale-invariant signal-to-distortion ratio."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np

from evalkit.core.errors import IDENTICAL, UtteranceError
from evalkit.core.types import Fact, Measurement, Output, Utterance
from evalkit.metrics.signals import WITH_REFERENCE, signal_pair

LARGEST = -20 * math.log10(np.finfo(np.float32).eps)
"""About 138 dB, the relative spacing of float32 samples: beyond it a ratio is rounding."""


@dataclass(frozen=True)
class SiSdr:
    """Scale-invariant signal-to-distortion ratio in dB (Le Roux et al. 2019): the energy of a s
    over that of a s - y, where the output y and the reference s have had their means taken off
    and a = <y, s> / <s, s>.

    Raises UtteranceError of a kind of ``signal_pair``; Identical where output and reference are
    equal up to a factor, and Unrelated where they have nothing in common: the ratio is infinite,
    and any finite stand-in would decide a mean."""

    name: ClassVar[str] = "si_sdr"
    version: ClassVar[str] = "1"
    needs: ClassVar[frozenset[str]] = WITH_REFERENCE
    text_options: ClassVar[frozenset[str]] = frozenset()
    facts: ClassVar[Mapping[str, Fact]] = {"si_sdr": Fact(
        "dB", True, "Scale-invariant signal-to-distortion ratio of the zero-mean output against "
                    "the zero-mean clean recording, Le Roux et al. 2019; the mean is over dB",
        decimals=1, title="SI-SDR")}

    def measure(self, utterance: Utterance, output: Output) -> dict[str, Measurement]:
        clean, processed = signal_pair(output)
        return {"si_sdr": Measurement(si_sdr(clean.samples, processed.samples))}


def si_sdr(clean: np.ndarray, processed: np.ndarray) -> float:
    """In dB, of two signals of shape (n,); see ``SiSdr``, errors too."""
    s, estimate = (x.astype(np.float64) - x.mean(dtype=np.float64) for x in (clean, processed))
    energy = s @ s
    target = (estimate @ s / energy) * s if energy else s
    residual = estimate - target
    with np.errstate(divide="ignore", invalid="ignore"):
        decibels = float(10 * np.log10((target @ target) / (residual @ residual)))
    if decibels > LARGEST:
        raise UtteranceError(IDENTICAL, "output and reference are equal up to a factor, "
                                        "so SI-SDR is infinite")
    if not decibels > -LARGEST:
        raise UtteranceError("Unrelated", "output and reference have nothing in common, "
                                          "so SI-SDR is minus infinity")
    return decibels
