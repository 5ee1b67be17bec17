"""Lists of words and phrases, such as keywords, entities or the commonest words of a language, and
which words of a text are of them.

A file has a word or a phrase a line. A list of one utterance is a text: words parted by spaces, or
a list of words and phrases in JSON. Both are untrusted input.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.files import digest
from evalkit.core.names import instead
from evalkit.metrics.comparison import TextOptions
from evalkit.metrics.tokens import words
from evalkit.store.json_lines import texts_in

LARGEST = 64 * 2**20
"""Bytes of a file."""
LONGEST = 1_000
"""Characters of a word or a phrase."""
MOST_WORDS = 50
"""Of a phrase."""
Entry = tuple[str, ...]
"""The words of a phrase, rewritten and normalised, one or more."""


@dataclass(frozen=True)
class WordList:
    """Normalised words and phrases."""

    entries: frozenset[Entry]

    @cached_property
    def lengths(self) -> list[int]:
        """Those of the entries, in words."""
        return sorted({len(entry) for entry in self.entries})

    def covers(self, text: Sequence[str]) -> list[bool]:
        """Of each word of ``text``, whether it is one of the list or stands in a phrase of it."""
        covered = [False] * len(text)
        for n in self.lengths:
            for first in range(len(text) - n + 1):
                if tuple(text[first:first + n]) in self.entries:
                    covered[first:first + n] = [True] * n
        return covered


def word_list(given: Iterable[str], rules: TextOptions) -> WordList:
    """The words and phrases ``given``, rewritten and normalised as ``rules`` compare texts; what
    becomes nothing is no word of any text. Raises ValueError for one that is too long,
    UtteranceError for one that may become too many."""
    return WordList(frozenset(entry for each in given for entry in _entries(each, rules)))


def _entries(text: str, rules: TextOptions) -> set[Entry]:
    """What a word or phrase becomes; several where the rules have alternatives for it."""
    entries = [tuple(words(form)) for form in rules.forms(text)] if len(text) <= LONGEST else []
    if len(text) > LONGEST or max(map(len, entries)) > MOST_WORDS:
        raise ValueError(f"a phrase of more than {MOST_WORDS} words or {LONGEST:,} characters: "
                         f"{text[:30]!r}…")
    return {entry for entry in entries if entry}


def read_list(path: Path, rules: TextOptions) -> WordList:
    """The list in the file ``path``, rewritten and normalised as ``rules`` compare texts. Raises
    ConfigError naming the file, and the line that is no word or phrase."""
    return _read(path, state(path), rules)


def state(path: Path) -> str:
    """The SHA-256 of what is in the file now. Raises ConfigError where it cannot be read."""
    try:
        return digest(path)
    except OSError as error:
        raise ConfigError(f"{path}: cannot read the list of words: {error.strerror}{instead(path)}"
                          ) from error


@lru_cache(maxsize=8)
def _read(path: Path, _content: str, rules: TextOptions) -> WordList:
    lines = enumerate(_lines(path), 1)
    found = WordList(frozenset(entry for line in lines
                               for entry in _entries_of_line(path, *line, rules)))
    if not found.entries:
        raise ConfigError(f"{path}: holds no word; write a word or a phrase a line")
    return found


def _entries_of_line(path: Path, number: int, line: str, rules: TextOptions) -> set[Entry]:
    try:
        if "\t" in line.strip():
            raise ValueError("a tab; a line is a word or a phrase and nothing else")
        return _entries(line.strip(), rules)
    except (ValueError, UtteranceError) as error:
        raise ConfigError(f"{path}:{number}: {error}") from error


def _lines(path: Path) -> list[str]:
    if path.stat().st_size > LARGEST:
        raise ConfigError(f"{path}: is larger than {LARGEST // 2**20} MiB, which no list of words "
                          "is")
    try:
        return path.read_text(encoding="utf-8-sig").split("\n")
    except ValueError as error:
        raise ConfigError(f"{path}: is no text in UTF-8; save the list of words as UTF-8"
                          ) from error


def listed_in(value: Any) -> list[str]:
    """The words and phrases of an utterance's own list, as a manifest or a table has it; none where
    it has none. Raises ValueError for what begins like a list in JSON and is none of texts."""
    text = "" if value is None else str(value).strip()
    return texts_in(text) if text.startswith("[") else text.split()
