"""The speaker encoder of the package Resemblyzer."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio
from evalkit.systems.identity import folder_of, require, stamp


@dataclass(frozen=True)
class Resemblyzer:
    """The speaker encoder of the package Resemblyzer, after Wan et al. 2018, arXiv:1710.10467,
    on the CPU, with the package's own preparation: volume raised, long silences cut out."""

    rate = 16_000
    batch = 1
    needs_audio = True

    def __post_init__(self) -> None:
        require("resemblyzer", "webrtcvad", "pkg_resources")

    @property
    def identity(self) -> str:
        return f"{self!r} {stamp('Resemblyzer', [folder_of('resemblyzer') / 'pretrained.pt'])}"

    def embed(self, batch: Sequence[Audio]) -> np.ndarray:
        """(len(batch), 256), float32. Raises UtteranceError of kind NoSpeech where no speech is
        found in one of them."""
        return np.stack([self._embed(audio.samples) for audio in batch])

    def _embed(self, samples: np.ndarray) -> np.ndarray:
        encoder = _encoder()
        from resemblyzer import preprocess_wav

        speech = preprocess_wav(samples) if samples.any() else samples[:0]
        if not len(speech):
            raise UtteranceError("NoSpeech", "the voice activity detector found no speech")
        return encoder.embed_utterance(speech)


@lru_cache(maxsize=1)
def _encoder() -> Any:
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", "pkg_resources is deprecated", UserWarning)
        warnings.filterwarnings("ignore", "Please import `binary_dilation`", DeprecationWarning)
        import torch
        from resemblyzer import VoiceEncoder

    torch.set_num_threads(1)  # how sums are split among threads changes their rounding
    return VoiceEncoder("cpu", verbose=False)
