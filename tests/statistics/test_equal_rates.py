"""The test that speaks for a group: by relabelling and by redrawing speakers."""

from __future__ import annotations

import numpy as np
import pytest

from evalkit.statistics.bootstrap import Resampling, counts
from evalkit.statistics.equal_rates import (
    STARTED,
    apart,
    by_redrawing,
    equal_rates,
    redrawn,
)
from evalkit.statistics.permutation import any_gap, observed, parts
from evalkit.statistics.sums import SpeakerSums

DRAWS = Resampling(200, seed=3)


def sums_of(rng: np.random.Generator, sizes: tuple[int, ...], sigmas: tuple[float, ...],
            rates: tuple[float, ...] | None = None) -> SpeakerSums:
    """Errors among words of speakers with log-normal effects."""
    label = np.repeat(np.arange(len(sizes)), sizes)
    sigma, words = np.array(sigmas)[label], rng.integers(50, 500, len(label)).astype(float)
    mean = 0.15 * np.array(rates or (1.0,) * len(sizes))[label]
    errors = rng.poisson(words * mean * np.exp(sigma * rng.standard_normal(len(label))
                                               - sigma**2 / 2)).astype(float)
    inside = np.eye(len(sizes))[label]
    return SpeakerSums(np.arange(len(label)), tuple(map(str, range(len(sizes)))), ("asr",),
                       (errors[:, None] * inside)[..., None], (words[:, None] * inside)[..., None],
                       np.zeros((3, len(sizes), 1)))


def by_hand(sums: SpeakerSums, drawn: np.ndarray, group: int) -> tuple[float, float]:
    """Difference of log(rate + a tenth of everybody's) and its standard error, of one draw of
    speakers (as often as ``drawn`` says), written out."""
    offset = STARTED * sums.amount.sum() / sums.weight.sum()
    logs, variances = [], []
    for inside in (sums.members[:, group], ~sums.members[:, group]):
        often, n = drawn[inside], drawn[inside].sum()
        a, w = sums.amount.sum(axis=1)[inside, 0], sums.weight.sum(axis=1)[inside, 0]
        rate = (often @ a) / (often @ w)
        residual = often @ (a - rate * w) ** 2
        variances.append(residual * n / (n - 1) / (often @ w) ** 2 / (rate + offset) ** 2)
        logs.append(np.log(rate + offset))
    return logs[0] - logs[1], float(np.sqrt(sum(variances)))


def test_the_bootstrap_is_that_written_out_speaker_by_speaker() -> None:
    sums = sums_of(np.random.default_rng(0), (8, 8), (0.5, 0.5), (1.0, 1.6))
    offset = STARTED * sums.amount.sum() / sums.weight.sum()
    seen, drawn = apart(observed(parts(sums)), offset), apart(redrawn(sums, 0, DRAWS), offset)
    # Strata are in the order of their cohorts' bits: the last cohort first.
    often = np.empty((DRAWS.draws, 16))
    for h, members in enumerate((np.arange(8, 16), np.arange(8))):
        often[:, members] = np.concatenate(list(counts(8, DRAWS.draws, np.random.SeedSequence(
            DRAWS.seed, spawn_key=(h,)))))
    gap, se = by_hand(sums, np.ones(16), 0)
    pivots = np.array([(found - gap) / own for found, own in (
        by_hand(sums, each, 0) for each in often)])
    np.testing.assert_allclose((drawn.gap - seen.gap)[:, 0] / np.sqrt(drawn.variance[:, 0]), pivots)
    t = gap / se
    tail = min((pivots >= t).sum(), (pivots <= t).sum())
    expected = max(1 + (np.abs(pivots) >= abs(t)).sum(), 2 * (1 + tail)) / (1 + DRAWS.draws)
    assert by_redrawing(seen, drawn)[0] == pytest.approx(min(expected, 1.0))


def test_a_small_noisy_group_is_not_called_different_more_often_than_it_may() -> None:
    """120 tables of equal rates; max minus min rejects in a third (benchmarks/spread_simulation.py
    has the full table)."""
    rng, found = np.random.default_rng(1), []
    for seed in range(120):
        sums = sums_of(rng, (8, 60), (0.83, 0.25))
        found.append((equal_rates(sums, resampling=Resampling(150, seed))[0],
                      any_gap(sums, resampling=Resampling(150, seed))["gap"].p_value))
    ours, widest = (np.array(found) <= 0.05).mean(axis=0)
    assert ours <= 0.1 and widest >= 0.2


def test_a_group_without_errors_and_negative_amounts_are_tested_too() -> None:
    rng = np.random.default_rng(2)
    none = sums_of(rng, (20, 20, 20), (0.3,) * 3, (0.0, 1.0, 1.0))
    p = equal_rates(none, resampling=DRAWS)
    assert p[0] == pytest.approx(1 / 201) and not np.isnan(p).any()
    signed = sums_of(rng, (20, 20), (0.3, 0.3), (1.0, 2.0))
    moved = SpeakerSums(signed.speakers, signed.cohorts, signed.systems,
                        signed.amount - 0.2 * signed.weight, signed.weight, signed.spread)
    assert equal_rates(moved, resampling=DRAWS)[0] == pytest.approx(2 / 201)
