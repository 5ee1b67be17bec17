"""A program of the user's that stays and is given an utterance piece by piece, one JSON line each:

    {"id": "17", "rate": 16000, "pcm": "AAD/fw=="}
    {"id": "17", "end": true}

``pcm`` is base64 of 16-bit samples, little-endian. It answers every line with one of the same
``id``: a piece with what it shows now, ``{"id": "17", "shown": [{"text": "turn"}]}``, where
``kind`` and ``words`` may stand too, nothing where nothing is new; the end with what was heard, as
evalkit.systems.heard has it; or with ``error``. A new id is a new utterance, whatever became of the
one before.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import numpy as np

from evalkit.core import clock
from evalkit.core.errors import SystemLostError, UtteranceError, one_line
from evalkit.core.types import Hypothesis, Shown
from evalkit.systems import programs
from evalkit.systems.conversation import Conversation, TroubleError
from evalkit.systems.heard import hypothesis_of, objects
from evalkit.systems.staying import Answer, name_of, parsed


@dataclass
class PieceByPiece:
    """The program ``run``: started when it is first told something, and again after it died. It may
    take ``timeout`` seconds for an answer, ``loading`` for its first one. ``deaths`` in a row, with
    no answer between them, are the program's fault."""

    run: str | Sequence[str]
    timeout: float
    loading: float
    deaths: int
    _talk: Conversation | None = None
    _has_answered: bool = False
    _is_new: bool = True
    _in_a_row: int = 0
    _ids: count[int] = field(default_factory=count)

    def open(self, rate: int) -> Told:
        """An utterance at ``rate`` Hz."""
        return Told(self, str(next(self._ids)), rate)

    def ask(self, line: Mapping[str, Any]) -> Answer:
        """The answer. Raises UtteranceError, and SystemLostError where it only dies."""
        try:
            answer = self._answer(self._running(), line)
        except TroubleError as trouble:
            self._end(trouble.error)
            raise trouble.error from trouble
        self._has_answered, self._is_new, self._in_a_row = True, False, 0
        if "error" in answer:
            raise UtteranceError("ProgramFailed", one_line(answer["error"]))
        return answer

    def _answer(self, talk: Conversation, line: Mapping[str, Any]) -> Answer:
        """Raises TroubleError."""
        before = talk.processor_seconds()
        patience = self.loading if self._is_new else self.timeout
        said = talk.answers((json.dumps(line) + "\n").encode(), patience)
        answer = next(parsed(each, {line["id"]}) for each in said if each.strip())
        clock.elsewhere(max(0.0, talk.processor_seconds() - before))
        return answer

    def _running(self) -> Conversation:
        with clock.loading():
            if self._talk is None:
                self._talk = Conversation(programs.arguments_of(self.run))
                self._is_new = True
            return self._talk

    def _end(self, error: UtteranceError) -> None:
        if self._talk is not None:
            self._talk.end()
        self._talk = None
        self._in_a_row += 1
        if self._in_a_row >= self.deaths or not self._has_answered:
            raise SystemLostError(f"{name_of(self.run)}: is given pieces of audio and does not "
                                  f"answer; {error}")


@dataclass
class Told:
    """An utterance on its way through the program (TextStream)."""

    program: PieceByPiece
    id: str
    rate: int

    def push(self, samples: np.ndarray) -> list[Shown]:
        pcm = np.clip(np.rint(samples * 32768), -32768, 32767).astype("<i2").tobytes()
        answer = self.program.ask({"id": self.id, "rate": self.rate,
                                   "pcm": base64.b64encode(pcm).decode()})
        return [_shown(item) for item in objects(answer, "shown")]

    def finish(self) -> Hypothesis:
        return hypothesis_of(self.program.ask({"id": self.id, "end": True}))


def _shown(item: Mapping[str, Any]) -> Shown:
    heard = hypothesis_of(item)
    return Shown(heard.text, item.get("kind", "partial"), heard.words)
