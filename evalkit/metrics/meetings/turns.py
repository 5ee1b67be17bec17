"""Turns of a session: how many there are, how much of the speech overlaps, and how late it was seen
that each had ended."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from scipy.optimize import linear_sum_assignment

from evalkit.metrics.meetings.segments import Segment, by_speaker


class SpokenTurn(NamedTuple):
    """What one speaker says until pausing for longer than is allowed within a turn; seconds."""

    speaker: str
    start: float
    end: float


class Ending(NamedTuple):
    """The end of a reference ``turn``, and how many seconds later that of the turn ended that was
    heard for it; None where none was."""

    turn: SpokenTurn
    late: float | None


def turns_of(segments: Sequence[Segment], pause: float = 0.0) -> list[SpokenTurn]:
    """The turns that ``segments`` with times make, by their beginnings: those of one speaker with
    no more than ``pause`` seconds between them are one turn."""
    found = [turn for speaker, own in by_speaker(segments).items()
             for turn in _turns(speaker, own, pause)]
    return sorted(found, key=lambda turn: (turn.start, turn.end, turn.speaker))


def _turns(speaker: str, own: Sequence[Segment], pause: float) -> list[SpokenTurn]:
    found: list[SpokenTurn] = []
    for start, end in sorted((each.start or 0.0, each.end or 0.0) for each in own):
        if found and start - found[-1].end <= pause:
            found[-1] = found[-1]._replace(end=max(found[-1].end, end))
        else:
            found.append(SpokenTurn(speaker, start, end))
    return found


def endings(said: Sequence[SpokenTurn], heard: Sequence[SpokenTurn]) -> list[Ending]:
    """The end of each turn that was ``said``.

    Turns are matched one to one, whatever the names of who was ``heard``, so that the sum of
    intersection over union of matched turns, in seconds, is largest (linear assignment); turns that
    share no moment are never matched."""
    late: dict[int, float] = {}
    for ours, theirs in _together(said, heard):
        late |= _late([said[i] for i in ours], [heard[j] for j in theirs], ours)
    return [Ending(turn, late.get(i)) for i, turn in enumerate(said)]


def _late(said: Sequence[SpokenTurn], heard: Sequence[SpokenTurn], names: Sequence[int]
          ) -> dict[int, float]:
    """By the ``names`` of turns that were ``said`` and are matched, how late their ends were."""
    both, either = _shared(said, heard)
    likeness = np.divide(both, either, out=np.zeros_like(both), where=either > 0)
    matches = zip(*linear_sum_assignment(likeness, maximize=True), strict=True)
    return {names[i]: heard[j].end - said[i].end for i, j in matches if both[i, j] > 0}


def _together(said: Sequence[SpokenTurn], heard: Sequence[SpokenTurn]
              ) -> Iterator[tuple[list[int], list[int]]]:
    """Places of turns that were ``said`` and ``heard`` without a pause of everybody: those of
    different pieces share no moment, so that a long session is matched piece by piece."""
    every = sorted([(turn.start, turn.end, 0, i) for i, turn in enumerate(said)]
                   + [(turn.start, turn.end, 1, j) for j, turn in enumerate(heard)])
    piece: tuple[list[int], list[int]] = ([], [])
    ends = -math.inf
    for start, end, side, place in every:
        if start >= ends and any(piece):
            yield piece
            piece = ([], [])
        piece[side].append(place)
        ends = max(ends, end)
    yield piece


def _shared(said: Sequence[SpokenTurn], heard: Sequence[SpokenTurn]
            ) -> tuple[np.ndarray, np.ndarray]:
    """Seconds in which both of two turns go on, and in which any does: (said, heard)."""
    ours, theirs = (np.array([turn[1:] for turn in turns]).reshape(-1, 2)
                    for turns in (said, heard))
    both = (np.minimum(ours[:, None, 1], theirs[:, 1])
            - np.maximum(ours[:, None, 0], theirs[:, 0])).clip(min=0.0)
    either = (np.ptp(ours, axis=1)[:, None] + np.ptp(theirs, axis=1)) - both
    return both, either


def overlapped(turns: Sequence[SpokenTurn]) -> float:
    """Of the seconds in which anybody speaks, the share in which two or more do, 0 to 1; 0 where
    nobody speaks."""
    steps = sorted([(turn.start, 1) for turn in turns] + [(turn.end, -1) for turn in turns])
    speaking = together = 0.0
    n, before = 0, 0.0
    for moment, change in steps:
        speaking += (moment - before) * (n > 0)
        together += (moment - before) * (n > 1)
        n, before = n + change, moment
    return together / speaking if speaking else 0.0
