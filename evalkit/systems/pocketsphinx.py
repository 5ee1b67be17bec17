"""The recognizer of the package pocketsphinx."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.core.types import Audio, Cost, Hypothesis
from evalkit.systems.identity import bytes_in, model_files, require, stamp


@dataclass(frozen=True)
class PocketSphinx:
    """PocketSphinx (Huggins-Daines et al. 2006, ICASSP) with the US English acoustic and
    language models of its package. ``maxhmmpf`` is the library's bound on the hidden Markov models
    that are followed in a frame: 3,000 take a half (in noise) to two thirds of the time. Raises
    ValueError for one below 1."""

    maxhmmpf: int = 30_000
    rate = 16_000
    batch = 1
    needs_audio = True

    def __post_init__(self) -> None:
        require("pocketsphinx")
        if self.maxhmmpf < 1:
            raise ValueError(f"maxhmmpf must be 1 or more, not {self.maxhmmpf!r}")

    @property
    def identity(self) -> str:
        return f"{self!r} {stamp('pocketsphinx', model_files(_models()))}"

    @property
    def cost(self) -> Cost:
        return Cost(bytes=bytes_in(_models()), unknown="its models of sounds and words are no "
                    "network, and what it takes to search them depends on what is said")

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each; the empty one where nothing was heard."""
        return [self._decode(audio) for audio in batch]

    def _decode(self, audio: Audio) -> Hypothesis:
        decoder = _decoder(self.maxhmmpf)
        # Its estimates of channel and noise outlive an utterance, and with them every later
        # hypothesis would depend on what was heard before.
        decoder.reinit_feat()
        decoder.start_utt()
        pcm = np.clip(np.rint(audio.samples * 32768), -32768, 32767).astype(np.int16)
        decoder.process_raw(pcm.tobytes(), full_utt=True)
        decoder.end_utt()
        best = decoder.hyp()
        return Hypothesis(best.hypstr if best else "")


def _models() -> Path:
    from pocketsphinx import get_model_path

    return Path(get_model_path("en-us"))


@lru_cache(maxsize=1)
def _decoder(maxhmmpf: int) -> Any:
    from pocketsphinx import Decoder

    return Decoder(samprate=PocketSphinx.rate, loglevel="FATAL", maxhmmpf=maxhmmpf)
