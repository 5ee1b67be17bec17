"""RNNoise, from the package pyrnnoise."""

from __future__ import annotations

import ctypes
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.audio import fit
from evalkit.core.types import Audio, Cost
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
        return [self._enhance(speech) for speech in batch]

    def _enhance(self, speech: Audio) -> Audio:
        from pyrnnoise.rnnoise import FRAME_SIZE, create, destroy, lib

        # The package's own framing rounds to 16 bits and wraps around where it overshoots.
        length = len(speech.samples) + round(self.delay * speech.rate)
        samples = fit(speech.samples, -(-length // FRAME_SIZE) * FRAME_SIZE) * np.float32(32768)
        pointer = ctypes.POINTER(ctypes.c_float)
        state = create()
        try:
            for frame in samples.reshape(-1, FRAME_SIZE):
                place = frame.ctypes.data_as(pointer)
                lib.rnnoise_process_frame(state, place, place)
        finally:
            destroy(state)
        return Audio(samples[:length] / np.float32(32768), speech.rate)
