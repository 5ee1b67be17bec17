"""When the words of a reference were heard, which a condition may have moved."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from evalkit.core.types import Utterance, Word
from evalkit.run.batches import seconds_of
from evalkit.store.outputs import Row

ROUNDED = 0.05
"""Seconds by which what was heard may be longer or shorter than the manifest says: it may round."""


def as_heard(utterance: Utterance, heard: Row | None) -> Utterance:
    """``utterance`` with the times at which its words were ``heard``, a row of that stage: later
    by what a condition put in before them. Without times where a condition, such as one of another
    speed, made it longer or shorter than that accounts for, or where nobody knows whether it
    did."""
    if not utterance.words or heard is None or not heard["changed"] or heard["seconds"] is None:
        return utterance
    inserted = [(each["at"], each["seconds"]) for each in heard.get("inserted") or ()]
    more = sum(seconds for _, seconds in inserted)
    if abs(heard["seconds"] - more - seconds_of(utterance)) > ROUNDED:
        return replace(utterance, words=())
    return replace(utterance, words=tuple(_moved(word, inserted) for word in utterance.words))


def _moved(word: Word, inserted: Sequence[tuple[float, float]]) -> Word:
    """A word, later by what was put in before it, and longer by what was put into it."""
    if word.start is None or word.end is None:
        return word
    places, lengths = np.array(inserted, float).reshape(-1, 2).T
    start = word.start + float(lengths @ (places <= word.start))
    return replace(word, start=start, end=max(start, word.end + float(lengths @ (
        places < word.end))))
