"""One finder put to the test: its search on one half of the speakers, what the same search finds
where outcomes are shuffled, and the tests of its worst cohorts on the other half."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from evalkit.cohorts.confirm import Candidate, Test, confirm, rank
from evalkit.cohorts.evidence import FLOORS, FRESH, Floors
from evalkit.cohorts.finder import Finder, Rule, Search, outcomes
from evalkit.cohorts.speakers import Outcomes, Speakers
from evalkit.statistics.bootstrap import DEFAULT, Resampling
from evalkit.statistics.permutation import p_value
from evalkit.store.documents.findings import Chance

SHUFFLED_UNITS = 5_000_000
"""Units searched again in shuffled form at most, but FEWEST_SHUFFLES searches at least."""
FEWEST_SHUFFLES = 19


@dataclass(frozen=True)
class Settings:
    """How cohorts are tested. ``floors`` are for the search, ``fresh`` how many speakers the test
    asks for on either side; ``candidates`` is how many cohorts a finder may have tested,
    ``shuffles`` how often the search is repeated on shuffled outcomes (fewer where there are
    many speakers), ``resampling`` the draws of intervals and tests, and the seed of the halves.
    A cohort is confirmed where its adjusted p-value is at most 1 - ``resampling.level``."""

    floors: Floors = FLOORS
    fresh: int = FRESH
    candidates: int = 5
    shuffles: int = 99
    resampling: Resampling = DEFAULT

    @property
    def to_confirm(self) -> Floors:
        """Those of the test on fresh speakers."""
        return self.floors._replace(speakers=max(self.floors.speakers, self.fresh))


STANDARD = Settings()


class Halves(NamedTuple):
    """The speakers on whom cohorts are discovered, and the fresh ones on whom they are tested."""

    discovery: Speakers
    confirmation: Speakers


class Result(NamedTuple):
    """What a finder's search on the discovery half gave, and the tests on the other half, one a
    candidate."""

    finder: Finder
    rule: Rule
    chance: Chance
    candidates: list[Candidate]
    tests: list[Test]


def search_and_test(finder: Finder, sides: Halves, settings: Settings) -> Result:
    """A finder's search on one half, what it finds in shuffled outcomes, and the tests of its
    worst cohorts on the other half."""
    search = finder.prepare(sides.discovery)
    measured = outcomes(sides.discovery, finder.unit)
    rule = search(measured)
    candidates = rank(rule.members(sides.discovery), measured, settings.floors,
                      settings.candidates)
    chance = _chance(search, sides.discovery, measured, candidates, settings)
    tests = list(confirm(rule.members(sides.confirmation), candidates,
                         outcomes(sides.confirmation, finder.unit), settings.to_confirm,
                         settings.resampling))
    return Result(finder, rule, chance, candidates, tests)


def _chance(search: Search, speakers: Speakers, measured: Outcomes,
            candidates: Sequence[Candidate], settings: Settings) -> Chance:
    """The gap that was found beside those that the same search finds in shuffled outcomes."""
    gap = candidates[0].gap if candidates else 0.0
    n = min(settings.shuffles, max(FEWEST_SHUFFLES, SHUFFLED_UNITS // len(measured.harm)))
    null = _shuffled_gaps(search, speakers, measured, n, settings)
    low, middle, high = np.quantile(null, [0.025, 0.5, 0.975]) if n else [np.nan] * 3
    return Chance(gap=gap, shuffles=n, low=float(low), median=float(middle), high=float(high),
                  p_value=float(p_value(gap, null)))


def _shuffled_gaps(search: Search, speakers: Speakers, measured: Outcomes, n: int,
                   settings: Settings) -> np.ndarray:
    """The gap of the first candidate in each of ``n`` searches of shuffled outcomes, (n,)."""
    rng = np.random.default_rng(settings.resampling.seed)
    gaps = np.zeros(n)
    rule: Rule | None = None
    members: list[np.ndarray] = []
    for i in range(n):
        shuffled = measured.shuffled(rng)
        before, rule = rule, search(shuffled)
        members = members if rule is before else rule.members(speakers)
        best = rank(members, shuffled, settings.floors, 1)
        gaps[i] = best[0].gap if best else 0.0
    return gaps
