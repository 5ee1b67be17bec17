"""Forced alignment by pocketsphinx: of all ways to say a text, with or without pauses between its
words, the one that fits the recording best.

Its error is measured against the synthesizer's truth (benchmarks/word_times.py, docs/streaming.md).
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from functools import cached_property
from importlib.metadata import version
from typing import Any

import numpy as np

from evalkit.audio import resample
from evalkit.core.errors import UtteranceError
from evalkit.core.plugins import missing_package
from evalkit.core.types import Audio, Word
from evalkit.corpora.timing.pronouncing import pronunciation
from evalkit.metrics.comparison import normalised

RATE = 16_000
FRAME = 0.01
"""Seconds: no time is finer."""
LONGEST = 120.0
"""Seconds of an utterance: no way through it is given up early, so that long ones take long."""
MEDIAN_ERROR, P90_ERROR = 8, 52
"""Milliseconds by which the ends of words are off in the test split of the synthetic corpus."""
OPTIONS = {"beam": 0.0, "pbeam": 0.0, "wbeam": 0.0, "bestpath": False, "silprob": 1e-4}
"""All ways are followed to their end. ``bestpath``, over a lattice, loses the last words. Pauses
are less likely than usual, or else the closure of a stop is one."""


class Aligner:
    """A decoder of US English, and what it was told of words. Raises PluginError where pocketsphinx
    is not installed."""

    @cached_property
    def decoder(self) -> Any:
        try:
            from pocketsphinx import Decoder
        except ModuleNotFoundError as error:
            raise missing_package(error, "corpus align") from error
        return Decoder(samprate=RATE, lm=None, loglevel="FATAL", **OPTIONS)

    @property
    def described(self) -> str:
        """What made the times, and by how much they are wrong."""
        return (f"forced alignment (pocketsphinx {version('pocketsphinx')}), median error "
                f"{MEDIAN_ERROR} ms, P90 {P90_ERROR} ms on synthetic speech")

    def align(self, audio: Audio, text: str) -> tuple[Word, ...]:
        """The words of ``text`` between blanks, with their times in seconds of ``audio``; a word
        without a letter or a digit has none. Raises UtteranceError of kind NoWords, TooLong,
        NoPronunciation or NotAligned."""
        tokens = [(token, normalised("basic", token).split()) for token in text.split()]
        said = [word for _, words in tokens for word in words]
        if not said:
            raise UtteranceError("NoWords", "its text has no words")
        if audio.duration > LONGEST:
            raise UtteranceError("TooLong", f"lasts {audio.duration:.0f} s; at most {LONGEST:.0f} "
                                            "are aligned")
        spans = iter(self._spans(resample(audio, RATE).samples, said))
        return tuple(_joined(token, [next(spans) for _ in words]) for token, words in tokens
                     if words)

    def _spans(self, samples: np.ndarray, said: Sequence[str]) -> list[tuple[float, float]]:
        """Start and end of every word that is ``said``, in seconds."""
        for word in said:
            if self.decoder.lookup_word(word) is None:
                self.decoder.add_word(word, pronunciation(word), False)
        self.decoder.reinit_feat()  # what it heard before is to play no part
        self.decoder.set_align_text(" ".join(said))
        self.decoder.start_utt()
        self.decoder.process_raw(_pcm(samples), full_utt=True)
        self.decoder.end_utt()
        found = list(_words(self.decoder))
        if [word for word, _, _ in found] != list(said):
            raise UtteranceError("NotAligned", "its text does not fit the recording from beginning "
                                               "to end")
        return [(start, end) for _, start, end in found]


def _words(decoder: Any) -> Iterator[tuple[str, float, float]]:
    """Words of the best way, without pauses and noises, and their times in seconds."""
    for segment in decoder.seg() or ():
        if segment.word[0] not in "<[(+":
            yield (re.sub(r"\(\d+\)$", "", segment.word), round(FRAME * segment.start_frame, 2),
                   round(FRAME * (segment.end_frame + 1), 2))


def _joined(token: str, spans: Sequence[tuple[float, float]]) -> Word:
    return Word(token, spans[0][0], spans[-1][1])


def _pcm(samples: np.ndarray) -> bytes:
    """16 bits, and noise of the last of them, the same every time: silence of zeros, which no
    microphone has, is unlike any silence that the models know."""
    noise = np.random.default_rng(0).integers(-1, 2, len(samples))
    return np.clip(np.rint(samples * 32768) + noise, -32768, 32767).astype(np.int16).tobytes()
