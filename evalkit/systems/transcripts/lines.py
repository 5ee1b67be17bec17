"""What the readers of transcripts share, and the formats with one utterance a line."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass

from evalkit.store.json_lines import json_object
from evalkit.systems.transcripts.keys import Keys

Line = tuple[int, str]
"""Its number, from 1, and what it holds."""
TRN = re.compile(r"(.*)\(([^()\s]+)\)")
COMMENT = ";;"


@dataclass(frozen=True)
class Transcript:
    """The text of an utterance, and the line it is from."""

    id: str
    text: str
    line: int


class BadLineError(ValueError):
    """A line that cannot be used; ``line`` is its number."""

    def __init__(self, line: int, message: str) -> None:
        super().__init__(message)
        self.line = line


Reader = Callable[[Sequence[Line], Keys], Iterable[Transcript]]
"""Reads the lines of a file that are not empty. Raises BadLineError."""


def each(parse: Callable[[str, Keys], tuple[str, str] | None]) -> Reader:
    """The reader of a format with one utterance a line; ``parse`` gives id and text of a line,
    None of a comment, and raises ValueError."""
    def read(lines: Sequence[Line], keys: Keys) -> Iterator[Transcript]:
        for number, line in lines:
            try:
                found = parse(line, keys)
            except ValueError as error:
                raise BadLineError(number, str(error)) from error
            if found is not None:
                yield Transcript(*found, number)
    return read


def parse_json(line: str, keys: Keys) -> tuple[str, str]:
    """{"id": "u1", "hypothesis": "turn on the light"}"""
    row = json_object(line)
    of_id, of_text = keys.chosen(list(row))
    text = row[of_text]
    if not isinstance(text, str):
        raise ValueError(f"{of_text!r} must be text, not {text!r}; leave the line out where there "
                         "is no hypothesis")
    value = row[of_id]
    if isinstance(value, int) and not isinstance(value, bool):
        value = str(value)
    if not isinstance(value, str) or not value:
        raise ValueError(f"{of_id!r} must be text, not {value!r}")
    return keys.identifier(of_id, value), text


def parse_kaldi(line: str, _keys: Keys) -> tuple[str, str]:
    """u1 turn on the light"""
    identifier, *texts = line.split(maxsplit=1)
    return identifier, texts[0].strip() if texts else ""


def parse_trn(line: str, _keys: Keys) -> tuple[str, str] | None:
    """turn on the light (u1)"""
    if line.startswith(COMMENT):
        return None
    found = TRN.fullmatch(line.strip())
    if found is None:
        raise ValueError("expected words and then the id in parentheses, which has no space")
    return found[2], found[1].strip()
