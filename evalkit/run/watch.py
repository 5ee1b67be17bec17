"""What a process that works on a shard lets its parent know, which minds that nothing is endless
and that what was made outlives the process."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

from evalkit.core.types import Utterance
from evalkit.core.worker import ParentLink
from evalkit.run.made import Made

EVERY = 1.0
"""Seconds of work that are lost at most, beside the batch in hand, where a process dies."""


@dataclass(frozen=True)
class Begun:
    """A process works on the utterances ``ids``, in this order."""

    ids: tuple[str, ...]


class _InHand(NamedTuple):
    """A block that is begun for every step of every utterance, so it does little."""

    first: int
    n: int

    def __enter__(self) -> None:
        ParentLink.here.note(self.first, self.n)

    def __exit__(self, *_error: object) -> None:
        ParentLink.here.note()


class Watch:
    """Of a process that works on ``utterances`` in their order, which the parent is told, as it is
    told from time to time what was made. Which batch is in hand stands in the process's note."""

    def __init__(self, utterances: Sequence[Utterance]) -> None:
        ids = tuple(utterance.id for utterance in utterances)
        self._places = {name: place for place, name in enumerate(ids)}
        self._untold: list[str] = []
        self._told = time.monotonic()
        ParentLink.here.tell(Begun(ids))

    def on(self, batch: Sequence[Utterance]) -> _InHand:
        """While the block lasts, ``batch`` is in hand: utterances that follow one another."""
        return _InHand(self._places[batch[0].id], len(batch))

    def done(self, group: Sequence[Utterance], made: Made) -> None:
        """All of ``group`` that was to be made is in ``made``."""
        self._untold += [utterance.id for utterance in group]
        if time.monotonic() - self._told > EVERY:
            ParentLink.here.tell(made.part(self._untold))
            self._untold, self._told = [], time.monotonic()
