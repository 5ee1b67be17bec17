"""RNNoise, from the package pyrnnoise."""

from __future__ import annotations

import ctypes
import weakref
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from evalkit.core.protocols import AudioStream
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
        stream = self.open(speech.rate)
        return Audio(np.concatenate([stream.push(speech.samples), stream.finish()]), speech.rate)

    def open(self, rate: int) -> AudioStream:
        """A stream at 48 kHz, late by ``delay``."""
        return _Stream(round(self.delay * rate))


class _Stream:
    def __init__(self, delay: int) -> None:
        from pyrnnoise.rnnoise import create, destroy

        self.delay, self.waiting = delay, np.zeros(0, np.float32)
        self.state = create()
        weakref.finalize(self, destroy, self.state)

    def push(self, samples: np.ndarray) -> np.ndarray:
        """As many samples as the frames have that ``samples`` (n,) complete."""
        from pyrnnoise.rnnoise import FRAME_SIZE, lib

        waiting = np.concatenate([self.waiting, samples], dtype=np.float32)
        whole = len(waiting) - len(waiting) % FRAME_SIZE
        self.waiting = waiting[whole:].copy()
        # The package's own framing rounds to 16 bits and wraps around where it overshoots.
        made = waiting[:whole] * np.float32(32768)
        frames = memoryview(made)
        for first in range(0, whole, FRAME_SIZE):
            frame = (ctypes.c_float * FRAME_SIZE).from_buffer(frames, first * made.itemsize)
            lib.rnnoise_process_frame(self.state, frame, frame)
        return made / np.float32(32768)

    def finish(self) -> np.ndarray:
        """The rest, so that ``delay`` samples more have come out than had gone in."""
        from pyrnnoise.rnnoise import FRAME_SIZE

        left = len(self.waiting) + self.delay
        return self.push(np.zeros(left + -left % FRAME_SIZE, np.float32))[:left]
