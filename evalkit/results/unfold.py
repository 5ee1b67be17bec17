"""Tables of results as utterances, and as what each system made of them.

A table has one row an utterance, with one column a system (wide), or one row an utterance and
system (long); several tables are those of several systems, or parts of one.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

from evalkit.core.errors import ConfigError, ManifestError
from evalkit.core.ledger import LeftOut, merged
from evalkit.core.text import count, short
from evalkit.core.types import Utterance
from evalkit.results.cells import read_cells
from evalkit.results.columns import Chosen, Columns, choose, system_column
from evalkit.results.metadata import Metadata
from evalkit.results.rows import LIBRISPEECH, Found, Table
from evalkit.results.unscored import unscored
from evalkit.systems.transcripts.keys import PATHS


@dataclass(frozen=True)
class Results:
    """The utterances of tables, and by system what it made of each: texts, or where ``counted``
    written counts of errors. ``notes`` say how the tables were read, a line each."""

    utterances: tuple[Utterance, ...]
    hypotheses: Mapping[str, Mapping[str, str]]
    counted: bool
    left_out: tuple[LeftOut, ...]
    notes: tuple[str, ...]


def unfold(tables: Mapping[str, Path], given: Columns, *, hypotheses: bool = True) -> Results:
    """Reads ``tables``, by the names of their systems. Without ``hypotheses`` they hold the
    utterances alone. A row that cannot be used is left out and named. Raises ManifestError and
    ConfigError for tables that cannot be used."""
    first, *others = [path.name for path in tables.values()]
    where = f"{first} and {len(others)} more" if others else first
    found, notes, counted, hints = Found(Metadata(where)), [], set(), list[str]()
    for name, path in tables.items():
        table = _read(name, path, given, hypotheses=hypotheses)
        found.left_out += table.cells.left_out
        table.read_into(found)
        counted.add(bool(table.chosen.counts))
        notes.append(_described(table))
        hints += unscored(path.name, table.cells.columns, table.chosen) if hypotheses else ()
    if len(counted) > 1:
        raise ConfigError(f"{where}: some hold texts and some counts of errors; score them in "
                          "two runs, or name columns that all have")
    if not found.utterances:
        raise ManifestError(f"{where}: no row can be used ({merged(found.left_out)[0]})")
    known = found.metadata.by_utterance(list(found.utterances))
    utterances = tuple(Utterance(identifier, **said, **more) for (identifier, said), more
                       in zip(found.utterances.items(), known, strict=True))
    return Results(utterances, found.hypotheses, counted == {True},
                   tuple(merged([*found.left_out, *found.metadata.left_out])),
                   (*notes, *_blank(found, counted=counted == {True}), *found.names.notes(),
                    *hints[:1]))


def _read(name: str, path: Path, given: Columns, *, hypotheses: bool) -> Table:
    cells = read_cells(path, given.known, alternatives=given.has_readings)
    try:
        chosen = choose(path.name, cells.columns, given, hypotheses=hypotheses, named=cells.named)
    except ConfigError as error:
        lost = [str(item) for item in cells.left_out if item.what == "column"]
        raise ConfigError("; ".join([str(error), *lost])) from error
    ids = [str(row.cells.get(chosen.id)) for row in cells.rows]
    if hypotheses and chosen.system is None and len(set(ids)) < len(ids):
        chosen = replace(chosen, system=system_column(cells.columns, chosen.used))
    stems = (given.id is None and cells.named and chosen.id.strip().lower() in PATHS
             and len({PurePosixPath(each).stem for each in ids}) == len(set(ids)))
    return Table(name, cells, chosen, stems, given.has_readings, _speakers(chosen, given, ids))


def _speakers(chosen: Chosen, given: Columns, ids: list[str]) -> re.Pattern[str] | None:
    """What finds the speaker in an id, where no column has it."""
    if given.speaker_pattern is not None:
        return re.compile(given.speaker_pattern)
    like_librispeech = chosen.speaker is None and all(map(LIBRISPEECH.fullmatch, ids))
    return LIBRISPEECH if like_librispeech else None


def _described(table: Table) -> str:
    """How a table was read, in a line."""
    cells, chosen = table.cells, table.chosen
    others = [column for column in cells.columns if column not in chosen.used]
    parts = [chosen.describe()]
    if table.speakers is not None:
        parts.append("speaker: at the beginning of the id")
    if others:
        parts.append(f"metadata: {', '.join(short(each, 40) for each in others[:12])}"
                     + (f" and {len(others) - 12} more" if len(others) > 12 else ""))
    return f"{cells.path.name}: {count(len(cells.rows), 'row')}; {', '.join(parts)}"


def _blank(found: Found, *, counted: bool) -> Iterator[str]:
    """A line of how many hypotheses are blank, which counts as nothing heard."""
    n = 0 if counted else sum(not text.strip() for texts in found.hypotheses.values()
                              for text in texts.values())
    if n:
        yield (f"note: {count(n, 'hypothesis is', 'hypotheses are')} blank: nothing was heard, "
               "which counts every word as deleted")
