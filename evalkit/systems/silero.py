"""An end-pointer on Silero's voice activity detector, whose network the package silero-vad carries.
Its code, which needs torch, is not imported."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from evalkit.systems.hangover import Listening, Silence
from evalkit.systems.identity import folder_of, require, stamp

FRAME, BEFORE = 512, 64
"""Samples at 16 kHz of a frame, and of what was before it that the network hears again."""
LOWER = 0.15
"""By how much less sure it may be that speech goes on than that it begins."""


@dataclass(frozen=True)
class Silero(Silence):
    """A recurrent network gives the probability of speech in frames of 32 ms. Speech begins at
    ``threshold`` and goes on down to LOWER below it, as in the package's own iterator. Raises
    ValueError for a threshold that is no probability."""

    threshold: float = 0.5
    rate = 16_000

    def __post_init__(self) -> None:
        super().__post_init__()
        require("silero_vad", "onnxruntime")
        if not 0 < self.threshold < 1:
            raise ValueError(f"threshold must be above 0 and below 1, not {self.threshold!r}")

    @property
    def identity(self) -> str:
        return f"{self!r} {stamp('silero-vad', [_weights()])} {stamp('onnxruntime')}"

    def open(self, rate: int) -> Listening:
        """A stream at 16 kHz."""
        return self.stream(FRAME, rate, _Network(self.threshold))


@dataclass
class _Network:
    """The network with what it remembers of one signal."""

    threshold: float
    state: np.ndarray = field(default_factory=lambda: np.zeros((2, 1, 128), np.float32))
    before: np.ndarray = field(default_factory=lambda: np.zeros(BEFORE, np.float32))
    speaks: bool = False

    def __call__(self, frame: np.ndarray) -> bool:
        heard = np.concatenate([self.before, frame])
        self.before = heard[-BEFORE:]
        probability, self.state = _session().run(None, {
            "input": heard[None], "state": self.state, "sr": np.array(Silero.rate, np.int64)})
        least = self.threshold - LOWER if self.speaks else self.threshold
        self.speaks = float(probability[0, 0]) >= least
        return self.speaks


def _weights() -> Path:
    return folder_of("silero_vad") / "data" / "silero_vad.onnx"


@cache
def _session() -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    return onnxruntime.InferenceSession(str(_weights()), options, ["CPUExecutionProvider"])
