"""Laws of how one chance of error is spent over a series, and of its fallback by enumeration."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.compare.series import Place, after, at_look, draws
from evalkit.core.errors import ConfigError
from evalkit.statistics.spending import scheduled, spent_by
from evalkit.store.documents.comparison import Outcome
from evalkit.store.documents.series import Schedule

SCHEDULES = st.builds(Schedule, alpha=st.floats(0.001, 0.4), first=st.floats(0.01, 0.99),
                      half=st.integers(1, 200))
USUAL = Schedule(alpha=0.05)


@given(SCHEDULES, st.integers(2, 400))
def test_levels_fall_and_sum_to_less_than_alpha(schedule: Schedule, look: int) -> None:
    levels = [scheduled(schedule, k) for k in range(1, look + 2)]
    assert all(level > 0 for level in levels) and sum(levels) < schedule.alpha
    assert all(late < early for early, late in itertools.pairwise(levels[1:]))
    assert sum(levels) == pytest.approx(schedule.alpha * spent_by(schedule, look + 1))
    assert levels[0] == pytest.approx(schedule.alpha * schedule.first)
    after_half = spent_by(schedule, 1 + schedule.half)
    assert 1 - after_half == pytest.approx((1 - schedule.first) / 2)


def test_the_first_release_is_judged_as_one_by_itself() -> None:
    assert at_look(USUAL, 1).level == pytest.approx(0.05)


def judged(outcomes: tuple[Outcome, ...]) -> list[Place]:
    """The places of the releases that turn out so."""
    places = [at_look(USUAL, 1)]
    for outcome in outcomes:
        places.append(after(places[-1].on("then").settled("then", outcome)))
    return places[:-1]


@given(st.lists(st.sampled_from(["pass", "regression", "inconclusive", "incomplete"]), min_size=1,
                max_size=30))
def test_what_is_spent_and_left_is_alpha(outcomes: list[Outcome]) -> None:
    """And a later release changes nothing of those before."""
    places = judged(tuple(outcomes))
    for place, outcome in zip(places, outcomes, strict=True):
        standing = place.settled("then", outcome)
        assert standing.spent + standing.left == pytest.approx(USUAL.alpha) and standing.left > 0
        assert place.chance >= scheduled(USUAL, place.look)
    assert judged(tuple(outcomes[:-1])) == places[:-1]


def test_what_alarms_hand_on_never_bounds_a_true_hypothesis_above_alpha() -> None:
    """Of all ways in which six releases are truly worse or not, where all true alarms are raised
    and no false one is yet: what the others are tested at sums to at most alpha."""
    for worse in itertools.product([False, True], repeat=6):
        places = judged(tuple("regression" if bad else "pass" for bad in worse))
        tested = [place.chance for place, bad in zip(places, worse, strict=True) if not bad]
        assert sum(tested) <= USUAL.alpha


def test_a_place_is_of_one_baseline_and_can_be_tested() -> None:
    second = after(at_look(USUAL, 1).settled("monday", "pass"))
    with pytest.raises(ConfigError, match="another baseline begins another series: --look 1"):
        second.on("tuesday")
    with pytest.raises(ConfigError, match="too low to be tested; freeze a newer baseline"):
        at_look(USUAL, 1000).on("monday")
    with pytest.raises(ConfigError, match="the level left, 0, is too low"):
        at_look(USUAL, 10**26).on("monday")
    assert draws(0.05, 10_000) == 10_000 < draws(0.0005, 10_000) == 80_000
