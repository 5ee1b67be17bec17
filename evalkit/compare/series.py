"""A series of releases, each compared with one baseline: what level each is judged at.

The chance that any release fails that is nowhere worse by more than is tolerated is bounded over
the whole series (evalkit.statistics.spending). A release that fails hands its level on to the
next. So does one that is incomplete: nothing was decided, and what is missing does not depend on
how good it is.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from evalkit.compare.gates import LEVEL, Gates, usual
from evalkit.core.errors import ConfigError
from evalkit.statistics.spending import scheduled, spent_by
from evalkit.store.documents.comparison import Comparison, Outcome
from evalkit.store.documents.releases import last_judged
from evalkit.store.documents.series import Schedule, Standing

HANDS_ON: tuple[Outcome, ...] = ("regression", "incomplete")
DRAWS_AT_LEVEL = 40
"""As many random swaps reach a change of which p is at the level, of either side."""
MOST_DRAWS = 200_000


@dataclass(frozen=True)
class Place:
    """Release number ``look`` of a series, ``returned`` and ``spent`` by those before it. The
    ``baseline`` is that of the one before, None where nobody said."""

    look: int
    schedule: Schedule
    returned: float = 0.0
    spent: float = 0.0
    baseline: str | None = None

    @property
    def chance(self) -> float:
        """Of a false failure here."""
        return scheduled(self.schedule, self.look) + self.returned

    @property
    def level(self) -> float:
        """What a two-sided p-value is held against: only one of the sides fails a gate."""
        return min(1.0, 2 * self.chance)

    def on(self, baseline: str) -> Place:
        """The same where it can be judged. Raises ConfigError for another baseline than before, and
        for a level that is too low to be tested."""
        if self.baseline not in {None, baseline}:
            raise ConfigError(f"the release before was compared with another baseline (of "
                              f"{self.baseline}, this one is of {baseline}); another baseline "
                              "begins another series: --look 1")
        if self.level * MOST_DRAWS < DRAWS_AT_LEVEL / 4:
            raise ConfigError(f"look {self.look}: the level left, {self.level:.1g}, is too low to "
                              "be tested; freeze a newer baseline and begin another series")
        return self

    def settled(self, baseline: str, outcome: Outcome) -> Standing:
        """What a document says of it when its gates are decided."""
        carried = self.chance if outcome in HANDS_ON else 0.0
        spent = self.spent + self.chance - carried
        return Standing(look=self.look, schedule=self.schedule, baseline=baseline,
                        level=self.level, returned=self.returned, spent=spent,
                        left=self.schedule.alpha - spent, carried=carried)


def asked_place(gates: Gates | None, look: int | None, previous: Path | str | None) -> Place | None:
    """The place that is release number ``look``, or follows the comparison in the file
    ``previous``; None where neither is given. Raises ConfigError where both are."""
    if look is not None and previous is not None:
        raise ConfigError("--look and --after both say which release this is; give one")
    if look is not None:
        return at_look(_schedule(gates), look)
    return None if previous is None else _after_file(gates, Path(previous))


def next_place(gates: Gates | None, judged: Sequence[Comparison]) -> Place:
    """The place of the release that follows those ``judged`` by the same gates."""
    last = judged[-1].series if judged else None
    return at_look(_schedule(gates), 1) if last is None else after(last)


def _schedule(gates: Gates | None) -> Schedule:
    return gates.schedule if gates else Schedule(alpha=LEVEL)


def at_look(schedule: Schedule, look: int) -> Place:
    """The place of a release of which the number alone is known: nothing has come back, and all
    that was scheduled is spent. Raises ConfigError for a number below 1."""
    if look < 1:
        raise ConfigError(f"--look {look}: the first release is 1")
    return Place(look, schedule, 0.0, schedule.alpha * spent_by(schedule, look - 1))


def after(standing: Standing) -> Place:
    """The place of the next release."""
    return Place(standing.look + 1, standing.schedule, standing.carried, standing.spent,
                 standing.baseline)


def _after_file(gates: Gates | None, path: Path) -> Place:
    """The place of the release that follows the comparison in ``path``, or the newest of those in
    it. Raises ConfigError where that is of no series, of one that is spent otherwise, or of gates
    where there are none now; RunError where it cannot be read."""
    judged, schedule = last_judged(path), _schedule(gates)
    before = judged.series
    asked = "; ".join(str(result.gate) for result in judged.gates)
    if gates is None and any(result.gate != usual(result.gate.metric) for result in judged.gates):
        raise ConfigError(f"--after {path}: was judged by gates ({asked}); give the same --gates")
    if before is None:
        raise ConfigError(f"--after {path}: is no part of a series; give the last comparison that "
                          "was made with --look or --after")
    if before.schedule != schedule:
        raise ConfigError(f"--after {path}: its series is spent by {_said(before.schedule)}, that "
                          f"of the gates by {_said(schedule)}; a schedule cannot change on the "
                          "way")
    return after(before)


def told(standing: Standing) -> str:
    """What to know of a comparison's place in its series, in one line."""
    chance = 100 * standing.schedule.alpha
    return (f"look {standing.look} of a series: gates fail where p beyond is at most "
            f"{standing.level:.2g}; of a chance of {chance:g} % of any false failure over all "
            f"releases {100 * standing.spent:.2f} % is spent and {100 * standing.left:.2f} % left")


def draws(level: float, usual: int) -> int:
    """So many random swaps as tell what is as rare as ``level``."""
    return min(max(usual, math.ceil(DRAWS_AT_LEVEL / level)), MOST_DRAWS)


def _said(schedule: Schedule) -> str:
    return f"alpha {schedule.alpha:g}, first {schedule.first:g}, half {schedule.half}"
