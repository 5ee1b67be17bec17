"""What is wrong in every output of a run, read from its alignments in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from heapq import nsmallest
from sys import intern
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from evalkit.core.alignment import Alignment, Pair
from evalkit.core.collecting import uncollected
from evalkit.core.errors import RunError
from evalkit.core.loops import Loop, loop

CELL = ["pipeline", "condition"]
BATCH = 1 << 15
"""Alignments held at once."""
COUNTS = ["substitutions", "deletions", "insertions", "length"]
"""Whole numbers of words; ``length`` is the reference's. Missing where there is no alignment."""
MOST_ROWS = 5000
"""Rows of a table of words: of more, those of the most errors, which its caption says."""


class Confused(NamedTuple):
    """``hypothesis`` was heard ``n`` times where ``reference`` was said."""

    reference: str
    hypothesis: str
    n: int


@dataclass
class WordCounts:
    """How often each word of the references was ``said``, ``substituted`` and ``deleted``, how
    often each word of the hypotheses was ``inserted``, and how often one was heard for another.
    Substitutions, deletions and insertions add up to the errors of the alignments."""

    said: Counter[str] = field(default_factory=Counter)
    substituted: Counter[str] = field(default_factory=Counter)
    deleted: Counter[str] = field(default_factory=Counter)
    inserted: Counter[str] = field(default_factory=Counter)
    confused: Counter[tuple[str, str]] = field(default_factory=Counter)

    def add(self, alignment: Alignment) -> None:
        """Counts the errors of an alignment; ``said`` are the words of many, counted at once."""
        said, heard, errors = alignment
        for operation, at, place in errors:
            if operation == "insert":
                self.inserted[heard[place]] += 1
            elif operation == "delete":
                self.deleted[said[at]] += 1
            else:
                self.substituted[said[at]] += 1
                self.confused[intern(said[at]), intern(heard[place])] += 1

    def with_those_of(self, other: WordCounts) -> WordCounts:
        """The sums of both."""
        return WordCounts(self.said + other.said, self.substituted + other.substituted,
                          self.deleted + other.deleted, self.inserted + other.inserted,
                          self.confused + other.confused)

    @cached_property
    def most_confused(self) -> list[Confused]:
        """MOST_ROWS words heard for others, the most frequent first, equal ones by the
        alphabet."""
        return [Confused(*pair, -n) for n, pair in nsmallest(
            MOST_ROWS, ((-n, pair) for pair, n in self.confused.items()))]


@dataclass(frozen=True)
class Reading:
    """``rows`` has a row an output: CELL, ``utterance_id``, COUNTS, the ``loop`` of the hypothesis
    as a Loop, ``silence`` (whether there are words although the reference has none), ``hypothesis``
    and ``error``. ``words`` are counted by (pipeline, condition)."""

    rows: pd.DataFrame
    words: dict[tuple[str, str], WordCounts]


def read(outputs: pd.DataFrame) -> Reading:
    """Of the outputs of a run (evalkit.store.runfolder.OUTPUTS)."""
    starts = range(0, len(outputs), BATCH)
    texts = (outputs["alignment"].iloc[start:start + BATCH].tolist() for start in starts)
    columns, words = counted(outputs, texts)
    return Reading(outputs[[*CELL, "utterance_id", "hypothesis", "error"]].join(columns), words)


def counted(outputs: pd.DataFrame, alignments: Iterable[Sequence[Any]]
            ) -> tuple[pd.DataFrame, dict[tuple[str, str], WordCounts]]:
    """COUNTS, ``loop`` and ``silence`` of every row of ``outputs``, of which CELL is looked at, and
    the words by cell; ``alignments`` are theirs in the same order, some at a time."""
    cell = outputs.groupby(CELL, sort=False, observed=True).ngroup().tolist()
    words = {(str(p), str(c)): WordCounts()
             for p, c in outputs[CELL].drop_duplicates().itertuples(index=False)}
    of_cell, rows = list(words.values()), enumerate(cell)
    counts, loops = np.full((len(outputs), len(COUNTS)), np.nan), np.full(len(outputs), None)
    for batch in alignments:
        said: list[list[str]] = [[] for _ in of_cell]
        with uncollected():
            for text, (i, place) in zip(batch, rows, strict=False):
                if (alignment := alignment_of(text)) is not None:
                    said[place] += alignment.reference
                    of_cell[place].add(alignment)
                    counts[i], loops[i] = _row(alignment)
        for of, every in zip(of_cell, said, strict=True):
            of.said.update(every)
    columns = pd.DataFrame(counts, columns=COUNTS, index=outputs.index).assign(loop=loops)
    columns["silence"] = (columns["length"] == 0) & (columns["insertions"] > 0)
    return columns, words


def pairs_of(alignment: Any) -> tuple[Pair, ...] | None:
    """None where the run kept no alignment that can be read."""
    found = alignment_of(alignment)
    return None if found is None else found.pairs


def alignment_of(text: Any) -> Alignment | None:
    """None where the run kept no alignment that can be read."""
    try:
        return Alignment.from_json(text) if isinstance(text, str) else None
    except RunError:
        return None


def _row(alignment: Alignment) -> tuple[tuple[int, ...], Loop | None]:
    """COUNTS and the loop of one output."""
    said, heard, errors = alignment
    if not errors:
        return (0, 0, 0, len(said)), None
    kinds = [operation for operation, _, _ in errors]
    deletions, insertions = kinds.count("delete"), kinds.count("insert")
    found = loop(heard, said) if len(kinds) > deletions else None
    return (len(kinds) - deletions - insertions, deletions, insertions, len(said)), found
