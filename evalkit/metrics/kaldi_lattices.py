"""Lattices as Kaldi writes them in text, many in a file.

    u1                               the utterance
    0 1 turn 3.2,210.5,4_4_7         from state 0 to 1: the word, what it costs by the graph (the
    1 2 on                           language model and more) and acoustically, and more
    2 0.5,1.2,                       state 2 may be the last, at this cost
                                     a blank line
    u2

The state of the first line is the first. An arc of a lattice that is not compact has two labels,
of which the second is the word. Words may be numbers of a table ("turn 3172" a line).
"""

from __future__ import annotations

import math
import re
from collections.abc import Collection, Iterable, Mapping, Sequence

from evalkit.metrics.word_graphs import Link, WordGraph, spoken

_NUMBER = re.compile(r"\d+", re.ASCII)


def read_kaldi_lattice(lines: Iterable[str], symbols: Mapping[str, str], first: int = 1
                       ) -> WordGraph:
    """The lattice of the ``lines`` between the utterance's and the blank one, the first of which
    has the number ``first``; ``symbols`` are words by number, where words are numbers. Raises
    ValueError naming the first bad line."""
    arcs: list[tuple[str, str, str, tuple[float, float]]] = []
    ends: dict[str, tuple[float, float]] = {}
    start = None
    for number, line in enumerate(lines, first):
        state, *rest = line.split()
        start = start or state
        if not rest or (len(rest) == 1 and "," in rest[0]):
            ends[state] = _scores(rest)
        elif 2 <= len(rest) <= 4:
            arcs.append((state, rest[0], _label(rest[1:]), _scores(rest[2:])))
        else:
            raise ValueError(f"line {number}: {len(rest) + 1} fields; an arc has two states, a "
                             "word, and what it costs")
    words = _words({label for _, _, label, _ in arcs}, symbols)
    links = [Link(state, to, words[label], *scores) for state, to, label, scores in arcs]
    return WordGraph(links, {start} if start else (), ends, {})


def _scores(fields: Sequence[str]) -> tuple[float, float]:
    """The acoustic one and that of the graph, of what costs stand last in ``fields``; 0 where there
    are none, NaN where they are no numbers."""
    graph, comma, rest = fields[-1].partition(",") if fields else ("", "", "")
    if not comma:
        return 0.0, 0.0
    try:
        return -float(rest.partition(",")[0] or 0), -float(graph or 0)
    except ValueError:
        return math.nan, math.nan


def _label(labels: Sequence[str]) -> str:
    """The word of an arc; of two labels, behind which its cost may stand, the second."""
    return labels[0] if len(labels) == 1 or "," in labels[1] else labels[1]


def _words(labels: Collection[str], symbols: Mapping[str, str]) -> dict[str, str | None]:
    """By label. Raises ValueError for numbers without words."""
    if symbols or all(map(_NUMBER.fullmatch, labels)):
        if unknown := sorted({*labels} - symbols.keys()):
            raise ValueError(f"no word for the label {unknown[0]!r}; say symbols: FILE, the table "
                             "of words and numbers that has it")
        return {label: spoken(symbols[label]) for label in labels}
    return {label: spoken(label) for label in labels}
