"""Which cohorts are tested, and how."""

from __future__ import annotations

from itertools import combinations
from random import Random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from evalkit.cohorts.confirm import Candidate, adjust_chains, confirm, own_interval, rank
from evalkit.cohorts.evidence import FRESH, Evidence, Floors, moments, t_statistic
from evalkit.cohorts.finder import by_code
from evalkit.cohorts.speakers import Outcomes
from evalkit.cohorts.trial import Settings
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


Place = tuple[int, int]


def graph(chains: list[list[float]]) -> tuple[dict[Place, float], dict[Place, dict[Place, float]]]:
    """The starting weights and what is handed on, written out."""
    live = [c for c, chain in enumerate(chains) if chain]
    weight, handed = {}, {}
    for c in live:
        last = len(chains[c]) - 1
        for i in range(last + 1):
            part = 1.0 if last == 0 else 0.8 if i == 0 else 0.2 / last
            weight[c, i] = part / len(live)
            others = {(d, 0): 1 / (len(live) - 1) for d in live if d != c}
            handed[c, i] = others if i == last else {(c, i + 1): 1.0}
    return weight, handed


def reject(j: Place, weight: dict[Place, float], handed: dict[Place, dict[Place, float]]) -> None:
    """One step of Bretz et al. 2009, algorithm 1."""
    for to, part in handed[j].items():
        weight[to] += weight[j] * part
    new = {}
    for a, own in handed.items():
        if a == j:
            continue
        back = own.get(j, 0.0) * handed[j].get(a, 0.0)
        new[a] = {b: (own.get(b, 0.0) + own.get(j, 0.0) * handed[j].get(b, 0.0)) / (1 - back)
                  for b in handed if b not in {a, j}} if back < 1 else {}
    del weight[j]
    handed.clear()
    handed.update(new)


@given(st.lists(st.lists(P_VALUES, max_size=4), max_size=5), st.floats(0.001, 0.5),
       st.randoms(use_true_random=False))
def test_chains_reject_what_the_graphical_procedure_rejects(
        chains: list[list[float]], alpha: float, random: Random) -> None:
    """In whatever order it goes through the graph."""
    weight, handed = graph(chains)
    rejected = set()
    while ready := [h for h, w in weight.items() if chains[h[0]][h[1]] <= w * alpha]:
        chosen = random.choice(ready)
        reject(chosen, weight, handed)
        rejected.add(chosen)
    ours = {(c, i) for c, chain in enumerate(adjust_chains(chains))
            for i, p in enumerate(chain) if p <= alpha}
    near = any(abs(w * alpha - chains[c][i]) < 1e-9 for (c, i), w in weight.items())
    assert ours == rejected or near


def test_a_cohort_that_fails_does_not_stop_the_next() -> None:
    """The second has a tenth of the level, and all of it where the first is confirmed."""
    assert adjust_chains([[0.2, 0.004, 0.01]])[0] == pytest.approx([0.25, 0.04, 0.05])
    assert adjust_chains([[0.001, 0.03]])[0] == pytest.approx([0.00125, 0.03])


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


def test_a_test_asks_for_fresh_speakers_on_either_side() -> None:
    """Four are too few, of the cohort or of the others; the next cohort is tested against all."""
    own = speakers([9, 8, 9, 8] + [5, 4, 5, 4, 6] + [1, 2] * 3)
    members = by_code(np.repeat([0, 1, 2], [4, 5, 6]), 3)
    asked = Settings().to_confirm._replace(utterances=0, weight=0)
    assert (asked.speakers, Settings(fresh=2).to_confirm.speakers) == (FRESH, 3)
    found = list(confirm(members, [Candidate(0, 1.0), Candidate(1, 1.0)], own, asked,
                         Resampling(200)))
    assert (found[0].gap, found[0].few) == (None, True)
    assert found[1].gap is not None and not found[1].few
    assert found[1].rest == pytest.approx((34 + 9) / 100)
    wide = by_code(np.repeat([0, 1], [11, 4]), 2)
    assert next(confirm(wide, [Candidate(0, 1.0)], own, asked, Resampling(200))).few
    spoke = asked._replace(utterances=30)
    assert not next(confirm(members, [Candidate(1, 1.0)], own, spoke, Resampling(200))).few


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
