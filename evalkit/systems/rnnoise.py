"""RNNoise, from the package pyrnnoise."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial

import numpy as np

from evalkit.core.protocols import AudioStream
from evalkit.core.types import Audio, Cost
from evalkit.systems.framed import Framed, whole
from evalkit.systems.identity import folder_of, require, stamp


@dataclass(frozen=True)
class RNNoise:
    """RNNoise (Valin 2018, arXiv:1709.08243), from the package pyrnnoise.

    It works at 48 kHz in frames of 10 ms; what comes out is two frames late, as measured."""

    rate = 48_000
    delay = 0.02
    batch = 1
    cost = Cost(unknown="its network is compiled into the library, which does not say")

    def __post_init__(self) -> None:
        require("pyrnnoise")

    @property
    def identity(self) -> str:
        libraries = [path for path in folder_of("pyrnnoise").iterdir()
                     if path.suffix in {".so", ".dylib", ".dll"}]
        return f"{self!r} {stamp('pyrnnoise', libraries)}"

    def enhance(self, batch: Sequence[Audio]) -> list[Audio]:
        """Each longer than its input by the delay, so that its end is not lost."""
        return [whole(self.open(speech.rate), speech) for speech in batch]

    def open(self, rate: int) -> AudioStream:
        """A stream at 48 kHz, late by ``delay``."""
        from pyrnnoise.rnnoise import FRAME_SIZE, create, destroy

        state = create()
        stream = Framed(FRAME_SIZE, round(self.delay * rate), partial(_process, state))
        weakref.finalize(stream, destroy, state)
        return stream


def _process(state: int, frame: np.ndarray) -> np.ndarray:
    """What comes of the next frame."""
    from pyrnnoise.rnnoise import lib

    # The package's own framing rounds to 16 bits and wraps around where it overshoots.
    made = frame * np.float32(32768)
    place = (ctypes.c_float * len(made)).from_buffer(made.data)
    lib.rnnoise_process_frame(state, place, place)
    return made / np.float32(32768)
