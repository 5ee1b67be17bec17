"""How speaker verification differs between groups: rates of each, and whether errors at one
threshold are more unequal than chance makes them."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.detection import (
    AT_ONCE,
    FEWER_DRAWS,
    DetectionInterval,
    Trials,
    detection_intervals,
)
from evalkit.statistics.labels import UNKNOWN
from evalkit.statistics.permutation import p_value
from evalkit.store.scores import ratio

if TYPE_CHECKING:
    from scipy import sparse

Rule = Literal["both", "enrol", "either"]
"""Which trials are a group's: those whose two speakers are both of it, whose enrolled speaker
is, or either of whose speakers is. Same-group impostors are the harder ones."""


@dataclass(frozen=True)
class GroupDetection:
    """A group's own equal error rate and costs, and at the global threshold its miss (false
    rejection) and false-alarm (false acceptance) rates."""

    group: str
    rates: dict[str, DetectionInterval]


@dataclass(frozen=True)
class DetectionFairness:
    """At one ``threshold`` for everybody: ``fdr``, the fairness discrepancy rate (Pereira &
    Marcel 2021; 1 is fair), ``garbe``, the Gini aggregation rate for biometric equitability
    (Howard et al. 2022; 0 is fair), both with weight ``alpha`` on false alarms. ``expected_*``
    and ``p_*`` are what speakers with permuted groups give."""

    threshold: float
    alpha: float
    fdr: float
    garbe: float
    expected_fdr: float
    expected_garbe: float
    p_fdr: float
    p_garbe: float


def by_group(trials: Trials, groups: Mapping[str, str], threshold: float, rule: Rule = "both",
             resampling: Resampling = FEWER_DRAWS) -> list[GroupDetection]:
    """``detection_intervals`` of every group's trials under ``rule``, at the global
    ``threshold``; ``groups`` maps speakers to groups, those it lacks are "unknown"."""
    names, place = np.unique(group_labels(trials, groups), return_inverse=True)
    at, group = _memberships(trials, place, rule)
    rates = []
    for i, name in enumerate(names):
        rates.append(GroupDetection(str(name), detection_intervals(
            trials.take(np.sort(at[group == i])), threshold, resampling)))
    return rates


def count_by_group(trials: Trials, groups: Mapping[str, str], rule: Rule = "both"
                   ) -> dict[str, int]:
    """How many of ``trials`` are each group's under ``rule``; groups as ``by_group`` has them."""
    names, place = np.unique(group_labels(trials, groups), return_inverse=True)
    _, group = _memberships(trials, place, rule)
    return dict(zip(map(str, names), np.bincount(group, minlength=len(names)).tolist(),
                    strict=True))


def fairness(trials: Trials, groups: Mapping[str, str], threshold: float, rule: Rule = "both", *,
             alpha: float = 0.5, resampling: Resampling = FEWER_DRAWS) -> DetectionFairness:
    """FDR and GARBE of the groups at ``threshold``, beside what groups permuted over speakers
    give. Speakers without a group, and groups without both kinds of trial, have no part."""
    label = group_labels(trials, groups)
    known = np.flatnonzero(label != UNKNOWN)
    names, code = np.unique(label[known], return_inverse=True)
    counted = _counted(trials, threshold)
    rng = np.random.default_rng(resampling.seed)

    def unfairness(codes: Sequence[np.ndarray]) -> Iterator[tuple[float, float]]:
        member = np.zeros((len(label), len(codes), len(names)))
        member[known[:, None], np.arange(len(codes)), np.transpose(codes)] = 1.0
        sums = [_within(pairs, member.reshape(len(label), -1), rule).reshape(len(codes), -1)
                for pairs in counted]
        for miss, false_alarm in zip(ratio(*sums[:2]), ratio(*sums[2:]), strict=True):
            yield _unfairness(miss, false_alarm, alpha)

    seen = np.array(*unfairness([code]))
    n, some = resampling.draws, max(1, AT_ONCE // (len(label) * len(names)))
    null = np.array([each for first in range(0, n, some) for each in unfairness(
        [rng.permutation(code) for _ in range(first, min(first + some, n))])])
    p = p_value(seen, null)
    chance = np.nanmean(null, axis=0)
    return DetectionFairness(
        threshold, alpha, fdr=float(1 - seen[0]), garbe=float(seen[1]),
        expected_fdr=float(1 - chance[0]), expected_garbe=float(chance[1]),
        p_fdr=float(p[0]), p_garbe=float(p[1]))


def gini(rates: np.ndarray) -> float:
    """Gini coefficient of ``rates`` (n,) with the small-sample factor n / (n - 1): 0 where all
    are equal, 1 where one group has all errors (Howard et al. 2022, equation 5)."""
    n, mean = len(rates), rates.mean()
    if n < 2 or mean == 0:
        return 0.0 if n >= 2 else np.nan
    differences = np.abs(rates[:, None] - rates[None, :]).sum()
    return float(n / (n - 1) * differences / (2 * n**2 * mean))


def group_labels(trials: Trials, groups: Mapping[str, str]) -> np.ndarray:
    """The group of every speaker code, "unknown" where ``groups`` has none."""
    return np.array([groups.get(speaker, UNKNOWN) for speaker in trials.speakers], object)


def _memberships(trials: Trials, place: np.ndarray, rule: Rule) -> tuple[np.ndarray, np.ndarray]:
    """Indices of trials and the group each counts in, from the groups of speakers (-1: none)."""
    enrol, test = place[trials.enrol], place[trials.test]
    inside = (enrol >= 0) & ((enrol == test) | (rule != "both"))
    also = (test >= 0) & (test != enrol) & (rule == "either")
    at = np.concatenate([np.flatnonzero(inside), np.flatnonzero(also)])
    return at, np.concatenate([enrol[inside], test[also]])


def _counted(trials: Trials, threshold: float) -> list[sparse.csr_array]:
    """By pair of speakers (enrolled, tested): misses, target trials, false alarms, others."""
    from scipy import sparse

    accepted = trials.scores >= threshold
    shape = (len(trials.speakers),) * 2
    return [sparse.coo_array((of.astype(float), (trials.enrol, trials.test)), shape).tocsr()
            for of in (trials.target & ~accepted, trials.target, ~trials.target & accepted,
                       ~trials.target)]


def _within(pairs: sparse.csr_array, member: np.ndarray, rule: Rule) -> np.ndarray:
    """Sums (groups,) of ``pairs`` under ``rule``, by who is a ``member`` (speakers, groups)."""
    both: np.ndarray = (member * (pairs @ member)).sum(axis=0)
    if rule == "both":
        return both
    enrol: np.ndarray = pairs.sum(axis=1) @ member
    return enrol if rule == "enrol" else enrol + pairs.sum(axis=0) @ member - both


def _unfairness(miss: np.ndarray, false_alarm: np.ndarray, alpha: float) -> tuple[float, float]:
    """1 - FDR and GARBE of rates (groups,); NaN where fewer than two groups have both."""
    both = ~np.isnan(miss + false_alarm)
    if both.sum() < 2:
        return np.nan, np.nan
    miss, false_alarm = miss[both], false_alarm[both]
    gap = alpha * np.ptp(false_alarm) + (1 - alpha) * np.ptp(miss)
    return float(gap), alpha * gini(false_alarm) + (1 - alpha) * gini(miss)
