"""The arms of an experiment on the speakers of test: rates by region, and changes against the
start."""

from __future__ import annotations

from collections.abc import Callable, Collection, Mapping, Sequence
from typing import NamedTuple

import numpy as np
import pandas as pd

from evalkit.statistics.bootstrap import (
    Contrast,
    Resampling,
    counts,
    intervals,
)
from evalkit.statistics.groups import FLOORS, without_bounds
from evalkit.statistics.strata import speaker_strata
from evalkit.statistics.sums import SpeakerSums, only, pooled, speaker_sums
from evalkit.store.documents.mitigation import (
    START,
    ArmStatistic,
    RecognitionArmResult,
    RegionResult,
    TriedStrength,
)
from evalkit.store.scores import ratio


class Fixed(NamedTuple):
    """What was fixed on dev: the target regions, and the one with the lowest error rate."""

    targets: Sequence[str]
    best: str


class Rates(NamedTuple):
    """Of every region, (…, regions, systems); of all, the targets and all others, pooled, and of
    the region with the lowest rate on dev, (…, systems)."""

    regions: np.ndarray
    overall: np.ndarray
    target: np.ndarray
    others: np.ndarray
    best: np.ndarray


STATISTICS: Mapping[str, Callable[[Rates], np.ndarray]] = {
    "overall": lambda r: r.overall,
    "mean": lambda r: r.regions.mean(axis=-2),
    "max": lambda r: r.regions.max(axis=-2),
    "variance": lambda r: r.regions.var(axis=-2),
    "target": lambda r: r.target,
    "others": lambda r: r.others,
    "relative_gap": lambda r: ratio(r.target, r.best) - 1,
}
"""Mean, maximum and variance are over regions, unweighted, with ddof 0 (Trinh et al. 2022);
``relative_gap`` is that of the targets to the region with the lowest rate on dev (Dheram et al.
2022)."""


def arm_results(scores: pd.DataFrame, tried: Sequence[TriedStrength], fixed: Fixed,
                resampling: Resampling) -> list[RecognitionArmResult]:
    """Every arm at its chosen strength. ``scores`` has the columns of trials.SCORES."""
    test = scores[scores["part"] == "test"]
    chosen = [t for t in tried if t.chosen]
    rows = {t.arm: test[(test["arm"] == t.arm) & (test["strength"] == t.strength)]
            for t in chosen}
    return [_arm_result(t, rows[t.arm], rows[START], fixed, resampling) for t in chosen]


def _arm_result(tried: TriedStrength, rows: pd.DataFrame, start: pd.DataFrame, fixed: Fixed,
                resampling: Resampling) -> RecognitionArmResult:
    both = pd.concat([start.assign(system="start"),
                      rows.assign(system="seed " + rows["seed"].astype(str).str.zfill(9))])
    sums = speaker_sums(both, cohort="cohort", system="system")
    return RecognitionArmResult(
        arm=tried.arm, strength=tried.strength, keeps_overall=tried.keeps_overall,
        seeds=sorted(int(seed) for seed in rows["seed"].unique()),
        statistics=_statistics(sums, fixed, resampling),
        regions=_regions(_mean_of_seeds(sums), small_regions(start), resampling))


def small_regions(start: pd.DataFrame) -> list[str]:
    """The regions with too few test speakers or utterances for intervals, by the start's rows."""
    n = start.groupby("cohort")[["speaker_id", "utterance_id"]].nunique()
    enough = (n["speaker_id"] >= FLOORS.speakers) & (n["utterance_id"] >= FLOORS.utterances)
    return sorted(map(str, enough.index[~enough]))


def _statistics(sums: SpeakerSums, fixed: Fixed, resampling: Resampling) -> dict[str, ArmStatistic]:
    amount, weight = _paired_draws(sums, resampling)
    is_target = np.isin(sums.cohorts, fixed.targets)

    def rate(chosen: np.ndarray) -> np.ndarray:
        return ratio(amount[:, chosen].sum(axis=1), weight[:, chosen].sum(axis=1))

    rates = Rates(ratio(amount, weight), rate(np.ones_like(is_target)), rate(is_target),
                  rate(~is_target), rate(np.isin(sums.cohorts, fixed.best)))
    return {name: _statistic(statistic(rates), resampling)
            for name, statistic in STATISTICS.items()}


def _paired_draws(sums: SpeakerSums, resampling: Resampling) -> tuple[np.ndarray, np.ndarray]:
    """Amounts and weights, (1 + draws, cohorts, systems): those observed, then those of drawn
    speakers, the same in all systems (evalkit.statistics.bootstrap says how they are drawn)."""
    columns = np.stack([sums.amount, sums.weight])
    drawn = np.zeros((2, resampling.draws, *sums.amount.shape[1:]))
    for number, members in enumerate(speaker_strata(sums)):
        seed = np.random.SeedSequence(resampling.seed, spawn_key=(number,))
        blocks = np.concatenate(list(counts(len(members), resampling.draws, seed)))
        scale = len(members) / max(len(members) - 1, 1)
        drawn += scale * np.einsum("dn,kncs->kdcs", blocks, columns[:, members], optimize=True)
    amount, weight = np.concatenate([columns.sum(axis=1)[:, None], drawn], axis=1)
    return amount, weight


def _statistic(values: np.ndarray, resampling: Resampling) -> ArmStatistic:
    """``values`` (1 + draws, systems); the seeds come before the start."""
    mean = values[:, :-1].mean(axis=1)
    change = ratio(mean - values[:, -1], np.abs(values[:, -1]))
    drawn = change[1:][np.isfinite(change[1:])]
    low, high = np.quantile(drawn, resampling.tails) if len(drawn) else (np.nan, np.nan)
    return ArmStatistic(value=float(mean[0]), by_seed=values[0, :-1].tolist(),
                        change=float(change[0]), low=float(low), high=float(high))


def _mean_of_seeds(sums: SpeakerSums) -> SpeakerSums:
    """Two systems: the mean over seeds, and the start."""
    def mean(x: np.ndarray) -> np.ndarray:
        return np.stack([x[..., :-1].mean(axis=-1), x[..., -1]], axis=-1)

    return SpeakerSums(sums.speakers, sums.cohorts, ("arm", "start"), mean(sums.amount),
                       mean(sums.weight), mean(sums.spread), sums.warning)


def _regions(sums: SpeakerSums, small: Collection[str], resampling: Resampling
             ) -> list[RegionResult]:
    """All and every region, the ``small`` ones without intervals."""
    results = []
    for part in (pooled(sums), *(only(sums, [i]) for i in range(len(sums.cohorts)))):
        rate, difference = intervals(
            part, [Contrast((0, 0)), Contrast((0, 0), (0, 1))], resampling)
        if part.cohorts[0] in small:
            rate, difference = without_bounds(rate), without_bounds(difference)
        results.append(RegionResult(region=part.cohorts[0], rate=rate, difference=difference))
    return results
