"""An end-pointer on the voice activity detector of WebRTC (package webrtcvad)."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np

from evalkit.systems.hangover import Listening, Silence
from evalkit.systems.identity import require, stamp


@dataclass(frozen=True)
class WebRtcVad(Silence):
    """Gaussian mixtures of energies in six bands; ``aggressiveness`` from 0 to 3 says how sure it
    must be of speech, ``ms`` how long a frame is. Raises ValueError for another."""

    aggressiveness: int = 2
    ms: Literal[10, 20, 30] = 20
    rate = 16_000

    def __post_init__(self) -> None:
        super().__post_init__()
        require("webrtcvad")
        if not 0 <= self.aggressiveness <= 3:
            raise ValueError(f"aggressiveness must be 0, 1, 2 or 3, not {self.aggressiveness!r}")

    @property
    def identity(self) -> str:
        return f"{self!r} {stamp('webrtcvad')}"

    def open(self, rate: int) -> Listening:
        """A stream at 16 kHz."""
        detector = _detector(self.aggressiveness)

        def is_speech(frame: np.ndarray) -> bool:
            pcm = np.clip(np.rint(frame * 32768), -32768, 32767).astype("<i2").tobytes()
            return bool(detector.is_speech(pcm, rate))

        return self.stream(rate * self.ms // 1000, rate, is_speech)


def _detector(aggressiveness: int) -> Any:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # it asks pkg_resources for its own version
        import webrtcvad
    return webrtcvad.Vad(aggressiveness)
