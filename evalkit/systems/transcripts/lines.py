"""What the readers of transcripts share, and the formats with one utterance a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from typing import Any, NamedTuple

from evalkit.core.types import Hypothesis
from evalkit.store.json_lines import json_object
from evalkit.systems.transcripts.keys import HEARD, Keys, chosen

Line = tuple[int, str]
"""Its number, from 1, and what it holds."""
TRN = re.compile(r"(.*)\(([^()\s]+)\)")
COMMENT = ";;"
_MOST = 1e300
"""No confidence is as large."""


GUESSES = ("nbest", "alternatives")
"""Keys of a recognizer's best guesses, the best one first."""


class Transcript(NamedTuple):
    """The text of an utterance, the line it is from, its next best guesses, and the recognizer's
    own score where the line has one."""

    id: str
    text: str
    line: int
    others: tuple[Hypothesis, ...] = ()
    score: float | None = None


class BadLineError(ValueError):
    """A line that cannot be used; ``line`` is its number."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


Reader = Callable[[Sequence[Line], Keys], Iterable[Transcript]]
"""Reads the lines of a file that are not empty. Raises BadLineError."""


def each(parse: Callable[[str, Keys, int], Transcript | None]) -> Reader:
    """The reader of a format with one utterance a line; ``parse`` gives the transcript of a line of
    that number, None of a comment, and raises ValueError."""
    def read(lines: Sequence[Line], keys: Keys) -> Iterator[Transcript]:
        for number, line in lines:
            try:
                found = parse(line, keys, number)
            except ValueError as error:
                raise BadLineError(number, str(error)) from error
            if found is not None:
                yield found
    return read


def parse_json(line: str, keys: Keys, number: int) -> Transcript:
    """{"id": "u1", "hypothesis": "turn on the light", "nbest": ["turn on the light", …]}, of which
    one may be missing"""
    row = json_object(line)
    guesses = [guess for key in GUESSES if key in row for guess in _guesses(key, row[key])]
    if guesses and keys.text is None and not {name.strip().lower() for name in row} & {*HEARD}:
        row["hypothesis"] = guesses[0].text
    of_id, of_text = chosen(keys, tuple(row))
    text = row[of_text]
    if not isinstance(text, str):
        raise ValueError(f"{of_text!r} must be text, not {text!r}; leave the line out where there "
                         "is no hypothesis")
    is_first = bool(guesses) and guesses[0].text == text
    return Transcript(keys.identifier(of_id, _id(of_id, row[of_id])), text, number,
                      tuple(guesses[is_first:]), guesses[0].confidence if is_first else None)


def _id(key: str, value: Any) -> str:
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{key!r} must be text, not {value!r}")
    return value


def _guesses(key: str, given: Any) -> list[Hypothesis]:
    """Those in a list of texts, or of objects with a ``text`` and perhaps a ``confidence`` or
    ``score``."""
    if given is None:
        return []
    rows = [{"text": item} if isinstance(item, str) else item for item in given
            ] if isinstance(given, list) else []
    if not rows or not all(isinstance(row, dict) and isinstance(row.get("text"), str)
                           for row in rows):
        raise ValueError(f"{key!r} must be a list of texts, or of objects with a 'text'")
    return [Hypothesis(row["text"], confidence=_number(row.get("confidence", row.get("score"))))
            for row in rows]


def _number(value: Any) -> float | None:
    """A finite number, None for anything else."""
    is_one = isinstance(value, int | float) and not isinstance(value, bool) and abs(value) < _MOST
    return float(value) if is_one else None


def parse_kaldi(line: str, _keys: Keys, number: int) -> Transcript:
    """u1 turn on the light"""
    identifier, *texts = line.split(maxsplit=1)
    return Transcript(identifier, texts[0].strip() if texts else "", number)


def parse_trn(line: str, _keys: Keys, number: int) -> Transcript | None:
    """turn on the light (u1)"""
    if line.startswith(COMMENT):
        return None
    found = TRN.fullmatch(line.strip())
    if found is None:
        raise ValueError("expected words and then the id in parentheses, which has no space")
    return Transcript(found[2], found[1].strip(), number)
