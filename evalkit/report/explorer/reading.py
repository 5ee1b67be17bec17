"""What is wrong in every output of a run, read from its alignments in one pass."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Collection, Iterable, Sequence
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
from evalkit.core.loops import TIMES, Loop, loop

CELL = ["pipeline", "condition"]
BATCH = 1 << 15
"""Alignments held at once."""
COUNTS = ["substitutions", "deletions", "insertions", "length"]
"""Whole numbers of words; ``length`` is the reference's. Missing where there is no alignment."""
MOST_ROWS = 5000
"""Rows of a table of words: of more, those of the most errors, which its caption says."""
Wrong = tuple[str | None, str | None]
"""What was said and what was heard, None where there is nothing."""
_TOKEN = (str, type(None))
Parts = tuple[list[str], list[Wrong]]
"""Of an alignment the words that are right, and what is wrong."""


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

    def add(self, right: Iterable[str], wrong: Collection[Wrong]) -> None:
        """Counts the words of many alignments."""
        self.said.update(right)
        self.said.update([ref for ref, _ in wrong if ref is not None])
        self.inserted.update([hyp for ref, hyp in wrong if ref is None and hyp is not None])
        self.deleted.update([ref for ref, hyp in wrong if hyp is None and ref is not None])
        heard = [(ref, hyp) for ref, hyp in wrong if ref is not None and hyp is not None]
        self.substituted.update([ref for ref, _ in heard])
        self.confused.update([(intern(ref), intern(hyp)) for ref, hyp in heard])

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
    cell = outputs.groupby(CELL, sort=False, observed=True).ngroup().to_numpy()
    words = {(str(p), str(c)): WordCounts()
             for p, c in outputs[CELL].drop_duplicates().itertuples(index=False)}
    counts, loops = np.full((len(outputs), len(COUNTS)), np.nan), np.full(len(outputs), None)
    start = 0
    with uncollected():
        for batch in alignments:
            found = [(i, parts) for i, text in enumerate(batch, start)
                     if (parts := _parted(text)) is not None]
            of_cell: list[list[Parts]] = [[] for _ in words]
            for i, parts in found:
                loops[i] = _loop(batch[i - start], parts)
                of_cell[cell[i]].append(parts)
            if found:
                counts[[i for i, _ in found]] = [_counts(parts) for _, parts in found]
            for of, every in zip(words.values(), of_cell, strict=True):
                of.add([word for right, _ in every for word in right],
                       [each for _, wrong in every for each in wrong])
            start += len(batch)
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


def _parted(text: Any) -> Parts | None:
    """None where the run kept no alignment that can be read. Sooner than an Alignment, which says
    where in the texts an error is."""
    try:
        items = json.loads(text) if isinstance(text, str) else None
        if not isinstance(items, list):
            return None
        right = [each for each in items if type(each) is str]
        if len(right) == len(items):
            return right, []
        wrong = [(ref, hyp) for ref, hyp in [each for each in items if type(each) is not str]]
    except (TypeError, ValueError, RecursionError):
        return None
    known = all(ref != hyp and type(ref) in _TOKEN and type(hyp) in _TOKEN for ref, hyp in wrong)
    return (right, wrong) if known else None


def _counts(of: Parts) -> tuple[int, ...]:
    """COUNTS."""
    right, wrong = of
    deletions = insertions = 0
    for ref, hyp in wrong:
        deletions += hyp is None
        insertions += ref is None
    substitutions = len(wrong) - deletions - insertions
    return substitutions, deletions, insertions, len(right) + substitutions + deletions


def _loop(text: str, of: Parts) -> Loop | None:
    """The loop of the hypothesis, where it is no part of the reference."""
    right, wrong = of
    heard = [hyp for _, hyp in wrong if hyp is not None]
    if not heard or len(right) + len(heard) - len({*right, *heard}) < TIMES - 1:
        return None  # no word stands there TIMES times
    alignment = Alignment.from_json(text)
    return loop(alignment.hypothesis, alignment.reference)
