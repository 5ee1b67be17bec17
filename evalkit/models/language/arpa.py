"""n-gram models as ARPA files, which SRILM, KenLM and others write and read:

    \\data\\
    ngram 1=4
    ngram 2=3

    \\1-grams:
    -1.2  turn  -0.3          log10 p, the words, and log10 of the backoff where there is one
    …
    \\end\\
"""

from __future__ import annotations

import gzip
import math
import re
import zlib
from functools import partial
from itertools import groupby
from pathlib import Path

from evalkit.core.errors import ConfigError
from evalkit.core.files import regular, write
from evalkit.core.names import instead
from evalkit.models.language.ngrams import LN_10, Gram, Ngrams

_COUNT = re.compile(r"ngram\s+(\d+)\s*=\s*(\d+)")
_SECTION = re.compile(r"\\(\d+)-grams:")
_LONGEST = 2**20
"""Bytes of a line that are looked at at a time."""


def write_arpa(model: Ngrams, path: Path) -> None:
    """In the order of the words, so that the same model has the same bytes. Raises ConfigError
    where no file can be written."""
    grams = sorted(model.probabilities, key=lambda gram: (len(gram), gram))
    sections = {n: list(group) for n, group in groupby(grams, len)}
    lines = ["\\data\\", *(f"ngram {n}={len(each)}" for n, each in sections.items())]
    for n, section in sections.items():
        lines += ["", f"\\{n}-grams:", *(_line(model, gram) for gram in section)]
    write(path, "\n".join([*lines, "", "\\end\\", ""]))


def _line(model: Ngrams, gram: Gram) -> str:
    backoff = model.backoffs.get(gram)
    more = "" if backoff is None else f"\t{backoff / LN_10:.7g}"
    return f"{model.probabilities[gram] / LN_10:.7g}\t{' '.join(gram)}{more}"


def read_arpa(path: Path) -> Ngrams:
    """Of a file that may be packed (.gz). Raises ConfigError naming the first bad line."""
    reader = _Reader()
    try:
        opened = gzip.open if path.suffix == ".gz" else open
        with opened(regular(path), "rb") as file:
            for line in iter(partial(file.readline, _LONGEST), b""):
                reader.take(line.decode().strip())
        reader.check()
    except (ValueError, EOFError, zlib.error) as error:
        raise ConfigError(f"{path}:{reader.number}: is no ARPA language model that can be read: "
                          f"{error}") from error
    except OSError as error:
        raise ConfigError(f"{path}: cannot read it: {error.strerror or error}{instead(path)}"
                          ) from error
    return Ngrams(reader.probabilities, reader.backoffs)


class _Reader:
    """What the lines so far say."""

    def __init__(self) -> None:
        self.probabilities: dict[Gram, float] = {}
        self.backoffs: dict[Gram, float] = {}
        self._counts: dict[int, int] = {}
        self._n: int | None = None
        """The length of the section's n-grams, 0 in the head; None before and behind all."""
        self._ended = False
        self.number = 0
        """Of the line that was taken last."""

    def take(self, line: str) -> None:
        """Raises ValueError."""
        self.number += 1
        if line == "\\data\\":
            self._n = 0
        elif line == "\\end\\":
            self._ended, self._n = True, None
        elif self._n is None or not line:
            return
        elif found := _SECTION.fullmatch(line):
            self._n = int(found[1])
        elif self._n == 0:
            self._count(line)
        else:
            self._gram(line.split(), self._n)

    def _count(self, line: str) -> None:
        found = _COUNT.fullmatch(line)
        if found is None:
            raise ValueError(f"expected ngram N=COUNT, found {line[:50]!r}")
        self._counts[int(found[1])] = int(found[2])

    def _gram(self, fields: list[str], n: int) -> None:
        if len(fields) not in (n + 1, n + 2):
            raise ValueError(f"expected log10 p, {n} words, and perhaps a backoff; there are "
                             f"{len(fields)} fields")
        gram = tuple(fields[1:n + 1])
        if gram in self.probabilities:
            raise ValueError(f"{' '.join(gram)!r} comes twice")
        self.probabilities[gram] = _natural(fields[0])
        if len(fields) > n + 1:
            self.backoffs[gram] = _natural(fields[-1])

    def check(self) -> None:
        """Raises ValueError for a file that was cut off, or holds no model."""
        found = dict.fromkeys(self._counts, 0)
        for gram in self.probabilities:
            found[len(gram)] = found.get(len(gram), 0) + 1
        if not self.probabilities:
            raise ValueError("it holds no n-gram behind a line \\data\\")
        if not self._ended or found != self._counts:
            raise ValueError("it has other n-grams than its head says, or no \\end\\; is it cut "
                             "off?")


def _natural(text: str) -> float:
    """Raises ValueError for what is no log10."""
    value = float(text)
    if not math.isfinite(value):
        raise ValueError(f"{text!r} is no logarithm; write -99 for what never occurs")
    return value * LN_10
