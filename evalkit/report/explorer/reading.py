"""What is wrong in every output of a run, read from its alignments in one pass."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pandas as pd

from evalkit.core.alignment import Alignment, Pair
from evalkit.core.errors import RunError
from evalkit.core.loops import Loop, loop

CELL = ["pipeline", "condition"]
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

    def add(self, pairs: Sequence[Pair]) -> None:
        """Counts the words of an alignment."""
        for operation, ref, hyp in pairs:
            if ref is None:
                self.inserted[str(hyp)] += 1
            else:
                self.said[ref] += 1
            if operation == "S":
                self.substituted[str(ref)] += 1
                self.confused[str(ref), str(hyp)] += 1
            elif operation == "D":
                self.deleted[str(ref)] += 1

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
    found = [_row(words[p, c], pairs_of(alignment)) for p, c, alignment in zip(
        outputs["pipeline"], outputs["condition"], outputs["alignment"], strict=True)]
    columns = pd.DataFrame(found, columns=[*COUNTS, "loop"], index=outputs.index).astype(
        dict.fromkeys(COUNTS, float))
    rows = outputs[[*CELL, "utterance_id", "hypothesis", "error"]].join(columns)
    rows["silence"] = (rows["length"] == 0) & (rows["insertions"] > 0)
    return Reading(rows, words, int((rows["length"].isna() & rows["hypothesis"].notna()).sum()))


def pairs_of(alignment: Any) -> tuple[Pair, ...] | None:
    """None where the run kept no alignment that can be read."""
    try:
        return Alignment.from_json(alignment).pairs if isinstance(alignment, str) else None
    except RunError:
        return None


def _row(words: WordCounts, pairs: Sequence[Pair] | None) -> tuple[Any, ...]:
    """COUNTS and the loop of one output, whose words are added to ``words``."""
    if pairs is None:
        return None, None, None, None, None
    words.add(pairs)
    kinds = Counter(operation for operation, _, _ in pairs)
    wrong = kinds["S"] + kinds["I"]
    return (kinds["S"], kinds["D"], kinds["I"], len(pairs) - kinds["I"],
            _loop(pairs) if wrong else None)


def _loop(pairs: Sequence[Pair]) -> Loop | None:
    return loop(list(_tokens(pairs, 2)), list(_tokens(pairs, 1)))


def _tokens(pairs: Sequence[Pair], side: int) -> Iterator[str]:
    return (str(token) for pair in pairs if (token := pair[side]) is not None)
