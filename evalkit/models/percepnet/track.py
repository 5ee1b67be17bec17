"""A smooth track of the pitch: the best path through what every frame says of every lag."""

from __future__ import annotations

import numpy as np

from evalkit.models.percepnet.memory import stretches

CHANGE = 0.6
"""What an octave of change from one frame to the next costs, in correlation …"""
JUMP = 0.35
"""… and what any change costs at most."""
_REACH = 12
"""Steps of the grid within which the path moves without a jump."""


class Track:
    """The Viterbi algorithm over ``states`` that lie ``step`` octaves apart. A frame's state is
    read off when the frame after it is known."""

    def __init__(self, states: int, step: float) -> None:
        self.padded = np.full(states + 2 * _REACH, -np.inf, np.float32)
        self.scores = self.padded[_REACH:-_REACH]
        self.scores[:] = 0
        self.near = stretches(self.padded, 2 * _REACH + 1)
        self.cost = CHANGE * step * np.abs(np.arange(-_REACH, _REACH + 1)).astype(np.float32)
        self.rows = np.arange(states)

    def push(self, scores: np.ndarray) -> np.ndarray:
        """States (n,) of the frames one before each of ``scores`` (n, states)."""
        return np.array([self._step(own) for own in scores])

    def _step(self, own: np.ndarray) -> int:
        moves = self.near - self.cost
        nearest = moves.argmax(axis=1)
        arrived = moves[self.rows, nearest]
        source = int(self.scores.argmax())
        jump = self.scores[source] - np.float32(JUMP)
        total = np.maximum(arrived, jump) + own
        best = int(total.argmax())
        self.scores[:] = total - total[best]
        return source if arrived[best] < jump else best + int(nearest[best]) - _REACH
