"""What the arms of a verification experiment came to, and how they differ from none.

A group's trials are those between two of its speakers: the harder impostors. A gap is the
largest minus the smallest equal error rate of a group, a deviation their standard deviation
over groups with divisor n (ddof 0), as Jin et al. 2022 report it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

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
from evalkit.store.trials import crossing

Groupings = Mapping[str, Mapping[str, str]]
"""By the name of a column, the group of every speaker."""

NAMES = {"eer": "eer", "miss": "frr", "false_alarm": "far", "min_dcf_p0.01": "min_dcf_p0.01"}
SPREADS: dict[str, Callable[..., Any]] = {"gap": np.ptp, "deviation": np.std}


@dataclass(frozen=True)
class Judged:
    """One arm from one seed: its trials, the groups of the speakers, and the equal error rates,
    gaps and deviations (1 + draws,), the first without resampling."""

    trials: Trials
    groupings: Groupings
    drawn: Mapping[str, np.ndarray]


def judged(trials: pd.DataFrame, speakers: Mapping[str, str], groupings: Groupings,
           resampling: Resampling) -> Judged:
    """``trials`` have columns enroll_id, test_id, label and score. Draws of speakers are the
    same for every arm of the same trials."""
    known = sorted_trials(trials, speakers)
    return Judged(known, groupings, _errors_drawn(known, groupings, resampling))


def outcome(arm: Judged, resampling: Resampling) -> dict[str, Any]:
    """Rates in [0, 1] with intervals over speakers, overall and by group, false acceptance (far)
    and rejection (frr) at the one threshold where they are equal overall, gaps and deviations.
    What is undefined is None, with a warning."""
    threshold = global_threshold(arm.trials)
    found = {name: {g.group: _rates(g.rates) for g in by_group(
        arm.trials, groups, threshold, resampling=resampling)}
        for name, groups in arm.groupings.items()}
    spreads = {spread: {name: _number(arm.drawn[f"{spread}:{name}"][0])
                        for name in arm.groupings} for spread in SPREADS}
    return {"threshold": _number(threshold),
            "overall": _rates(detection_intervals(arm.trials, threshold, resampling)),
            "groups": found, **spreads}


def changes(before: Sequence[Judged], after: Sequence[Judged],
            resampling: Resampling) -> dict[str, Any]:
    """``after`` less ``before``, both from the same seeds, or ``before`` from none and so alone:
    of the equal error rate overall and of every group, of every gap and deviation, the mean over
    seeds. Intervals rest on the same draws of speakers on both sides: their standard deviation
    times Student's t. They say what other speakers would change, for the learners at hand; how
    far seeds differ is in ``seeds``."""
    n = len(after[0].trials.speakers)
    bases = list(before) * len(after) if len(before) == 1 else before
    pairs = list(zip(bases, after, strict=True))
    return {name: _change(np.stack([b.drawn[name] for b, _ in pairs]),
                          np.stack([a.drawn[name] for _, a in pairs]), n, resampling)
            for name in after[0].drawn}


def _change(before: np.ndarray, after: np.ndarray, n: int,
            resampling: Resampling) -> dict[str, Any]:
    """Of values (seeds, 1 + draws)."""
    difference = (after - before).mean(axis=0)
    drawn = difference[1:][~np.isnan(difference[1:])]
    reach = float(stats.t.ppf(resampling.tails[1], n - 1) * drawn.std()) if len(drawn) else np.nan
    return {"before": _number(before[:, 0].mean()), "after": _number(after[:, 0].mean()),
            "value": _number(difference[0]), "low": _number(difference[0] - reach),
            "high": _number(difference[0] + reach),
            "seeds": [_number(one) for one in (after - before)[:, 0]]}


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
        errors = {g: _equal_errors(trials.take(at), weights) for g, at in inside.items()}
        drawn |= {f"{name}={g}": e for g, e in errors.items()}
        defined = [e for e in errors.values() if not np.isnan(e[0])]
        stacked = np.stack(defined) if len(defined) > 1 else np.full((1, len(weights)), np.nan)
        drawn |= {f"{spread}:{name}": of(stacked, axis=0) for spread, of in SPREADS.items()}
    return drawn


def _equal_errors(trials: Trials, weights: np.ndarray) -> np.ndarray:
    """The equal error rate (k,) for each row of weights of speakers (k, speakers)."""
    corners = corners_of(trials)
    return np.array([crossing(corners.curve(weight)).value for weight in weights])


def _rates(rates: Mapping[str, DetectionInterval]) -> dict[str, Any]:
    first = next(iter(rates.values()))
    return {"n_targets": first.n_targets, "n_nontargets": first.n_nontargets,
            "n_speakers": first.n_speakers,
            **{name: {"value": _number(rates[of].value), "low": _number(rates[of].low),
                      "high": _number(rates[of].high), "warning": rates[of].warning}
               for of, name in NAMES.items() if of in rates}}


def _number(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None
