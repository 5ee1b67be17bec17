"""Whether the words of a reference were heard when the manifest says that they were said."""

from __future__ import annotations

from dataclasses import replace

from evalkit.core.types import Utterance
from evalkit.run.batches import seconds_of
from evalkit.store.outputs import Row

ROUNDED = 0.05
"""Seconds by which what was heard may be longer or shorter than the manifest says: it may round."""


def as_heard(utterance: Utterance, heard: Row | None) -> Utterance:
    """``utterance``, without the times of its words where a condition, such as one of another
    speed, made what was ``heard``, a row of that stage, longer or shorter than the recording, or
    where nobody knows whether it did."""
    if not utterance.words or heard is None or not heard["changed"] or heard["seconds"] is None:
        return utterance
    moved = abs(heard["seconds"] - seconds_of(utterance)) > ROUNDED
    return replace(utterance, words=()) if moved else utterance
