"""How many speakers and utterances a gap takes, before anything is recorded.

``groups`` groups of as many speakers each are compared, one with all others together, as
``evalkit groups`` does: two-sided, at the level over the number of groups. A gap is shown with
``power`` where it is as many standard errors as evalkit.statistics.power says; the variance of
the estimate is that of the speakers' rates (evalkit.statistics.spread), the group's at its own
rate, the others' at theirs, with Welch's degrees of freedom.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Generic, TypeVar

from evalkit.core.errors import ConfigError
from evalkit.core.types import Fact
from evalkit.statistics.groups import FLOORS
from evalkit.statistics.power import POWER, multiplier
from evalkit.statistics.spread import Spread

MOST_SPEAKERS = 1_000_000
UTTERANCES = (1, 2, 5, 10, 20, 50, 100)
"""Of a speaker, in a table of what may be traded for what."""


@dataclass(frozen=True)
class Question:
    """What is to be shown: of one of ``groups`` groups against the others, two-sided at ``level``
    over their number, with ``power``, where scores vary as ``spread`` says."""

    spread: Spread
    groups: int = 2
    level: float = 0.05
    power: float = POWER


@dataclass(frozen=True)
class Size:
    """So many ``speakers`` of each of ``groups`` groups with so many ``utterances`` each."""

    speakers: int
    utterances: int
    groups: int

    @property
    def recordings(self) -> int:
        """Utterances in all."""
        return self.speakers * self.utterances * self.groups


@dataclass(frozen=True)
class Study(Size):
    """What shows a ``gap``, in the metric's unit as stored."""

    gap: float


Asked = TypeVar("Asked", bound=Question)
Found = TypeVar("Found", bound=Size)


@dataclass(frozen=True)
class Planned(Generic[Asked, Found]):
    """The answer to ``question``: a ``study``, and the others that it may be traded for, where
    these are known. ``fact`` is the metric's, ``source`` says where the spread is from."""

    question: Asked
    study: Found
    trades: list[Found]
    fact: Fact
    source: str


Plan = Planned[Question, Study]


def study_for(gap: float, utterances: int, asked: Question) -> Study:
    """The smallest study that shows a ``gap`` (the group's rate minus the others'). Raises
    ConfigError for a gap that makes a rate negative or of errors more than 1, and for one that
    takes more than MOST_SPEAKERS speakers."""
    _check(gap, asked)
    least = max(FLOORS.speakers, math.ceil(FLOORS.utterances / utterances))
    speakers = first_enough(lambda n: _reach(gap, n, utterances, asked) <= abs(gap), least,
                      MOST_SPEAKERS)
    if speakers is None:
        raise ConfigError(f"a gap of {_said(gap, asked)} takes more than {MOST_SPEAKERS:,} "
                          "speakers of each group: it cannot be shown in this way")
    return Study(speakers, utterances, asked.groups, gap)


def gap_for(speakers: int, utterances: int, asked: Question) -> Study:
    """The smallest gap, of a group that is served worse, that so many speakers of each group
    show. Raises ConfigError for fewer speakers than are compared, or than show any gap."""
    if speakers < FLOORS.speakers or speakers * utterances < FLOORS.utterances:
        raise ConfigError(f"a group of {FLOORS} is compared with no other; plan for more")
    gap, before = 0.0, -1.0
    for _ in range(200):  # the variance grows with the gap
        gap, before = _reach(gap, speakers, utterances, asked), gap
    if gap - before > 1e-6 * gap:
        raise ConfigError(f"{speakers} speakers vary too much to show any gap; plan for more")
    return Study(speakers, utterances, asked.groups, gap)


def trades(gap: float, asked: Question, choices: Sequence[int] = UTTERANCES) -> list[Study]:
    """``study_for`` with so many utterances of a speaker each."""
    return [study_for(gap, utterances, asked) for utterances in choices]


def _check(gap: float, asked: Question) -> None:
    if not math.isfinite(gap):
        raise ConfigError(f"a gap of {gap} is no number of points; give the smallest that matters")
    if gap == 0:
        raise ConfigError("a gap of 0 is shown by no number of speakers; give the smallest that "
                          "matters")
    if asked.spread.is_count and asked.spread.rate + gap <= 0:
        raise ConfigError(f"a rate of {100 * asked.spread.rate:g} % cannot be lower by "
                          f"{_said(-gap, asked)}; give a smaller gap")
    if asked.spread.is_count and asked.spread.rate + gap > max(1.0, asked.spread.rate):
        raise ConfigError(f"a gap of {_said(gap, asked)} would make a rate of "
                          f"{100 * (asked.spread.rate + gap):g} %; give a smaller one")


def _said(gap: float, asked: Question) -> str:
    return f"{100 * gap:g} points" if asked.spread.is_count else f"{gap:g}"


def _reach(gap: float, speakers: int, utterances: int, asked: Question) -> float:
    """The smallest gap that would be shown, with the spread that there is where it is ``gap``."""
    spread = asked.spread
    parts = [(each.of_speaker(utterances) / n, n - 1) for each, n in (
        (spread.at(spread.rate + gap), speakers), (spread, speakers * (asked.groups - 1)))]
    variance = sum(part for part, _ in parts)
    if variance == 0:
        return 0.0
    df = variance**2 / sum(part**2 / freedom for part, freedom in parts)
    return multiplier(asked.level / asked.groups, df, asked.power) * math.sqrt(variance)


def first_enough(enough: Callable[[int], bool], least: int, most: int) -> int | None:
    """The first number from ``least`` to ``most`` that is enough, if all after it are too."""
    high = least
    while not enough(high):
        if high >= most:
            return None
        high = min(2 * high, most)
    low = max(least, high // 2)
    while low < high:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle + 1, high)
    return high
