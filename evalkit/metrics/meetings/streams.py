"""ORC-WER: optimal reference combination word errors (Sklyar et al., ICASSP 2022), for
systems whose output streams are no speakers.

Every reference utterance is given to one of the streams, whole; those of a stream follow each other
in the order of time. The word errors of all streams together are the fewest there can be.

The fewest errors of the utterances so far are kept for every tuple of places in the streams. A
further utterance in stream s moves the place in s alone, by the rows of Levenshtein's recursion;
of the streams the best is kept. That is exact, and takes as many steps as there are reference words
times streams times tuples of places.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from math import prod

import numpy as np
from numba import njit

from evalkit.core.compiled import compiled

MOST_STEPS = 20_000_000_000
"""About half a minute of one processor."""
LONG_STEPS = MOST_STEPS // 20
"""Beyond a second or two."""
MOST_PLACES = 100_000_000
"""Tuples of places in the streams; four bytes each, and some copies."""
BLOCK = 64
"""Tuples that are worked on at a time, so that they stay in the cache."""


class TooLargeError(ValueError):
    """A session for which the fewest errors cannot be found in reasonable time."""


def orc_errors(utterances: Sequence[Sequence[str]], streams: Sequence[Sequence[str]],
               long: Callable[[], None] = lambda: None) -> int:
    """The word errors of reference ``utterances``, in the order of time, in the ``streams`` that
    were heard. Calls ``long`` first where that takes seconds. Raises TooLargeError beyond
    MOST_STEPS or MOST_PLACES."""
    if check_size(sum(map(len, utterances)), [*map(len, streams)]) > LONG_STEPS:
        long()
    numbers: dict[str, int] = {}
    heard = [_coded(words, numbers) for words in streams if words]
    least = np.zeros((), np.int32)  # where nothing was said yet, all that was heard is inserted
    for each in heard:
        least = np.add.outer(least, np.arange(len(each) + 1, dtype=np.int32))
    for words in utterances:
        least = _after(least, _coded(words, numbers), heard)
    return int(least.flat[-1])


def _coded(words: Sequence[str], numbers: dict[str, int]) -> np.ndarray:
    return np.array([numbers.setdefault(word, len(numbers)) for word in words], np.int32)


def _after(least: np.ndarray, said: np.ndarray, heard: Sequence[np.ndarray]) -> np.ndarray:
    """The fewest errors with the words ``said`` in the best stream; without any they are missed."""
    ways = [_in_stream(least, axis, said, each) for axis, each in enumerate(heard)]
    return np.minimum.reduce(ways) if ways else least + np.int32(len(said))


def check_size(words: int, streams: Sequence[int]) -> int:
    """The steps that so many reference words and words of each stream take. Raises
    TooLargeError."""
    places = prod(n + 1 for n in streams)
    steps = words * len(streams) * places
    if places > MOST_PLACES or steps > MOST_STEPS:
        raise TooLargeError(f"takes more than {MOST_STEPS:.0e} steps, words times streams times "
                            f"places, or {MOST_PLACES:.0e} places; cut the session where nobody "
                            "speaks")
    return steps


def _in_stream(least: np.ndarray, axis: int, said: np.ndarray, heard: np.ndarray) -> np.ndarray:
    """The fewest errors where the words ``said`` are in the stream of one ``axis``."""
    moved = np.moveaxis(least, axis, 0)
    rows = np.ascontiguousarray(moved).reshape(len(heard) + 1, -1)
    found = extended(rows, said, heard, BLOCK).reshape(moved.shape)
    return np.moveaxis(found, 0, axis)


@njit
def step(row, word, heard):  # type: ignore[no-untyped-def]
    """Levenshtein's recursion: ``row`` (places, others) after a further reference ``word``."""
    before = row[0].copy()
    row[0] += 1
    for j in range(1, len(row)):
        wrong = 1 if word != heard[j - 1] else 0
        for i in range(row.shape[1]):
            above = row[j, i]
            row[j, i] = min(min(above, row[j - 1, i]) + 1, before[i] + wrong)
            before[i] = above


@compiled("int32[:, ::1](int32[:, ::1], int32[::1], int32[::1], int64)")
def extended(least, said, heard, block):  # type: ignore[no-untyped-def]
    """``least`` (places, others) after the words ``said`` in the stream ``heard``."""
    places, others = least.shape
    result = np.empty((places, others), np.int32)
    for start in range(0, others, block):
        row = least[:, start:start + block].copy()
        for j in range(1, places):
            row[j] = np.minimum(row[j], row[j - 1] + 1)
        for word in said:
            step(row, word, heard)
        result[:, start:start + block] = row
    return result
