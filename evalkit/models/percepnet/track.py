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
        padded = np.full(states + 2 * _REACH, -np.inf, np.float32)
        self.scores = padded[_REACH:-_REACH]
        """Of the best paths to each state, less that of the best of all."""
        self.scores[:] = 0
        self.best = 0
        self.near = stretches(padded, states)
        self.cost = (CHANGE * step * np.abs(np.arange(-_REACH, _REACH + 1, dtype=np.float32))
                     )[:, None]
        self.moves = np.full((2 * _REACH + 2, states), -JUMP, np.float32)
        """Scores of the paths to each state, from those near it, and by a jump."""

    def push(self, own: np.ndarray) -> int:
        """The state of the frame before the one whose scores (states,) are its ``own``."""
        np.subtract(self.near, self.cost, out=self.moves[:-1])
        total = np.maximum.reduce(self.moves)
        total += own
        before, self.best = self.best, int(total.argmax())
        np.subtract(total, total[self.best], out=self.scores)
        move = int(self.moves[:, self.best].argmax())
        return before if move > 2 * _REACH else self.best + move - _REACH
