"""Where the lattices of a recognizer are: a folder of files in HTK's format, one an utterance, or
one file of Kaldi's in text. All of it is untrusted input."""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass
from functools import lru_cache, partial
from pathlib import Path
from typing import NamedTuple, TypeVar

from evalkit.core.errors import ConfigError, UtteranceError
from evalkit.core.files import digest, regular
from evalkit.core.lattices import WordLattice
from evalkit.core.names import instead
from evalkit.core.networks import Network
from evalkit.metrics.kaldi_lattices import read_kaldi_lattice
from evalkit.metrics.slf import read_slf
from evalkit.metrics.word_graphs import WordGraph, word_lattice, word_network

T = TypeVar("T")

SUFFIXES = (".slf", ".lat", ".htk", ".slf.gz", ".lat.gz", ".htk.gz")
"""Of files in HTK's format; what stands before is the utterance's id."""
LARGEST = 64 * 2**20
"""Bytes of a lattice, unpacked."""
_LONGEST = 2**20
"""Bytes of a line that are looked at at a time."""


class Stored(NamedTuple):
    """A lattice of words, and how many bytes it takes as it is stored."""

    words: Network
    bytes: int


class Place(NamedTuple):
    """Where a lattice stands in a file of Kaldi's: its first byte, how many there are, and the
    number of the first line."""

    first: int
    size: int
    line: int


@dataclass(frozen=True)
class Lattices:
    """Lattices by utterance: ``files`` of HTK's format, or ``places`` in the one file ``path``.
    ``digest`` is of all that is in them."""

    path: Path
    digest: str
    files: Mapping[str, Path]
    places: Mapping[str, Place]
    symbols: Mapping[str, str]

    @property
    def utterances(self) -> list[str]:
        """All that have one, in the order of their names or of the file."""
        return [*self.files, *self.places]

    def of(self, utterance: str) -> Stored:
        """Its words alone. Raises UtteranceError of kind NoLattice or BadLattice."""
        return self._read(utterance, lambda graph, size: Stored(word_network(graph), size))

    def scored(self, utterance: str) -> WordLattice:
        """With scores and times. Raises UtteranceError as ``of`` does, also where the file has no
        numbers for them."""
        return self._read(utterance, lambda graph, _: word_lattice(graph))

    def _read(self, utterance: str, made: Callable[[WordGraph, int], T]) -> T:
        """What is ``made`` of the graph and the bytes that it takes."""
        if utterance not in self.files and utterance not in self.places:
            raise UtteranceError("NoLattice", f"{self.path.name} has none")
        file = self.files.get(utterance, self.path)
        try:
            return made(*(self._of_file(file) if utterance in self.files else
                          self._of_place(self.places[utterance])))
        except (ValueError, OSError, EOFError, zlib.error) as error:
            raise UtteranceError("BadLattice", f"{file.name}: {error}") from error

    def _of_file(self, file: Path) -> tuple[WordGraph, int]:
        with (gzip.open if file.suffix == ".gz" else open)(regular(file), "rb") as stream:
            content = stream.read(LARGEST + 1)
        return read_slf(_lines(content)), file.stat().st_size

    def _of_place(self, place: Place) -> tuple[WordGraph, int]:
        with self.path.open("rb") as stream:
            stream.seek(place.first)
            content = stream.read(min(place.size, LARGEST + 1))
        return read_kaldi_lattice(_lines(content), self.symbols, place.line), place.size


def _lines(content: bytes) -> list[str]:
    if len(content) > LARGEST:
        raise ValueError(f"is larger than {LARGEST // 2**20} MiB, which is not read")
    return content.decode().strip("\n").split("\n")


def lattices_at(path: Path, symbols: Path | None) -> Lattices:
    """The lattices at ``path``; ``symbols`` is Kaldi's table of words and numbers. Raises
    ConfigError where there are none."""
    try:
        files = _files(path) if path.is_dir() else {}
        contents = [[identifier, digest(file)] for identifier, file in files.items()]
        if not path.is_dir():
            contents = [["", digest(path)]]
        table = None if symbols is None else digest(symbols)
    except OSError as error:
        raise ConfigError(f"{error.filename or path}: cannot read the lattices: {error.strerror}"
                          f"{instead(path)}") from error
    content = hashlib.sha256(repr([contents, table]).encode()).hexdigest()
    return _lattices(path, content, symbols)


@lru_cache(maxsize=4)
def _lattices(path: Path, content: str, symbols: Path | None) -> Lattices:
    if path.is_dir():
        return Lattices(path, content, _files(path), {}, {})
    return Lattices(path, content, {}, _places(path), {} if symbols is None else _table(symbols))


def _files(folder: Path) -> dict[str, Path]:
    """By utterance. Raises ConfigError where there are none, or two of one."""
    files: dict[str, Path] = {}
    for file in sorted(folder.iterdir()):
        suffix = next((each for each in SUFFIXES if file.name.endswith(each)), None)
        if suffix is not None:
            identifier = file.name.removesuffix(suffix)
            if identifier in files:
                raise ConfigError(f"{file}: is of the utterance of {files[identifier].name} too; "
                                  "keep one of them")
            files[identifier] = file
    if not files:
        raise ConfigError(f"{folder}: holds no lattice; its files end with {', '.join(SUFFIXES)}")
    return files


def _places(path: Path) -> dict[str, Place]:
    """By utterance. Raises ConfigError for what is not in Kaldi's form."""
    places: dict[str, Place] = {}
    at, identifier = 0, ""
    with path.open("rb") as file:
        for number, line in enumerate(iter(partial(file.readline, _LONGEST), b""), 1):
            at += len(line)
            if not line.strip():
                identifier = ""
            elif identifier:
                place = places[identifier]
                places[identifier] = place._replace(size=at - place.first)
            else:
                identifier = _identifier(path, number, line, places)
                places[identifier] = Place(at, 0, number + 1)
    if not places:
        raise ConfigError(f"{path}: holds no lattice")
    return places


def _identifier(path: Path, number: int, line: bytes, known: Collection[str]) -> str:
    """The utterance whose lattice follows the ``line``."""
    fields = line.decode(errors="replace").split()
    if len(fields) != 1 or "\ufffd" in fields[0]:
        raise ConfigError(f"{path}:{number}: expected an utterance's id alone before the lines of "
                          f"a lattice in Kaldi's text form, found {' '.join(fields)[:50]!r}; "
                          "lattices in HTK's form are given as a folder")
    if fields[0] in known:
        raise ConfigError(f"{path}:{number}: {fields[0]!r} has a lattice already; keep one of "
                          "them")
    return fields[0]


def _table(path: Path) -> dict[str, str]:
    """Words by number."""
    table: dict[str, str] = {}
    for number, line in enumerate(path.read_bytes().decode(errors="replace").split("\n"), 1):
        fields = line.split()
        if len(fields) == 2 and fields[1].isdecimal():
            table[fields[1]] = fields[0]
        elif fields:
            raise ConfigError(f"{path}:{number}: expected a word and its number, found "
                              f"{line[:50]!r}")
    return table
