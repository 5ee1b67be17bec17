"""Alignments of many pairs of token sequences at once, each as evalkit.core.alignment has it of
one pair, where no token is empty: none of evalkit.metrics.tokens is, and looking for one would
take a tenth of the time or more."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from itertools import compress, repeat
from typing import Any, NamedTuple

import numpy as np
from rapidfuzz.distance import Editops
from rapidfuzz.distance.Levenshtein import editops

from evalkit.core.alignment import (
    ERROR,
    HIT,
    MOST_PAIRS,
    Alignment,
    Costs,
    Edits,
    align,
    as_json,
    count_edits,
)

_errors: Any = Editops.as_list
"""Those of an Alignment, which RapidFuzz types as objects of its own."""
AT_A_TIME = 500
"""Pairs that are worked on together: few, so that they stay in the processor's cache."""
Texts = Sequence[Sequence[str]]
"""The tokens of several texts."""


def count_all(references: Texts, hypotheses: Texts, costs: Costs = "levenshtein") -> Edits:
    """``count_edits`` of each pair: every count an int64 array of shape (pairs,)."""
    return _joined(_edits(part, part.found) if part.is_quick(costs) else
                   _columns(map(count_edits, part.references, part.hypotheses, repeat(costs)))
                   for part in _parts(references, hypotheses))


def align_all(references: Texts, hypotheses: Texts, costs: Costs = "levenshtein"
              ) -> tuple[list[str], Edits]:
    """``Alignment.to_json`` of each pair, and its edits as ``count_all`` has them."""
    texts: list[str] = []
    edits: list[Edits] = []
    for part in _parts(references, hypotheses):
        if part.is_quick(costs):
            found = part.found
            edits.append(_edits(part, found))
            texts += _texts(part, found, int(np.sum(edits[-1].hits)))
        else:
            aligned = [*map(align, part.references, part.hypotheses, repeat(costs))]
            edits.append(_columns(each.edits for each in aligned))
            texts += [each.to_json() for each in aligned]
    return texts, _joined(edits)


class _Part(NamedTuple):
    """Some of the pairs, and how many tokens were ``said`` and ``heard`` in each (pairs,)."""

    references: Texts
    hypotheses: Texts
    said: np.ndarray
    heard: np.ndarray

    def is_quick(self, costs: Costs) -> bool:
        """Whether RapidFuzz aligns all of them."""
        most = int(self.said.max()) * int(self.heard.max())
        return costs == "levenshtein" and most <= MOST_PAIRS[costs]

    @property
    def found(self) -> list[Editops]:
        """RapidFuzz's edits of each."""
        return [*map(editops, self.references, self.hypotheses)]


def _parts(references: Texts, hypotheses: Texts) -> Iterator[_Part]:
    for start in range(0, len(references), AT_A_TIME):
        said, heard = (each[start:start + AT_A_TIME] for each in (references, hypotheses))
        yield _Part(said, heard, _lengths(said), _lengths(heard))


def _lengths(of: Sequence[Any]) -> np.ndarray:
    return np.fromiter(map(len, of), np.int64, len(of))


def _edits(part: _Part, found: Sequence[Editops]) -> Edits:
    """Counted as ``count_edits`` does. Errors beyond the difference in length are substitutions
    and pairs of a deletion and an insertion, so that one is a substitution."""
    errors, longer = _lengths(found), part.said - part.heard
    substituted = errors - np.abs(longer)
    unclear = substituted > 1
    # Hits after the last that was said stay hits, so that one text of them does for all.
    made = map(Editops.apply, compress(found, unclear.tolist()),
               repeat(HIT * int(part.said.max())), repeat(ERROR * int(part.heard.max())))
    wrong = np.array([*map(str.count, made, repeat(ERROR))], np.int64)
    substituted[unclear] = 2 * wrong - (errors - longer)[unclear]
    inserted = (errors - substituted - longer) // 2
    deleted = inserted + longer
    return Edits(part.said - substituted - deleted, substituted, deleted, inserted)


def _texts(part: _Part, found: Sequence[Editops], hits: int) -> list[str]:
    """Each alignment as JSON, where there are so many ``hits`` in all. Until the texts tell, no
    token is taken to need an escape."""
    texts = [*map(as_json, part.references, part.hypotheses, map(_errors, found))]
    tokens = int(part.said.sum() + part.heard.sum()) - hits  # a hit is one token, not two
    if _are_plain(texts, tokens):
        return texts
    return [Alignment(*each).to_json()
            for each in zip(part.references, part.hypotheses, map(_errors, found), strict=True)]


def _are_plain(texts: Sequence[str], tokens: int) -> bool:
    """Whether nothing has to be escaped in ``texts``, which show so many ``tokens``: there is no
    quote but theirs."""
    text = "".join(texts).encode("utf-8", "surrogatepass")
    written = np.frombuffer(text, np.uint8)
    return bool(written.min() >= ord(" ") and b"\\" not in text
                and np.count_nonzero(written == ord('"')) == 2 * tokens)


def _columns(edits: Iterable[Edits]) -> Edits:
    """Edits of several pairs as those of ``count_all``."""
    return Edits(*np.array([*edits], np.int64).reshape(-1, len(Edits._fields)).T)


def _joined(parts: Iterable[Edits]) -> Edits:
    return Edits(*np.concatenate([_columns([]), *parts], axis=1))
