"""How many speakers and utterances a change between two versions takes, before it is made.

Both versions hear the same utterances, and what is tested is a speaker's own change (as
``evalkit compare`` does, two-sided, at the level over the number of groups that are gated). What
speakers have in common with themselves cancels out; what is left is how much more one speaker's
rate changes than another's, and the errors that come and go by chance. A change is shown with
``power`` where it is as many standard errors as evalkit.statistics.power says.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from evalkit.core.errors import ConfigError
from evalkit.statistics.groups import FLOORS
from evalkit.statistics.paired_permutation import fewest_speakers
from evalkit.statistics.planning import (
    MOST_SPEAKERS,
    UTTERANCES,
    Planned,
    Question,
    Size,
    first_enough,
)
from evalkit.statistics.power import multiplier
from evalkit.statistics.spread import AS_KNOWN, WORDS, Spread

ANEW = 0.5
"""Share of a version's errors that another does not make, where nothing else is known."""
MOVED = 0.1
"""How much speakers' own rates move between two versions, over the rate, where nothing is known."""


@dataclass(frozen=True)
class ChangeQuestion(Question):
    """What is to be shown: a change of a rate, in one of ``groups`` groups that are gated, at
    ``level`` over their number, with ``power``. ``spread`` is that of paired changes: its ``rate``
    is the older version's, ``between`` the variance of speakers' own changes and ``within`` that of
    one utterance's change around its speaker's times its weight."""

    groups: int = 1


@dataclass(frozen=True)
class ChangeStudy(Size):
    """What shows a ``change``, newer minus older, in the metric's unit as stored."""

    change: float


ChangePlan = Planned[ChangeQuestion, ChangeStudy]


def spread_of_change(rate: float, change: float, words: float | None = None) -> Spread:
    """Of errors at ``rate`` that are Poisson around speakers' own rates, which vary by AS_KNOWN:
    a version makes ANEW of them anew, moves every speaker's rate by MOVED of it, and is worse by
    ``change`` in proportion to it."""
    own = MOVED**2 * rate**2 * (1 + AS_KNOWN**2) + (AS_KNOWN * change)**2
    return Spread(rate, own, 2 * ANEW * rate + abs(change), words or WORDS, is_count=True)


def study_of_change(change: float, utterances: int, asked: ChangeQuestion) -> ChangeStudy:
    """The smallest study that shows a ``change``. Raises ConfigError for one that is 0, makes a
    rate of errors negative or more than 1, or takes more than MOST_SPEAKERS speakers."""
    _check(change, asked.spread)
    level, variance = asked.level / asked.groups, asked.spread.of_speaker(utterances)
    least = max(FLOORS.speakers, fewest_speakers(level), math.ceil(FLOORS.utterances / utterances))
    speakers = first_enough(lambda n: multiplier(level, n - 1, asked.power)
                            * math.sqrt(variance / n) <= abs(change), least, MOST_SPEAKERS)
    if speakers is None:
        raise ConfigError(f"such a change takes more than {MOST_SPEAKERS:,} speakers: it cannot be "
                          "shown in this way; give a larger one")
    return ChangeStudy(speakers, utterances, asked.groups, change)


def change_trades(change: float, asked: ChangeQuestion, choices: Sequence[int] = UTTERANCES
                  ) -> list[ChangeStudy]:
    """``study_of_change`` with so many utterances of a speaker each."""
    return [study_of_change(change, utterances, asked) for utterances in choices]


def _check(change: float, spread: Spread) -> None:
    if not (math.isfinite(change) and change):
        raise ConfigError(f"a change of {change:g} is shown by no number of speakers; give the "
                          "smallest that matters")
    if spread.is_count and not 0 <= spread.rate + change <= max(1.0, spread.rate):
        raise ConfigError(f"a change of {100 * change:+g} points would make a rate of "
                          f"{100 * (spread.rate + change):g} %; give a smaller one")
