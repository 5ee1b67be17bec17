"""Which cohorts are tested, and how."""

from __future__ import annotations

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cohorts.confirm import adjust_chains, confirm, own_interval, rank
from evalkit.cohorts.evidence import Evidence, Floors, moments, t_statistic
from evalkit.cohorts.finder import by_code
from evalkit.cohorts.people import Outcomes
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.multiple import adjust

ANY = Floors(2, 0, 0)
P_VALUES = st.floats(0, 1)


def speakers(harm: list[float], weight: float = 10.0) -> Outcomes:
    n = len(harm)
    return Outcomes(np.array(harm, float), np.full(n, weight), np.full(n, 5.0), np.zeros(n),
                    np.arange(n))


@given(st.lists(P_VALUES, max_size=8))
def test_chains_of_one_are_holms_procedure(p: list[float]) -> None:
    ours = [chain[0] for chain in adjust_chains([[value] for value in p])]
    assert ours == pytest.approx(adjust(np.array(p), "holm"))


@given(st.lists(st.lists(P_VALUES, max_size=4), max_size=5), st.floats(0.001, 0.5))
def test_chains_reject_what_the_graphical_procedure_rejects(chains: list[list[float]],
                                                            alpha: float) -> None:
    """Bretz et al. 2009, algorithm 1, with weights moved step by step."""
    weight = {(c, i): 0.0 for c, chain in enumerate(chains) for i in range(len(chain))}
    live = [c for c, chain in enumerate(chains) if chain]
    weight |= {(c, 0): alpha / len(live) for c in live}
    rejected = set()
    while ready := [h for h, w in weight.items() if w > 0 and chains[h[0]][h[1]] <= w]:
        c, i = ready[0]
        moved = weight.pop((c, i))
        rejected.add((c, i))
        if i + 1 < len(chains[c]):
            weight[c, i + 1] += moved
        else:
            heads = [h for h, w in weight.items() if w > 0]
            for head in heads:
                weight[head] += moved / len(heads)
    ours = {(c, i) for c, chain in enumerate(adjust_chains(chains))
            for i, p in enumerate(chain) if p <= alpha}
    near = any(abs(w - chains[c][i]) < 1e-12 for (c, i), w in weight.items())
    assert ours == rejected or near


def test_what_could_not_be_tested_holds_nobody_up() -> None:
    assert adjust_chains([[np.nan, 0.01], [0.02]])[0][1] == pytest.approx(0.02)
    assert np.isnan(adjust_chains([[np.nan]])[0][0])


def test_the_surest_cohort_comes_first_and_is_then_set_aside() -> None:
    own = speakers([9, 8, 9, 8] + [5, 4, 5, 4] + [1, 2, 1, 2] * 3)
    members = by_code(np.repeat([0, 1, 2, 2, 2], 4), 3)
    found = rank(members, own, ANY, 5)
    assert [candidate.cohort for candidate in found] == [0, 1]
    assert found[0].gap == pytest.approx(0.85 - (18 + 18) / 160)
    assert found[1].gap == pytest.approx(0.45 - 18 / 120)
    assert len(rank(members, own, ANY, 1)) == 1


def test_cohorts_below_the_floors_are_not_proposed() -> None:
    own = speakers([9, 9, 1, 1, 1, 1, 1])
    members = by_code(np.array([0, 0, 1, 1, 1, 1, 1]), 2)
    assert rank(members, own, Floors(3, 0, 0), 5) == []
    assert rank([], own, ANY, 5) == []
    left_out = list(confirm(members, rank(members, own, ANY, 5), own, Floors(3, 0, 0),
                          Resampling(100)))
    assert left_out[0].gap is None
    assert np.isnan(left_out[0].p_value)


def test_the_p_value_is_that_of_all_relabellings() -> None:
    harm = [6, 4, 5, 3, 4, 1, 3, 2, 1, 2]
    own = speakers(harm)
    at = np.arange(4)
    members = [at, np.arange(4, 10)]
    found, = confirm(members, rank(members, own, ANY, 1), own, ANY, Resampling(20_000))

    def studentised(inside: tuple[int, ...]) -> float:
        groups = [np.array([h for i, h in enumerate(harm) if (i in inside) == side]) / 10
                  for side in (True, False)]
        variance = sum(g.var(ddof=1) / len(g) for g in groups)
        return (groups[0].mean() - groups[1].mean()) / np.sqrt(variance)

    everything = [studentised(c) for c in combinations(range(10), 4)]
    exact = np.mean(np.array(everything) >= studentised((0, 1, 2, 3)) - 1e-12)
    assert found.p_value == pytest.approx(exact, abs=0.005)
    assert found.gap is not None
    assert found.gap.value == pytest.approx(0.45 - 13 / 60)
    assert found.rest == pytest.approx(13 / 60)


def test_sides_add_up_when_speakers_are_on_both() -> None:
    rng = np.random.default_rng(0)
    own = Outcomes(rng.integers(0, 5, 40).astype(float), np.full(40, 3.0), np.ones(40),
                   np.zeros(40), np.repeat(np.arange(8), 5))
    left = rng.random(40) < 0.8
    at = np.flatnonzero(rng.random(40) < 0.4)
    inside, outside = Evidence(own, left).sides(at)
    mask = np.zeros(40, bool)
    mask[at] = True
    assert inside == pytest.approx(moments(own, np.flatnonzero(mask & left)).sum(axis=1))
    assert outside == pytest.approx(moments(own, np.flatnonzero(~mask & left)).sum(axis=1))


def test_certainty_needs_speakers_who_deviate() -> None:
    a, b = (moments(speakers(h)).sum(axis=1) for h in ([5, 5], [1, 1]))
    assert t_statistic(a, b) > 1e6
    assert np.isnan(t_statistic(a, np.zeros(7)))


def test_a_cohorts_own_rate_is_in_the_metrics_direction() -> None:
    own = speakers([-30, -20, -25])  # higher is better
    assert own_interval(own, np.arange(3), -1, Resampling()).value == pytest.approx(2.5)
    assert np.isnan(own_interval(own, np.arange(0), -1, Resampling()).value)
