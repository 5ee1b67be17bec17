"""Speaker-verification trials: one row per (pipeline, condition, enrolment, test) with a score.

A trial is accepted where its score reaches the threshold. Error rates of trials are not
additive, so they have no rows in the scores table. A trial whose score is NaN failed: it is
left out of every rate and counted in ``n_failed``.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd
import pyarrow as pa
from numpy.typing import ArrayLike

from evalkit.core.errors import RunError
from evalkit.core.types import Fact
from evalkit.store.scores import read_columns

SCHEMA = pa.schema([
    ("pipeline", pa.string()), ("condition", pa.string()),
    ("enroll_id", pa.string()), ("test_id", pa.string()),
    ("label", pa.bool_()), ("score", pa.float64()),
])
KEYS = ["pipeline", "condition"]
FILLED = (*KEYS, "enroll_id", "test_id", "label")
"""Columns without missing values; a failed trial has no score."""
NO_SCORE = "NoScore: an embedding or a score is missing"
"""How a trial failed."""

_DCF = ("Smallest C_miss P_target P_miss + C_fa (1 - P_target) P_fa over all thresholds, with "
        "P_target = {p} and costs 1, divided by the cost of the better trivial decision")
FACTS: dict[str, Fact] = {
    "eer": Fact("%", False, "Equal error rate: where the miss and false-alarm rates cross, "
                "tied scores grouped, interpolated linearly between thresholds",
                title="Equal error rate"),
    "min_dcf_p0.01": Fact("", False, _DCF.format(p=0.01), decimals=3,
                          title="Minimum detection cost, prior 0.01"),
    "min_dcf_p0.05": Fact("", False, _DCF.format(p=0.05), decimals=3,
                          title="Minimum detection cost, prior 0.05"),
}


def read_trials(run: Path | str) -> pd.DataFrame:
    """A run's trials, with the columns of SCHEMA.

    Raises RunError where there are none or the file is not a table of trials."""
    path = Path(run) / "trials.parquet"
    try:
        return read_columns(path, SCHEMA.names, FILLED, SCHEMA).to_pandas()
    except FileNotFoundError as error:
        raise RunError(f"{path}: no trials; give a pipeline a speaker encoder") from error
    except (pa.ArrowException, OSError) as error:
        raise RunError(f"{path}: not a table of trials: {error}") from error


@dataclass(frozen=True)
class DetectionCurve:
    """Error rates at every threshold where they change: three arrays of shape (k,), the
    thresholds ascending and the last one infinite. ``miss`` rises from 0 to 1, ``false_alarm``
    falls from 1 to 0; a rate is NaN where its class has no trials."""

    thresholds: np.ndarray
    miss: np.ndarray
    false_alarm: np.ndarray


@dataclass(frozen=True)
class EqualErrorRate:
    """``value`` in [0, 1]; ``threshold`` is the score whose two error rates are nearest to
    each other. Both are NaN where a class has no trials."""

    value: float
    threshold: float


def detection_curve(scores: np.ndarray, labels: np.ndarray) -> DetectionCurve:
    """The detection error trade-off of ``scores`` (n,), higher meaning more alike, with
    ``labels`` (n,) true for target trials. Ties share a threshold, so that the order of the
    trials cannot matter. O(n log n)."""
    targets, nontargets = _sorted_classes(scores, labels)
    both = np.concatenate([targets, nontargets])
    both.sort(kind="stable")  # a merge of two sorted runs
    distinct = np.ones(len(both), bool)
    np.not_equal(both[1:], both[:-1], out=distinct[1:])
    below = np.append(np.flatnonzero(distinct), len(both))
    thresholds = np.append(both[distinct], np.inf)
    rejected = np.searchsorted(targets, thresholds)
    accepted = len(nontargets) - (below - rejected)
    return DetectionCurve(thresholds, _rate(rejected, len(targets)),
                          _rate(accepted, len(nontargets)))


def equal_error_rate(scores: np.ndarray, labels: np.ndarray) -> EqualErrorRate:
    """Where the miss and false-alarm rates of ``detection_curve`` cross, by linear
    interpolation: 0 for perfectly separated classes, 1 for inverted ones, 1/2 where all scores
    are equal, NaN where a class has no trials."""
    return crossing(detection_curve(scores, labels))


def crossing(curve: DetectionCurve) -> EqualErrorRate:
    """The equal error rate of a curve."""
    excess = curve.miss - curve.false_alarm
    if len(excess) < 2 or np.isnan(excess[0]):
        return EqualErrorRate(np.nan, np.nan)
    after = int(np.searchsorted(excess, 0.0))
    before = after - 1
    share = -excess[before] / (excess[after] - excess[before])
    value = curve.miss[before] + share * (curve.miss[after] - curve.miss[before])
    return EqualErrorRate(float(value), float(curve.thresholds[before if share <= 0.5 else after]))


def min_dcf(scores: np.ndarray, labels: np.ndarray, p_target: float, *, c_miss: float = 1.0,
            c_fa: float = 1.0) -> float:
    """Smallest detection cost over all thresholds, divided by that of always accepting or
    always rejecting, whichever is cheaper (NIST speaker recognition evaluations): in [0, 1],
    NaN where a class has no trials."""
    return lowest_cost(detection_curve(scores, labels), p_target, c_miss=c_miss, c_fa=c_fa)


def lowest_cost(curve: DetectionCurve, p_target: float, *, c_miss: float = 1.0,
                c_fa: float = 1.0) -> float:
    """The normalised minimum detection cost of a curve."""
    miss, false_alarm = c_miss * p_target, c_fa * (1 - p_target)
    cost = miss * curve.miss + false_alarm * curve.false_alarm
    return float(cost.min() / min(miss, false_alarm))


def error_rates(scores: np.ndarray, labels: np.ndarray, threshold: float) -> tuple[float, float]:
    """Miss and false-alarm rates in [0, 1] at a fixed threshold, NaN without such trials."""
    targets, nontargets = _classes(scores, labels)
    return (float(_rate(np.sum(targets < threshold), len(targets))),
            float(_rate(np.sum(nontargets >= threshold), len(nontargets))))


SUMMARIES = {
    "min_dcf_p0.01": partial(lowest_cost, p_target=0.01),
    "min_dcf_p0.05": partial(lowest_cost, p_target=0.05),
}


def summarise_trials(trials: pd.DataFrame, by: Sequence[str] = KEYS,
                     speakers: Mapping[str, str] | None = None) -> pd.DataFrame:
    """One row a group of ``by`` and a metric of FACTS, sorted, with columns ``value``,
    ``threshold`` (of the equal error rate, NaN otherwise), ``n`` (trials with a score),
    ``n_failed`` and, where ``speakers`` maps utterance ids to them, ``n_speakers``."""
    by = list(by)
    rows = []
    for key, group in trials.groupby(by, sort=True, dropna=False, observed=True):
        where = dict(zip(by, key, strict=True))
        rows += [where | row for row in _summary(group, speakers)]
    columns = [*by, "metric", "value", "threshold", "n", "n_failed"]
    return pd.DataFrame(rows, columns=columns + (["n_speakers"] if speakers is not None else []))


def _summary(trials: pd.DataFrame, speakers: Mapping[str, str] | None) -> list[dict[str, object]]:
    failed = trials["score"].isna()
    measured = trials[~failed]
    curve = detection_curve(measured["score"].to_numpy(float), measured["label"].to_numpy(bool))
    counts = {"n": len(measured), "n_failed": int(failed.sum())}
    if speakers is not None:
        ids = pd.concat([measured["enroll_id"], measured["test_id"]])
        counts["n_speakers"] = pd.Series(ids.unique()).map(speakers).nunique()
    eer = crossing(curve)
    rows: list[dict[str, object]] = [
        {"metric": "eer", "value": eer.value, "threshold": eer.threshold} | counts]
    rows += [{"metric": name, "value": formula(curve), "threshold": np.nan} | counts
             for name, formula in SUMMARIES.items()]
    return rows


def _classes(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Scores of target and of other trials; NaN ones left out."""
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    known = ~np.isnan(scores)
    return scores[labels & known], scores[~labels & known]


def _sorted_classes(scores: np.ndarray, labels: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    targets, nontargets = _classes(scores, labels)
    targets.sort()
    nontargets.sort()
    return targets, nontargets


def _rate(count: ArrayLike, total: int) -> np.ndarray:
    return np.asarray(count) / total if total else np.full(np.shape(count), np.nan)
