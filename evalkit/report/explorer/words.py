"""Which words are wrong, and for what they were heard: tables of all of a run's outputs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import reduce
from typing import NamedTuple, TypeVar

from evalkit.report.explorer.reading import MOST_ROWS, WordCounts
from evalkit.report.table import Cell, Column, Row, Table, counted, texts

SHOWN = 30
"""Rows that the page shows at once."""
Counts = Mapping[tuple[str, str], WordCounts]
T = TypeVar("T")


class Wrong(NamedTuple):
    """A word, how often it was said, and its errors by kind; a word that was ``inserted`` may
    never have been said."""

    word: str
    said: int
    substituted: int
    deleted: int
    inserted: int

    @property
    def wrong(self) -> int:
        """How often it was said and not recognised."""
        return self.substituted + self.deleted

    @property
    def errors(self) -> int:
        """Those that add up to the errors of the metric."""
        return self.wrong + self.inserted


def wrong_words(counts: WordCounts) -> list[Wrong]:
    """Words with any error, those of the most errors first, equal ones by the alphabet."""
    names = counts.substituted.keys() | counts.deleted.keys() | counts.inserted.keys()
    return sorted((Wrong(word, counts.said[word], counts.substituted[word], counts.deleted[word],
                         counts.inserted[word]) for word in names),
                  key=lambda each: (-each.errors, each.word))


def together(counts: Iterable[WordCounts]) -> WordCounts:
    """The sums of all."""
    every = list(counts)
    return reduce(WordCounts.with_those_of, every) if every else WordCounts()


def confusion_table(counts: Counts) -> Table:
    """A row a pipeline, condition and pair of words."""
    columns = [Column("pipeline", "Pipeline"), Column("condition", "Condition"),
               Column("reference", "Said"), Column("hypothesis", "Heard"),
               Column("n", "Times", "number")]
    found = [(cell, each) for cell, of in counts.items() for each in of.most_confused]
    rows = [Row(texts(pipeline=cell[0], condition=cell[1], reference=each.reference,
                      hypothesis=each.hypothesis) | {"n": counted(each.n)})
            for cell, each in _most(found, [each.n for _, each in found])]
    return Table("confused-words", _caption("Words heard for others", sum(
        len(of.confused) for of in counts.values())), columns, rows)


def word_table(counts: Counts) -> Table:
    """A row a pipeline, condition and word with errors."""
    columns = [Column("pipeline", "Pipeline"), Column("condition", "Condition"),
               Column("word", "Word"), Column("said", "Times said", "number"),
               Column("wrong", "Times wrong", "number"), Column("rate", "Wrong, %", "number"),
               Column("substituted", "Substituted", "number"),
               Column("deleted", "Deleted", "number"), Column("inserted", "Inserted", "number")]
    found = [(cell, each) for cell, of in counts.items() for each in wrong_words(of)]
    rows = [Row(texts(pipeline=cell[0], condition=cell[1], word=each.word) | dict(_numbers(each)))
            for cell, each in _most(found, [each.errors for _, each in found])]
    return Table("errors-by-word", _caption("Errors by word", len(found)), columns, rows)


def _numbers(of: Wrong) -> Iterator[tuple[str, Cell]]:
    for key in ("said", "wrong", "substituted", "deleted", "inserted"):
        yield key, counted(getattr(of, key))
    yield "rate", rate(of)


def rate(of: Wrong) -> Cell:
    """How much of what was said was wrong, in per cent; undefined of a word that nobody said."""
    if not of.said:
        return Cell("–", undefined="nobody said it", value=float("nan"))
    return Cell(f"{100 * of.wrong / of.said:.1f}", value=100 * of.wrong / of.said)


def _most(found: Sequence[T], sizes: Sequence[int]) -> list[T]:
    """At most MOST_ROWS of the largest, in their order."""
    largest = sorted(range(len(found)), key=lambda i: -sizes[i])[:MOST_ROWS]
    return [found[i] for i in sorted(largest)]


def _caption(title: str, n: int) -> str:
    return f"{title}, the {MOST_ROWS:,} most frequent of {n:,}" if n > MOST_ROWS else title
