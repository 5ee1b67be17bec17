"""Error rates of the arms of a verification experiment, and how they differ between arms.

A group's trials are those between two of its speakers: the harder impostors. A gap is the
largest minus the smallest equal error rate of a group, a deviation their standard deviation
over groups with divisor n (ddof 0), as Jin et al. 2022 report it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
from scipy import stats

from evalkit.statistics.bootstrap import Resampling, counts
from evalkit.statistics.detection import (
    DetectionInterval,
    Trials,
    corners_of,
    detection_intervals,
    global_threshold,
    sorted_trials,
)
from evalkit.statistics.detection_groups import by_group, group_labels
from evalkit.statistics.labels import UNKNOWN
from evalkit.statistics.verification import if_large, large_enough
from evalkit.store.documents.mitigation import (
    ArmChange,
    DetectionRate,
    DetectionRates,
    SeedResult,
    StoppedTraining,
)
from evalkit.store.trials import crossing

Groupings = Mapping[str, Mapping[str, str]]
"""By the name of a column, the group of every speaker."""

SPREADS: dict[str, Callable[..., Any]] = {"gap": np.ptp, "deviation": np.std}


class Training(NamedTuple):
    """How a model came about: its seed, where training was stopped on each split, and the mean
    weight of each group's training utterances by column."""

    seed: int | None
    stopped: list[StoppedTraining]
    weights: dict[str, dict[str, float]]


@dataclass(frozen=True)
class EvaluatedArm:
    """One arm from one seed: its trials, the groups of the speakers, and the equal error rates,
    gaps and deviations (1 + draws,), the first without resampling."""

    trials: Trials
    groupings: Groupings
    drawn: Mapping[str, np.ndarray]


def evaluate(trials: pd.DataFrame, speakers: Mapping[str, str], groupings: Groupings,
           resampling: Resampling) -> EvaluatedArm:
    """``trials`` have columns enroll_id, test_id, label and score. Draws of speakers are the
    same for every arm of the same trials."""
    known = sorted_trials(trials, speakers)
    return EvaluatedArm(known, groupings, _errors_drawn(known, groupings, resampling))


def seed_result(arm: EvaluatedArm, resampling: Resampling, training: Training | None = None
                ) -> SeedResult:
    """Rates with intervals over speakers, overall and by group, false acceptance and rejection at
    the one threshold where they are equal overall, gaps and deviations. A group that is too small
    has no interval."""
    threshold = global_threshold(arm.trials)
    groups = {name: {g.group: _rates(if_large(g.rates)) for g in by_group(
        arm.trials, of_speaker, threshold, resampling=resampling)}
        for name, of_speaker in arm.groupings.items()}
    gap, deviation = ({name: float(arm.drawn[f"{spread}:{name}"][0]) for name in arm.groupings}
                      for spread in SPREADS)
    seed, stopped, weights = training or Training(None, [], {})
    return SeedResult(
        seed=seed, stopped=stopped, weights=weights, threshold=threshold,
        overall=_rates(detection_intervals(arm.trials, threshold, resampling)),
        groups=groups, gap=gap, deviation=deviation)


def changes(before: Sequence[EvaluatedArm], after: Sequence[EvaluatedArm],
            resampling: Resampling) -> dict[str, ArmChange]:
    """``after`` less ``before``, both from the same seeds, or ``before`` from none and so alone:
    of the equal error rate overall and of every group, of every gap and deviation, the mean over
    seeds. Intervals rest on the same draws of speakers on both sides: their standard deviation
    times Student's t; a group that is too small has none. They say what other speakers would
    change, for the models at hand; how far seeds differ is in ``seeds``."""
    n = len(after[0].trials.speakers)
    bases = list(before) * len(after) if len(before) == 1 else before
    pairs = list(zip(bases, after, strict=True))
    return {name: _change(np.stack([b.drawn[name] for b, _ in pairs]),
                          np.stack([a.drawn[name] for _, a in pairs]), n, resampling)
            for name in after[0].drawn}


def _change(before: np.ndarray, after: np.ndarray, n: int, resampling: Resampling) -> ArmChange:
    """Of values (seeds, 1 + draws)."""
    differences = after - before
    difference = differences.mean(axis=0)
    drawn = difference[1:][~np.isnan(difference[1:])]
    reach = float(stats.t.ppf(resampling.tails[1], n - 1) * drawn.std()) if len(drawn) else np.nan
    return ArmChange(before=before[:, 0].mean(), after=after[:, 0].mean(), value=difference[0],
                     low=difference[0] - reach, high=difference[0] + reach,
                     seeds=differences[:, 0].tolist())


def _errors_drawn(trials: Trials, groupings: Groupings,
                  resampling: Resampling) -> dict[str, np.ndarray]:
    n = len(trials.speakers)
    blocks = counts(n, resampling.draws, np.random.SeedSequence(resampling.seed))
    weights = np.concatenate([np.ones((1, n)), *blocks])
    drawn = {"overall": _equal_errors(trials, weights)}
    for name, groups in groupings.items():
        labels = group_labels(trials, groups)
        inside = {g: np.flatnonzero((labels[trials.enrol] == g) & (labels[trials.test] == g))
                  for g in sorted(set(labels) - {UNKNOWN})}
        errors = {g: _equal_errors(trials.take(rows), weights) for g, rows in inside.items()}
        drawn |= {f"{name}={g}": rates if _is_large(trials.take(inside[g])) else
                  np.where(np.arange(len(rates)) == 0, rates, np.nan)
                  for g, rates in errors.items()}
        defined = [rates for rates in errors.values() if not np.isnan(rates[0])]
        stacked = np.stack(defined) if len(defined) > 1 else np.full((1, len(weights)), np.nan)
        drawn |= {f"{spread}:{name}": measure(stacked, axis=0)
                  for spread, measure in SPREADS.items()}
    return drawn


def _is_large(trials: Trials) -> bool:
    """Whether the draws of a group with these ``trials`` say anything."""
    n_speakers = len(np.unique(np.concatenate([trials.enrol, trials.test])))
    return large_enough(n_speakers, int(trials.target.sum()))


def _equal_errors(trials: Trials, weights: np.ndarray) -> np.ndarray:
    """The equal error rate (k,) for each row of weights of speakers (k, speakers)."""
    corners = corners_of(trials)
    return np.array([crossing(corners.curve(weight)).value for weight in weights])


def _rates(rates: Mapping[str, DetectionInterval]) -> DetectionRates:
    counted = next(iter(rates.values()))
    shown = {name: DetectionRate(value=rate.value, low=rate.low, high=rate.high,
                                 warning=rate.warning) for name, rate in rates.items()}
    return DetectionRates(
        n_targets=counted.n_targets, n_nontargets=counted.n_nontargets,
        n_speakers=counted.n_speakers, eer=shown["eer"], frr=shown.get("miss"),
        far=shown.get("false_alarm"), min_dcf=shown.get("min_dcf_p0.01"))
