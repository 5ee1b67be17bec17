"""What is wrong in every output of a run, read from its alignments in one pass."""

from __future__ import annotations

from collections import Counter, defaultdict
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pandas as pd

from evalkit.core.alignment import Alignment, Pair
from evalkit.core.errors import RunError
from evalkit.core.loops import Loop, loop

CELL = ["pipeline", "condition"]
BATCH = 1 << 15
"""Alignments held at once."""
COUNTS = ["substitutions", "deletions", "insertions", "length"]
"""Whole numbers of words; ``length`` is the reference's. Missing where there is no alignment."""


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
                self.confused[said[at], heard[place]] += 1

    def with_those_of(self, other: WordCounts) -> WordCounts:
        """The sums of both."""
        return WordCounts(self.said + other.said, self.substituted + other.substituted,
                          self.deleted + other.deleted, self.inserted + other.inserted,
                          self.confused + other.confused)


@dataclass(frozen=True)
class Reading:
    """``rows`` has a row an output: CELL, ``utterance_id``, COUNTS, the ``loop`` of the hypothesis
    as a Loop, ``silence`` (whether there are words although the reference has none) and ``error``.
    ``words`` are counted by (pipeline, condition); ``unaligned`` counts the outputs that have a
    hypothesis and no alignment."""

    rows: pd.DataFrame
    words: dict[tuple[str, str], WordCounts]
    unaligned: int

    @property
    def aligned(self) -> bool:
        """Whether any output says which words are wrong."""
        return any(counts.said or counts.inserted for counts in self.words.values())


def read(outputs: pd.DataFrame) -> Reading:
    """Of the outputs of a run (evalkit.store.runfolder.OUTPUTS)."""
    words = {(str(p), str(c)): WordCounts()
             for p, c in outputs[CELL].drop_duplicates().itertuples(index=False)}
    counts, loops = np.full((len(outputs), len(COUNTS)), np.nan), np.full(len(outputs), None)
    for start in range(0, len(outputs), BATCH):
        batch = outputs[[*CELL, "alignment"]].iloc[start:start + BATCH].astype(object).to_numpy()
        said: defaultdict[tuple[str, str], list[str]] = defaultdict(list)
        for i, (pipeline, condition, text) in enumerate(batch, start):
            if (alignment := alignment_of(text)) is not None:
                said[pipeline, condition] += alignment.reference
                words[pipeline, condition].add(alignment)
                counts[i], loops[i] = _row(alignment)
        for cell, every in said.items():
            words[cell].said.update(every)
    columns = pd.DataFrame(counts, columns=COUNTS, index=outputs.index).assign(loop=loops)
    rows = outputs[[*CELL, "utterance_id", "hypothesis", "error"]].join(columns)
    rows["silence"] = (rows["length"] == 0) & (rows["insertions"] > 0)
    return Reading(rows, words, int((rows["length"].isna() & rows["hypothesis"].notna()).sum()))


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
