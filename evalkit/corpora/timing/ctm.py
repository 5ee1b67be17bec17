"""CTM: recording, channel, start, duration and word a line, perhaps with a confidence."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from evalkit.core.ledger import LeftOut
from evalkit.core.types import Word
from evalkit.corpora.readers.base import read_lines, seconds

NO_WORD = frozenset({"<eps>", "@"})


class Spoken(NamedTuple):
    """A channel of a recording, and its words in the order of their beginnings, with their times in
    seconds."""

    recording: str
    channel: str
    words: tuple[Word, ...]


def spoken(source: Path) -> Iterator[Spoken | LeftOut]:
    """Every channel of every recording of the file ``source``, and the lines that are no words of
    one. Raises ManifestError where it cannot be read."""
    words: dict[tuple[str, str], list[Word]] = {}
    for number, line in enumerate(read_lines(source), 1):
        try:
            for recording, channel, word in _parsed(line):
                words.setdefault((recording, channel), []).append(word)
        except (TypeError, ValueError):
            yield LeftOut("row", str(source), "is not a recording, a channel, a start, a duration "
                          "and a word", names=(f"line {number}",))
    for (recording, channel), found in words.items():
        yield Spoken(recording, channel, tuple(sorted(found, key=lambda word: word.start or 0.0)))


def _parsed(line: str) -> Iterator[tuple[str, str, Word]]:
    """Recording, channel and word of a line; nothing of a comment, a blank line or one that stands
    for no word. Raises ValueError, or TypeError, for anything else."""
    if line.strip() and not line.startswith(";;"):
        recording, channel, *rest = line.split()
        word = _word(*rest[:3])
        if word.text not in NO_WORD:
            yield recording, channel, word


def _word(start: str, duration: str, text: str) -> Word:
    begin = seconds(start) or 0.0
    return Word(text, begin, round(begin + (seconds(duration) or 0.0), 6))
