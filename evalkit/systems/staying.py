"""A program of the user's that stays and is asked in batches, one JSON line an utterance:

    {"id": "17", "audio": "/tmp/…/17.wav", "more": 3}

``more`` is how many lines of the batch follow; an enhancer is told too which file to write as
``output``. It answers one JSON line an utterance, in any order, with the same ``id``; or with
``error``, why it has none. What it died of, alone, has failed; what else it had not answered is
asked again, of the program started anew.
"""

from __future__ import annotations

import json
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import numpy as np

from evalkit import audio as waveform
from evalkit.core import clock
from evalkit.core.errors import SystemLostError, UtteranceError, one_line
from evalkit.core.types import Audio
from evalkit.systems import programs
from evalkit.systems.conversation import Conversation, TroubleError
from evalkit.systems.heard import bad

T = TypeVar("T")
STARTS = 3
"""How often a program that has answered before is started in vain before it is given up."""
Answer = Mapping[str, Any]
Answers = dict[str, Answer | UtteranceError]


@dataclass(frozen=True)
class Question:
    """What is asked of one utterance, and the files that this is about."""

    id: str
    audio: Audio
    source: Path
    target: Path

    def line(self, more: int, *, writes: bool) -> str:
        """As the program, which ``writes`` or not, reads it; ``more`` of the batch follow."""
        output = {"output": str(self.target)} if writes else {}
        return json.dumps({"id": self.id, "audio": str(self.source), **output, "more": more})


@dataclass
class StayingProgram:
    """The program ``run``: started when it is first asked, and again after it died.

    A batch may take ``timeout`` seconds for each of its utterances, starting and answering for half
    a second of faint noise at ``rate`` Hz ``loading``. ``deaths`` in a row, with no answer between
    them, are the program's fault."""

    run: str | Sequence[str]
    timeout: float
    loading: float
    deaths: int
    rate: int
    writes: bool = False
    _talk: Conversation | None = None
    _ids: count[int] = field(default_factory=count)
    _in_a_row: int = 0
    _has_answered: bool = False

    def ask(self, batch: Sequence[Audio], take: Callable[[Answer, Question], T]
            ) -> list[T | UtteranceError]:
        """What ``take`` makes of each answer, or the failure of that utterance. Raises
        SystemLostError where the program does not start, or dies of everything."""
        with programs.scratch() as folder:
            questions = [self._question(folder, audio) for audio in batch]
            answers = self._answers(questions)
            return [_taken(answers[each.id], each, take, folder) for each in questions]

    def _question(self, folder: Path, audio: Audio) -> Question:
        name = str(next(self._ids))
        question = Question(name, audio, folder / f"{name}.wav", folder / f"{name}.out.wav")
        waveform.save(question.source, audio)
        return question

    def _answers(self, questions: Sequence[Question]) -> Answers:
        """Of every question, the answer or the error."""
        answers: Answers = {}
        trouble = self._try(questions, answers)
        alone = trouble is not None and len(questions) == 1 and not trouble.died
        for question in [each for each in questions if each.id not in answers]:
            if not alone:
                trouble = self._try([question], answers)
            if trouble is not None and question.id not in answers:
                answers[question.id] = trouble.error
        return answers

    def _try(self, questions: Sequence[Question], answers: Answers) -> TroubleError | None:
        """Puts what is answered to ``answers``; returns why not all was."""
        talk = self._running()
        before = talk.processor_seconds()
        try:
            self._put(talk, questions, self.timeout * len(questions), answers)
            clock.elsewhere(max(0.0, talk.processor_seconds() - before))
            self._in_a_row = 0
        except TroubleError as trouble:
            self._ended(trouble, any(each.id in answers for each in questions))
            return trouble
        return None

    def _ended(self, trouble: TroubleError, answered: bool) -> None:
        if self._talk is not None:
            self._talk.end()
        self._talk = None
        self._in_a_row = 1 if answered else self._in_a_row + 1
        if self._in_a_row >= self.deaths:
            raise SystemLostError(
                f"{self._name}: had to be started anew {self._in_a_row} times without an answer "
                f"in between; at last: {trouble.error}")

    def _running(self) -> Conversation:
        with clock.loading():
            if self._talk is None:
                self._talk = self._started()
            return self._talk

    def _started(self) -> Conversation:
        """A program that has answered for a faint noise, whatever that answer was. Raises
        SystemLostError where there is none."""
        for _ in range(STARTS if self._has_answered else 1):
            talk = Conversation(programs.arguments_of(self.run))
            try:
                with programs.scratch() as folder:
                    self._put(talk, [self._question(folder, _noise(self.rate))], self.loading, {})
                self._has_answered = True
                return talk
            except TroubleError as error:
                trouble = error
                talk.end()
        raise SystemLostError(
            f"{self._name}: does not answer for half a second of noise, with which it is tried "
            f"when it is started: {trouble.error}; see docs/extending.md for what it is to do")

    def _put(self, talk: Conversation, questions: Sequence[Question], seconds: float,
             answers: Answers) -> None:
        """Asks; puts what is answered to ``answers``. Raises TroubleError where not all is."""
        asked = [each.line(more, writes=self.writes) + "\n" for each, more in
                 zip(questions, reversed(range(len(questions))), strict=True)]
        waiting = {question.id for question in questions}
        for line in talk.answers("".join(asked).encode(), seconds):
            if line.strip():
                answer = parsed(line, waiting)
                waiting.remove(answer["id"])
                answers[answer["id"]] = answer
            if not waiting:
                return

    @property
    def _name(self) -> str:
        return name_of(self.run)


def name_of(run: str | Sequence[str]) -> str:
    """The program, for a person."""
    return one_line(f"program {shlex.join(programs.arguments_of(run))}", 120)


def parsed(line: bytes, waiting: set[str]) -> Answer:
    """An answer to one of the questions that are ``waiting``. Raises TroubleError of kind
    BadAnswer."""
    shown = one_line(line[:200].decode("utf-8", errors="replace"), 60)
    try:
        answer = json.loads(line)
    except (ValueError, RecursionError):
        answer = None
    if not isinstance(answer, dict):
        raise TroubleError("BadAnswer", f"it printed {shown!r}, which is no JSON object; whatever "
                           "is no answer goes to standard error")
    name = answer.get("id")
    if not isinstance(name, str) or name not in waiting:
        raise TroubleError("BadAnswer", f"it answered {shown!r}, whose id was not asked for; give "
                           "the id of each line back, a text, once")
    return answer


def _taken(answer: Answer | UtteranceError, question: Question,
           take: Callable[[Answer, Question], T], folder: Path) -> T | UtteranceError:
    try:
        if isinstance(answer, UtteranceError):
            return programs.without_folder(answer, folder)
        if (said := answer.get("error")) is not None:
            raise UtteranceError("ProgramError", str(said)[:1000])
        return take(answer, question)
    except UtteranceError as error:
        return programs.without_folder(error, folder)
    except (OverflowError, ValueError) as error:
        return bad(one_line(error))


def _noise(rate: int) -> Audio:
    noise = np.random.default_rng(0).standard_normal(rate // 2, dtype=np.float32)
    return Audio(np.float32(1e-3) * noise, rate)
