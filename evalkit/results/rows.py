"""One table of results, row by row: whose utterance it is, what was said, and what was heard."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import PurePosixPath
from typing import Any

from evalkit.core.alignment import Edits
from evalkit.core.errors import ConfigError
from evalkit.core.ledger import LeftOut
from evalkit.core.text import count
from evalkit.metrics.word_counts import written
from evalkit.results.cells import Cells, Row
from evalkit.results.columns import Chosen
from evalkit.results.metadata import Metadata
from evalkit.results.names import Names
from evalkit.results.values import count_of, said_in, text_of

AGAIN = "its id was used before"
LIBRISPEECH = re.compile(r"(\d+)-\d+-\d{4}")
"""An id of LibriSpeech, which begins with its reader's."""


@dataclass
class Found:
    """What the rows of all tables say: who said what in each utterance, and what each system
    heard."""

    metadata: Metadata
    utterances: dict[str, dict[str, Any]] = field(default_factory=dict)
    """By id its ``text``, ``speaker`` and ``audio``."""
    hypotheses: dict[str, dict[str, str]] = field(default_factory=dict)
    names: Names = field(default_factory=Names)
    left_out: list[LeftOut] = field(default_factory=list)

    def new(self, identifier: str, systems: Collection[str]) -> bool:
        """Whether all ``systems``, of which there are any, have not been heard of the utterance."""
        known = [name for name in systems if identifier in self.hypotheses.get(name, ())]
        return bool(systems) and not known


@dataclass(frozen=True)
class Table:
    """A table whose columns are known; ``name`` is that of its system where nothing else names
    one. Where ``stems``, the id is the name of a file without folder and suffix; where ``lists``, a
    reference may be a list of texts."""

    name: str
    cells: Cells
    chosen: Chosen
    stems: bool
    lists: bool
    speakers: re.Pattern[str] | None

    def read_into(self, found: Found) -> None:
        """Adds what every row says. A row that cannot be used is left out and named. Raises
        ConfigError where most rows have an id that others have."""
        again = 0
        for row in self.cells.rows:
            try:
                self._take(row, found)
            except ValueError as error:
                again += str(error) == AGAIN
                found.left_out.append(LeftOut("row", self.cells.path.name, str(error),
                                              names=(row.place,)))
        if again > len(self.cells.rows) / 2:
            raise ConfigError(f"{self.cells.path}: {again:,} of "
                              f"{count(len(self.cells.rows), 'row')} have an id that another row "
                              "has; say --system COLUMN if a row is what one system heard, or "
                              "--id COLUMN")

    def _take(self, row: Row, found: Found) -> None:
        """Raises ValueError, saying why, for a row that cannot be used."""
        identifier = self._id(row)
        said = self._said(identifier, row)
        heard = dict(self._heard(row, found.names))
        known = found.utterances.get(identifier, said)
        if known is not said and not found.new(identifier, heard):
            raise ValueError(AGAIN)
        _check_same(known, said)
        found.utterances[identifier] = {what: value if known[what] is None else known[what]
                                        for what, value in said.items()}
        for name, text in heard.items():
            of_system = found.hypotheses.setdefault(name, {})
            if text is not None:
                of_system[identifier] = text
        found.metadata.add(identifier, {column: cell for column, cell in row.cells.items()
                                        if column not in self.chosen.used})

    def _id(self, row: Row) -> str:
        value = (self._text(row, self.chosen.id, "id") or "").strip()
        if not value:
            raise ValueError("has no id")
        return (PurePosixPath(value).stem or value) if self.stems else value

    def _said(self, identifier: str, row: Row) -> dict[str, Any]:
        """Text, speaker and recording."""
        chosen = self.chosen
        audio = self._text(row, chosen.audio, "audio")
        return {"text": None if chosen.counts else self._reference(row),
                "speaker": self._speaker(identifier, row),
                "audio": self.cells.path.parent / audio if audio and "\0" not in audio else None}

    def _reference(self, row: Row) -> str | None:
        """The text that was said, or several as one with alternatives."""
        return said_in((row.cells.get(column) for column in self.chosen.references),
                       lists=self.lists)

    def _speaker(self, identifier: str, row: Row) -> str | None:
        match = self.speakers.match(identifier) if self.speakers else None
        speaker = (match[match.lastindex or 0] if match else
                   self._text(row, self.chosen.speaker, "speaker"))
        return (speaker or "").strip() or None

    def _text(self, row: Row, column: str | None, what: str) -> str | None:
        return None if column is None else text_of(row.cells.get(column), what)

    def _heard(self, row: Row, names: Names) -> Iterator[tuple[str, str | None]]:
        """By system what it heard, or the counts of its errors; None where it gave nothing."""
        own = self._system(row)
        if self.chosen.counts:
            yield names.of(own), _counts(row.cells, self.chosen.counts)
        for name, column in self.chosen.hypotheses.items():
            yield names.of(name or own), self._text(row, column, "hypothesis")

    def _system(self, row: Row) -> str:
        if not self.chosen.system:
            return self.name
        system = (self._text(row, self.chosen.system, "system") or "").strip()
        if not system:
            raise ValueError("names no system")
        return system


def _check_same(known: Mapping[str, Any], said: Mapping[str, Any]) -> None:
    """Raises ValueError where two rows of an utterance say different things of it."""
    for what in ("text", "speaker"):
        if None not in (said[what], known[what]) and said[what] != known[what]:
            raise ValueError(f"another {what} than an earlier row of its utterance has")


def _counts(cells: Mapping[str, Any], columns: Mapping[str, str]) -> str | None:
    """None where all cells are blank. Raises ValueError for counts that do not fit together."""
    values = {kind: cells.get(column) for kind, column in columns.items()}
    if all(value in (None, "") for value in values.values()):
        return None
    counts = {kind: count_of(value, kind) for kind, value in values.items()}
    errors = counts["substitutions"], counts["deletions"], counts["insertions"]
    hits = counts.get("hits", counts.get("words", 0) - errors[0] - errors[1])
    edits = Edits(hits, *errors)
    if hits < 0 or counts.get("words", edits.reference_length) != edits.reference_length:
        raise ValueError("its counts do not fit together: hits, substitutions and deletions are "
                         "the words of the reference")
    return written(edits)
