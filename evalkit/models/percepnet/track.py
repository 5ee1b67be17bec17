"""A smooth track of the pitch: the best path through what every frame says of every lag."""

from __future__ import annotations

import numpy as np

from evalkit.models.percepnet.memory import stretches

CHANGE = 0.6
"""What an octave of change from one frame to the next costs, in correlation …"""
JUMP = 0.35
"""… and what any change costs at most."""
_REACH = 8
"""Steps of the grid within which the path moves without a jump."""


class Track:
    """The Viterbi algorithm over ``states`` that lie ``step`` octaves apart. A frame's state is
    read off when the frame after it is known."""

    def __init__(self, states: int, step: float) -> None:
        self.padded = np.full(states + 2 * _REACH, -np.inf)
        self.scores = self.padded[_REACH:-_REACH]
        """Of the best paths to each state, less that of the best of all."""
        self.scores[:] = 0
        self.best = 0
        self.near = stretches(self.padded, states)
        self.cost = CHANGE * step * np.abs(np.arange(-_REACH, _REACH + 1))[:, None]
        self.moves = np.empty((2 * _REACH + 1, states))

    def push(self, own: np.ndarray) -> int:
        """The state of the frame before the one whose scores (states,) are its ``own``."""
        moves = np.subtract(self.near, self.cost, out=self.moves)
        arrived = np.maximum.reduce(moves)
        total = np.maximum(arrived, -JUMP)
        total += own
        before, self.best = self.best, int(total.argmax())
        np.subtract(total, total[self.best], out=self.scores)
        if arrived[self.best] < -JUMP:
            return before
        return self.best + int(moves[:, self.best].argmax()) - _REACH
