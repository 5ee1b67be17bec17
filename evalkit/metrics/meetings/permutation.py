"""cpWER: concatenated minimum-permutation word errors (Watanabe et al. 2020, CHiME-6).

Of every speaker the words of a session are put in one row. Each reference speaker is given one
speaker that was heard, or nobody, and no two the same, so that the word errors of all together are
fewest; the words of those that were heard and are given to nobody are insertions.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

import numpy as np
from rapidfuzz.distance import Levenshtein
from scipy.optimize import linear_sum_assignment

from evalkit.core.alignment import Edits, count_edits

Words = Sequence[str]


class Share(NamedTuple):
    """The errors of one reference ``speaker``, against who was given to them: a name of the
    hypothesis, None for nobody, whose words are none."""

    speaker: str
    heard_as: str | None
    edits: Edits


class Unmatched(NamedTuple):
    """A speaker of the hypothesis that was given to nobody: all ``words`` are insertions."""

    heard_as: str
    words: int


class CpErrors(NamedTuple):
    """The errors of a session under its best permutation, each of which is in one place."""

    shares: tuple[Share, ...]
    unmatched: tuple[Unmatched, ...]

    @property
    def errors(self) -> int:
        """All, those of nobody too."""
        return (sum(each.edits.errors for each in self.shares)
                + sum(each.words for each in self.unmatched))

    @property
    def words(self) -> int:
        """Of the reference."""
        return sum(each.edits.reference_length for each in self.shares)


def cp_errors(said: Mapping[str, Words], heard: Mapping[str, Words]) -> CpErrors:
    """The errors of a session whose speakers ``said`` and were ``heard`` to say these words in the
    order of time. The fewest there can be, found by linear assignment (Kuhn 1955), for any number
    of speakers; of permutations with equally many the one that SciPy finds, which is the same
    each time for the same names and words."""
    speakers, names = sorted(said), sorted(heard)
    given = _given([said[each] for each in speakers], [heard[each] for each in names])
    shares = tuple(_share(speaker, said[speaker], names[place] if place < len(names) else None,
                          heard) for speaker, place in zip(speakers, given, strict=False))
    nobody = sorted(heard.keys() - {each.heard_as for each in shares})
    return CpErrors(shares, tuple(Unmatched(name, len(heard[name])) for name in nobody))


def _given(said: Sequence[Words], heard: Sequence[Words]) -> list[int]:
    """Of each speaker the place of the one who is given to them; places beyond the end, of which
    there may be some on either side, are nobody's."""
    size = max(len(said), len(heard))
    ours, theirs = ([*rows, *[()] * (size - len(rows))] for rows in (said, heard))
    distance = [[Levenshtein.distance(a, b) for b in theirs] for a in ours]
    places: list[int] = linear_sum_assignment(np.reshape(distance, (size, size)))[1].tolist()
    return places


def _share(speaker: str, words: Words, name: str | None, heard: Mapping[str, Words]) -> Share:
    return Share(speaker, name, count_edits(words, () if name is None else heard[name]))
