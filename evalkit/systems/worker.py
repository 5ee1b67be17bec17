"""Enhancers, recognizers and speaker encoders that are a program of the user's, started once:

    {name: worker, run: "python my_recognizer.py", batch: 8}

It reads JSON lines of paths and writes JSON lines of results (evalkit.systems.staying). ``run`` is
split as a shell would and run without one, where evalkit was started; recordings are WAV files (16
bits, one channel) in a temporary folder. What the program has started ends with it, and it with
evalkit.

Of every class, ``rate`` in Hz is what the program wants, ``batch`` how many utterances it is given
at a time; after ``timeout_s`` for each of them it is killed, and after ``loading_s`` where it does
not begin to answer. It is given up after ``restarts`` in a row without an answer.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

from evalkit.core.errors import UtteranceError
from evalkit.core.types import Audio, Hypothesis
from evalkit.systems import programs
from evalkit.systems.heard import bad, hypothesis_of
from evalkit.systems.pieces import PieceByPiece, Told
from evalkit.systems.staying import Answer, StayingProgram

NO_NOISE_RATE = 16_000
"""Hz of what a program is tried with that takes any rate."""


@dataclass(frozen=True, kw_only=True)
class _Worker:
    """What all have in common."""

    run: str | Sequence[str]
    rate: int | None = 16_000
    batch: int = 1
    timeout_s: float = 60.0
    loading_s: float = field(default=300.0, repr=False)
    restarts: int = field(default=20, repr=False)

    _writes = False

    def __post_init__(self) -> None:
        programs.check_run(self.run)
        programs.check_seconds("timeout_s", self.timeout_s)
        programs.check_seconds("loading_s", self.loading_s)
        if self.restarts < 1:
            raise ValueError(f"restarts must be a number from 1, not {self.restarts!r}")

    @property
    def identity(self) -> str:
        """Options, and digests of the program and of the files that are its arguments."""
        return f"{self!r} {programs.files_of(self.run)}"

    @cached_property
    def _program(self) -> StayingProgram:
        return StayingProgram(self.run, self.timeout_s, self.loading_s, self.restarts,
                              self.rate or NO_NOISE_RATE, writes=self._writes)


@dataclass(frozen=True, kw_only=True)
class WorkerRecognizer(_Worker):
    """It answers ``{"id": "17", "text": "turn on"}``, in which there may also be ``confidence``,
    ``words`` and ``alternatives`` (evalkit.systems.heard). Where its pipeline is streamed it is
    given 16-bit samples piece by piece instead (evalkit.systems.pieces)."""

    needs_audio = True
    cost = programs.UNSAID

    def transcribe(self, batch: Sequence[Audio]) -> list[Hypothesis | UtteranceError]:
        """One hypothesis each. Raises SystemLostError."""
        return self._program.ask(batch, lambda answer, _: hypothesis_of(answer))

    def open(self, rate: int) -> Told:
        """An utterance that the program is told as it comes in."""
        return self._pieces.open(rate)

    @cached_property
    def _pieces(self) -> PieceByPiece:
        return PieceByPiece(self.run, self.timeout_s, self.loading_s, self.restarts)


@dataclass(frozen=True, kw_only=True)
class WorkerEncoder(_Worker):
    """It answers ``{"id": "17", "embedding": [0.1, -0.3]}``, which is scaled to unit length."""

    needs_audio = True
    cost = programs.UNSAID

    def embed(self, batch: Sequence[Audio]) -> list[np.ndarray | UtteranceError]:
        """One vector each, float32 of shape (dimension,). Raises SystemLostError."""
        return self._program.ask(batch, lambda answer, _: _vector(answer))


@dataclass(frozen=True, kw_only=True)
class WorkerEnhancer(_Worker, programs.StatedEnhancer):
    """It writes a WAV file of its input's rate as ``output``, then answers ``{"id": "17"}``.

    Its delay and what its network takes are as StatedEnhancer has them."""

    rate: int | None = None

    _writes = True

    def __post_init__(self) -> None:
        super().__post_init__()
        self.check_stated()

    def enhance(self, batch: Sequence[Audio]) -> list[Audio | UtteranceError]:
        """One output each, of its input's rate. Raises SystemLostError."""
        return self._program.ask(batch, lambda _, asked: self.made(asked.target, asked.audio))


def _vector(answer: Answer) -> np.ndarray:
    numbers = answer.get("embedding")
    if not isinstance(numbers, list) or not all(
            isinstance(number, int | float) and not isinstance(number, bool)
            for number in numbers):
        raise bad("its answer has no list of numbers 'embedding'")
    vector = np.asarray(numbers, np.float64)
    length = np.linalg.norm(vector)
    if not (np.isfinite(length) and length > 0):
        raise UtteranceError("BadEmbedding", f"its length is {length:g}")
    return (vector / length).astype(np.float32)
