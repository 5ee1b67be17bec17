"""The text that a language model is trained on: a sentence a line, words parted by spaces."""

from __future__ import annotations

from pathlib import Path

from evalkit.core.errors import ConfigError
from evalkit.core.files import regular
from evalkit.core.names import instead
from evalkit.models.language.ngrams import MARKS


def read_sentences(path: Path) -> list[list[str]]:
    """The words of every line that has any. Raises ConfigError naming the first bad line."""
    try:
        lines = regular(path).read_bytes().split(b"\n")
    except OSError as error:
        raise ConfigError(f"{path}: cannot read it: {error.strerror}{instead(path)}") from error
    sentences = [_words(path, number, line) for number, line in enumerate(lines, 1)
                 if line.strip()]
    if not sentences:
        raise ConfigError(f"{path}: holds no sentence")
    return sentences


def _words(path: Path, number: int, line: bytes) -> list[str]:
    try:
        words = line.decode("utf-8-sig" if number == 1 else "utf-8").split()
    except UnicodeDecodeError as error:
        raise ConfigError(f"{path}:{number}: is not UTF-8 ({error.reason}); save the file as UTF-8"
                          ) from error
    if marks := [word for word in words if word in MARKS]:
        raise ConfigError(f"{path}:{number}: holds {marks[0]}, which language models have of their "
                          "own; leave it out")
    return words
