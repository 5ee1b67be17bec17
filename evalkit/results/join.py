"""Labels that come later: columns of a table of speakers or utterances, added to utterances."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path
from typing import Any

from evalkit.core.errors import ConfigError
from evalkit.core.ledger import NAMED, Kind, LeftOut
from evalkit.core.names import offer
from evalkit.core.text import count
from evalkit.core.types import Utterance
from evalkit.results.cells import Cells, read_cells
from evalkit.results.columns import KNOWN
from evalkit.results.metadata import Metadata
from evalkit.results.values import text_of

Key = Callable[[Utterance], str | None]
KEYS: Mapping[str, Key] = {"speaker": lambda u: u.speaker, "utterance": lambda u: u.id}
"""What a table may be about, and what names it in an utterance."""


@dataclass(frozen=True)
class Joined:
    """Utterances with further metadata, and a ``note`` of how it was found."""

    utterances: tuple[Utterance, ...]
    left_out: tuple[LeftOut, ...]
    note: str


def join(utterances: Sequence[Utterance], path: Path, column: str | None = None) -> Joined:
    """``utterances`` with the columns of the table ``path`` as metadata.

    Its ``column``, or where that is None the one that fits most, names speakers or utterances.
    Raises ManifestError for a file that is no table, ConfigError where nothing fits."""
    cells = read_cells(path, KNOWN | {(column or "").lower()})
    chosen, what = _fitting(utterances, cells, column)
    rows, twice = _rows(cells, chosen)
    known = {name for utterance in utterances for name in utterance.metadata}
    new = [name for name in cells.columns if name not in {chosen, *known}]
    added, more = _with(utterances, path.name, KEYS[what], {
        key: {name: row.get(name) for name in new} for key, row in rows.items()})
    left_out = (*cells.left_out, *_known(path.name, cells, known - {chosen}),
                *_unmatched(path.name, what, utterances, rows, twice), *more)
    found = [KEYS[what](utterance) in rows for utterance in utterances].count(True)
    return Joined(added, left_out, f"{path}: joined by its column {chosen} to the {what}: "
                  f"{found:,} of {count(len(utterances), 'utterance')} found; adds "
                  f"{', '.join(_used(new, more)) or 'nothing'}")


def _used(columns: Sequence[str], left_out: Sequence[LeftOut]) -> list[str]:
    """The ``columns`` that became metadata."""
    unused = {name for item in left_out if item.what == "column" for name in item.names}
    return [column for column in columns if column not in unused]


def _known(where: str, cells: Cells, known: Collection[str]) -> list[LeftOut]:
    """The columns that utterances have already."""
    again = tuple(column for column in cells.columns if column in known)
    return [LeftOut("column", where, "the utterances have one of that name", len(again),
                    again[:NAMED])] if again else []


def _fitting(utterances: Sequence[Utterance], cells: Cells, column: str | None
             ) -> tuple[str, str]:
    """The column, and what of utterances it names, with most matches. Raises ConfigError where
    there is none."""
    ours = {what: {key(u) for u in utterances} - {None} for what, key in KEYS.items()}
    if column is not None and column not in cells.columns:
        raise ConfigError(f"{cells.path}: no column {column!r}; "
                          f"{offer(column, cells.columns, 'its columns are')}")
    theirs = {name: {_key(row.cells.get(name)) for row in cells.rows}
              for name in ([column] if column else cells.columns)}
    matches = {pair: len(theirs[pair[0]] & ours[pair[1]]) for pair in product(theirs, ours)}
    best = max(matches, key=lambda pair: matches[pair])
    if not matches[best]:
        raise ConfigError(f"{cells.path}: no column of it names speakers or utterances: "
                          f"{best[0]} is such as {_key(cells.rows[0].cells.get(best[0]))!r}, "
                          f"speakers such as {utterances[0].speaker!r}, utterances such as "
                          f"{utterances[0].id!r}")
    return best


def _key(value: Any) -> str | None:
    try:
        return (text_of(value, "key") or "").strip() or None
    except ValueError:
        return None


def _rows(cells: Cells, column: str) -> tuple[dict[str, dict[str, Any]], set[str]]:
    """The rows by what they name, and what stands there with several values."""
    rows: dict[str, dict[str, Any]] = {}
    twice: set[str] = set()
    for row in cells.rows:
        key = _key(row.cells.get(column))
        if key is not None and rows.setdefault(key, row.cells) != row.cells:
            twice.add(key)
    return {key: row for key, row in rows.items() if key not in twice}, twice


def _unmatched(where: str, what: str, utterances: Sequence[Utterance],
               rows: Mapping[str, Any], twice: set[str]) -> list[LeftOut]:
    """Who is in one of the two alone, and whose labels are not one."""
    kind: Kind = "speaker" if what == "speaker" else "utterance"
    ours = dict.fromkeys(key for u in utterances if (key := KEYS[what](u)) is not None)
    lost = {"is not in the table, and has none of its labels": ours.keys() - rows.keys() - twice,
            "has several rows that differ, of which none can be chosen": twice,
            "is in the table alone": rows.keys() - ours.keys()}
    return [LeftOut(kind, where, why, len(names), tuple(sorted(names)[:NAMED]))
            for why, names in lost.items() if names]


def _with(utterances: Sequence[Utterance], where: str, key: Key,
          rows: Mapping[str, Mapping[str, Any]]) -> tuple[tuple[Utterance, ...], list[LeftOut]]:
    metadata = Metadata(where)
    for utterance in utterances:
        metadata.add(utterance.id, rows.get(key(utterance) or "", {}))
    found = list(metadata.by_utterance([u.id for u in utterances]))
    added = [replace(utterance, metadata={**utterance.metadata, **more["metadata"]},
                     duration=utterance.duration if more["duration"] is None else more["duration"])
             for utterance, more in zip(utterances, found, strict=True)]
    return tuple(added), metadata.left_out
