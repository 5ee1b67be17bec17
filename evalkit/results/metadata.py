"""Columns that are neither id nor text: what is known of every utterance."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from evalkit.core.ledger import NAMED, LeftOut
from evalkit.results.values import labels_of, seconds_of
from evalkit.store.manifest_rows import FIELDS

DURATION = "duration"
BLANK = (None, "")


class Metadata:
    """Cells by column and utterance, as rows of ``where`` have them. What differs between rows of
    an utterance is of its system and not of the utterance, and is left out. ``of`` is what one is
    called."""

    def __init__(self, where: str, of: str = "an utterance") -> None:
        self.where, self.of = where, of
        self.left_out: list[LeftOut] = []
        self._columns: dict[str, dict[str, Any]] = {}
        self._differing: set[str] = set()

    def add(self, identifier: str, cells: Mapping[str, Any]) -> None:
        """What one row says."""
        for column, value in cells.items():
            known = self._columns.setdefault(column, {})
            before = known.get(identifier)
            if before in BLANK:
                known[identifier] = value
            elif value != before and value not in BLANK:
                self._differing.add(column)

    def by_utterance(self, identifiers: Sequence[str]) -> Iterator[dict[str, Any]]:
        """For every utterance its metadata, and its ``duration`` where it has one; ``left_out``
        then names the columns and cells that take no part."""
        columns = {column: values for column, cells in self._columns.items()
                   if (values := self._values(column, [cells.get(i) for i in identifiers]))}
        for number in range(len(identifiers)):
            row = {column: values[number] for column, values in columns.items()}
            yield {DURATION: row.pop(DURATION, None), "metadata": row}

    def _values(self, column: str, cells: Sequence[Any]) -> Sequence[Any] | None:
        """The cells of a column, None where it is left out."""
        values = None
        if column == DURATION:
            return self._seconds(cells)
        if column in self._differing:
            why = f"differs between the rows of {self.of}"
        elif column in FIELDS:
            why = f"is called as a field of every utterance is; say which column is its {column}"
        else:
            why, values = "holds lists, objects or very long texts", labels_of(cells)
        if values is None:
            self.left_out.append(LeftOut("column", self.where, why, names=(column,)))
        return values

    def _seconds(self, cells: Sequence[Any]) -> list[float | None]:
        values = [seconds_of(cell) for cell in cells]
        lost = [str(cell)[:20] for cell, value in zip(cells, values, strict=True)
                if value is None and cell not in BLANK]
        if lost:
            self.left_out.append(LeftOut("cell", self.where, "the duration is no number of seconds",
                                         len(lost), tuple(lost[:NAMED])))
        return values
