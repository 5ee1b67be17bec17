"""The recognizer of the package pocketsphinx."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.core.types import Audio, Cost, Hypothesis, Shown
from evalkit.systems.identity import bytes_in, model_files, require, stamp

STEP = 160
"""Samples, 10 ms: a frame of the decoder's."""


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
        return f"{self!r} streamed by {STEP} {stamp('pocketsphinx', model_files(_models()))}"

    @property
    def cost(self) -> Cost:
        return Cost(bytes=bytes_in(_models()), unknown="its models of sounds and words are no "
                    "network, and what it takes to search them depends on what is said")

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis]:
        """One hypothesis each; the empty one where nothing was heard."""
        return [self._decode(audio) for audio in batch]

    def _decode(self, audio: Audio) -> Hypothesis:
        decoder = _begun(self.maxhmmpf)
        decoder.process_raw(_pcm(audio.samples), full_utt=True)
        decoder.end_utt()
        return Hypothesis(_best(decoder))

    def open(self, rate: int) -> _Listening:
        """A stream at 16 kHz. Its estimate of the channel is that of what was heard so far, and not
        of the whole utterance as in ``transcribe``."""
        return _Listening(_begun(self.maxhmmpf))


@dataclass
class _Listening:
    """An utterance on its way through a decoder (TextStream). The decoder moves its estimate of the
    channel between what it is given at a time, so that is always STEP samples: what is heard must
    not depend on how the audio was cut."""

    decoder: Any
    shown: str = ""
    waiting: np.ndarray = field(default_factory=lambda: np.zeros(0, np.float32))

    def push(self, samples: np.ndarray) -> list[Shown]:
        waiting = np.concatenate([self.waiting, samples], dtype=np.float32)
        whole = len(waiting) - len(waiting) % STEP
        self.waiting = waiting[whole:].copy()
        for step in waiting[:whole].reshape(-1, STEP):
            self.decoder.process_raw(_pcm(step), full_utt=False)
        text = _best(self.decoder)
        if text == self.shown:
            return []
        self.shown = text
        return [Shown(text)]

    def finish(self) -> Hypothesis:
        if len(self.waiting):
            self.decoder.process_raw(_pcm(self.waiting), full_utt=False)
        self.decoder.end_utt()
        return Hypothesis(_best(self.decoder))


def _pcm(samples: np.ndarray) -> bytes:
    return np.clip(np.rint(samples * 32768), -32768, 32767).astype(np.int16).tobytes()


def _best(decoder: Any) -> str:
    """What was heard so far; "" where that is nothing."""
    best = decoder.hyp()
    return best.hypstr if best else ""


def _begun(maxhmmpf: int) -> Any:
    """The decoder at the beginning of an utterance."""
    decoder = _decoder(maxhmmpf)
    with suppress(RuntimeError):  # there is none whose stream was dropped
        decoder.end_utt()
    # Its estimates of channel and noise outlive an utterance, and with them every later
    # hypothesis would depend on what was heard before.
    decoder.reinit_feat()
    decoder.start_utt()
    return decoder


def _models() -> Path:
    from pocketsphinx import get_model_path

    return Path(get_model_path("en-us"))


@lru_cache(maxsize=1)
def _decoder(maxhmmpf: int) -> Any:
    from pocketsphinx import Decoder

    return Decoder(samprate=PocketSphinx.rate, loglevel="FATAL", maxhmmpf=maxhmmpf)
