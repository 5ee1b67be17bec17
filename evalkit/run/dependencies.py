"""Which of its input an output depends on, found by putting noise in the place of parts of the
input and looking what changes; it is the idea of SpeechBrain's ``infer_dependency_matrix``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

from evalkit.core.errors import UtteranceError

Function = Callable[[np.ndarray], np.ndarray]
"""Of an input (n, …) to outputs (m, …)."""
TOLERANCE = 1e-5
"""What changes by no more than this share of the largest output has not changed."""
PROBED = (0.5, 0.3, 0.7)
"""Where in the signal the outputs lie whose input is looked for."""
SWEPT = 6
"""How many further outputs are looked at."""


def differs(made: np.ndarray, base: np.ndarray) -> np.ndarray:
    """Which outputs, rows of (m, …), are not those of ``base``; those of one alone differ."""
    n = min(len(made), len(base))
    apart = np.abs(made[:n].reshape(n, -1) - base[:n].reshape(n, -1)).max(axis=1, initial=0.0)
    more = np.ones(max(len(made), len(base)) - n, bool)
    return np.concatenate([~(apart <= TOLERANCE * np.abs(base).max(initial=0.0)), more])


def dependencies(model: Function, given: np.ndarray, spans: Sequence[tuple[int, int]],
                 seed: int = 0) -> np.ndarray:
    """Which outputs change where noise stands in the place of each of the ``spans``, first and end,
    of ``given`` (n, …): bool of (spans, outputs)."""
    noise = like(given, seed)
    base = model(given)
    return np.stack([differs(model(np.concatenate([given[:a], noise[a:b], given[b:]])), base)
                     for a, b in spans])


def like(given: np.ndarray, seed: int) -> np.ndarray:
    """Gaussian noise of the shape, mean and power of ``given``; of power 0.01 for silence."""
    noise = np.random.default_rng(seed).standard_normal(given.shape)
    return (given.mean() + (given.std() or 0.1) * noise).astype(given.dtype)


class Reach(NamedTuple):
    """What an output depends on, in samples of the input: so many ``ahead`` of its end and so many
    ``behind`` its beginning; None: all there are. ``at`` is the sample that it begins with."""

    ahead: int | None
    behind: int | None
    at: int


@dataclass(frozen=True)
class Perturbed:
    """A ``model`` of a signal (n,), whose output k is of the ``step`` samples from k · step on, and
    ``late`` samples late.

    Raises UtteranceError of kind NotTheSame where the same signal gives other outputs."""

    model: Function
    signal: np.ndarray
    step: int
    late: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        if differs(self.model(self.signal), self.base).any():
            raise UtteranceError("NotTheSame", "the same audio gives other outputs the second time")

    @cached_property
    def base(self) -> np.ndarray:
        return self.model(self.signal)

    @cached_property
    def noise(self) -> np.ndarray:
        return like(self.signal, self.seed)

    def after(self, moment: int) -> np.ndarray:
        """Which outputs depend on what comes from ``moment`` on."""
        return differs(self.model(np.concatenate([self.signal[:moment], self.noise[moment:]])),
                       self.base)

    def before(self, moment: int) -> np.ndarray:
        """Which outputs depend on what comes before ``moment``."""
        return differs(self.model(np.concatenate([self.noise[:moment], self.signal[moment:]])),
                       self.base)

    def start(self, output: int) -> int:
        """The first sample that an output is of."""
        return output * self.step - self.late

    def reach(self) -> Reach:
        """That of an output in the middle, and of others where they look farther."""
        n = len(self.signal)
        outputs = [round((share * n + self.late) / self.step) for share in PROBED]
        ahead, at = self._ahead(outputs[0], 0), self.start(outputs[0])
        for output in (*outputs[1:], *self._swept()):
            if ahead is None:
                break
            farther = self._ahead(output, ahead)
            if farther != ahead:
                ahead, at = farther, self.start(output)
        return Reach(ahead, self._behind(outputs[0]), at)

    def _ahead(self, output: int, least: int) -> int | None:
        """So many samples behind its end an output depends on, ``least`` where it is no more; None
        where that is all there are."""
        if self.after(len(self.signal) - self.step)[output]:
            return None
        end = self.start(output) + self.step
        return _least(lambda far: not self.after(end + far)[output], least,
                      len(self.signal) - end)

    def _behind(self, output: int) -> int | None:
        """So many samples before its beginning; None where that is all there are."""
        start = self.start(output)
        if self.before(self.step)[output]:
            return None
        return _least(lambda far: not self.before(start - far)[output], 0, start)

    def _swept(self) -> list[int]:
        """The first outputs that change where the audio is replaced from some moments on, which
        are drawn."""
        n = len(self.signal)
        drawn = np.random.default_rng(self.seed).integers(n // 4, n - n // 4, SWEPT)
        return [int(self.after(moment).argmax()) for moment in map(int, drawn)]


def _least(holds: Callable[[int], bool], low: int, most: int) -> int:
    """The least number from ``low`` on from which on it ``holds``, ``most`` where there is none
    below: the steps grow until it does, and then it is looked for between the last two."""
    if low >= most or holds(low):
        return min(low, most)
    step = 1
    while low + step < most and not holds(low + step):
        low, step = low + step, 2 * step
    high = min(low + step, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if holds(middle) else (middle, high)
    return high


def step_of(count: Callable[[int], int], n: int) -> int:
    """By how many samples a signal of some ``n`` must be longer for one output more; ``count`` says
    how many outputs a signal of a length has. Raises UtteranceError of kind TooShort."""
    outputs = count(n)
    if not outputs:
        raise UtteranceError("TooShort", "it gives no output for so little audio")
    first = _least(lambda length: count(length) > outputs, n, 4 * n)
    return _least(lambda length: count(length) > outputs + 1, first, 4 * n) - first
