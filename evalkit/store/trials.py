"""Speaker-verification trials: one row per (pipeline, condition, enrolment, test) with a score.

A trial is accepted where its score reaches the threshold. Error rates of trials are not
additive, so they have no rows in the scores table. A trial whose score is NaN failed: it is
left out of every rate and counted in ``n_failed``.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

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
BLOCK = 1 << 17
"""Trials looked at at a time."""
NO_SCORE = "NoScore: an embedding or a score is missing or not finite"
"""How a trial failed."""

_DCF = ("Smallest C_miss P_target P_miss + C_fa (1 - P_target) P_fa over all thresholds, with "
        "P_target = {p} and costs 1, divided by the cost of the better trivial decision")
FACTS: dict[str, Fact] = {
    "eer": Fact("%", False, "Equal error rate: where the miss and false-alarm rates cross, "
                "tied scores grouped, interpolated linearly between thresholds",
                title="Equal error rate", bounds=(0.0, 1.0)),
    "min_dcf_p0.01": Fact("", False, _DCF.format(p=0.01), decimals=3, bounds=(0.0, 1.0),
                          title="Minimum detection cost, prior 0.01"),
    "min_dcf_p0.05": Fact("", False, _DCF.format(p=0.05), decimals=3, bounds=(0.0, 1.0),
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
    """Error rates at the corners of the detection error trade-off: three arrays of shape (k,), the
    thresholds ascending and the last one infinite. ``miss`` rises from 0 to 1, ``false_alarm``
    falls from 1 to 0; a rate is NaN where its class has no trials. From one corner to the next one
    rate stands still, or both change at one score, so that no other threshold costs less."""

    thresholds: np.ndarray
    miss: np.ndarray
    false_alarm: np.ndarray


@dataclass(frozen=True)
class EqualErrorRate:
    """``value`` in [0, 1]; ``threshold`` is the score whose two error rates are nearest to
    each other. Both are NaN where a class has no trials."""

    value: float
    threshold: float


class Classes(NamedTuple):
    """The ascending scores of target trials (n,) and of the others (m,)."""

    targets: np.ndarray
    others: np.ndarray

    @classmethod
    def of(cls, scores: ArrayLike, labels: ArrayLike) -> Classes:
        """``scores`` (n,), higher meaning more alike, with ``labels`` (n,) true for target trials;
        NaN scores left out."""
        scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
        return cls(*(_sorted(scores.compress(each)) for each in (labels, ~labels)))

    def curve(self) -> DetectionCurve:
        """Rates at the corners."""
        if len(self.targets) <= len(self.others):
            rejected, below = _corners(self.targets, self.others)
        else:
            below, rejected = _corners(self.others, self.targets)
        thresholds = np.minimum(_score(self.targets, rejected), _score(self.others, below))
        return DetectionCurve(thresholds, *self._rates(rejected, below))

    def at(self, thresholds: ArrayLike) -> DetectionCurve:
        """Rates at ``thresholds``, of any shape."""
        return DetectionCurve(np.asarray(thresholds), *self._rates(
            np.searchsorted(self.targets, thresholds), np.searchsorted(self.others, thresholds)))

    def equal_error_rate(self) -> EqualErrorRate:
        """Where the rates cross, between two neighbouring thresholds that are found by halving."""
        if not (len(self.targets) and len(self.others)):
            return EqualErrorRate(np.nan, np.nan)
        after = min(_first(scores, self._misses_more) for scores in (self.targets, self.others))
        before = max(_last_below(scores, after) for scores in (self.targets, self.others))
        near = self.at([before, after])
        return crossing(DetectionCurve(  # behind a score of infinity nothing is accepted
            np.append(near.thresholds, np.inf), np.append(near.miss, 1.0),
            np.append(near.false_alarm, 0.0)))

    def _rates(self, rejected: np.ndarray, below: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        n, m = len(self.targets), len(self.others)
        return _rate(rejected, n), _rate(m - below, m)

    def _misses_more(self, threshold: float) -> bool:
        rates = self.at(threshold)
        return bool(rates.miss - rates.false_alarm >= 0)


def _sorted(scores: np.ndarray) -> np.ndarray:
    scores.sort()
    return scores[:np.searchsorted(scores, np.nan)]  # which sorts last


def _score(scores: np.ndarray, at: np.ndarray) -> np.ndarray:
    """Those at places ``at``, infinite beyond the last."""
    found = scores.take(at, mode="clip") if len(scores) else np.full(len(at), np.inf)
    found[at == len(scores)] = np.inf
    return found


def _first(scores: np.ndarray, holds: Callable[[float], bool]) -> float:
    """The first of ascending ``scores`` of which ``holds`` is true, as it is of all behind it."""
    at = bisect_left(range(len(scores)), True, key=lambda i: holds(float(scores[i])))
    return float(scores[at]) if at < len(scores) else np.inf


def _last_below(scores: np.ndarray, threshold: float) -> float:
    """The last of ascending ``scores`` below ``threshold``, minus infinity where there is none."""
    return float(scores[:np.searchsorted(scores, threshold)][-1:].max(initial=-np.inf))


def _corners(few: np.ndarray, many: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many of two ascending arrays lie below every corner, (k,) each: found from where the
    values of the shorter one stand in the other, some of them at a time."""
    edges = np.unique(np.searchsorted(few, few[::BLOCK])).tolist()
    found = [np.zeros((1, 2), int), *(_stairs(few, many, *block)
                                      for block in pairwise([*edges, len(few)]))]
    corners = np.concatenate([*found, [[len(few), len(many)]]])
    doubled = np.append(False, (corners[1:] == corners[:-1]).all(axis=1))
    below_few, below_many = corners[~doubled].T
    return below_few, below_many


def _stairs(few: np.ndarray, many: np.ndarray, first: int, last: int) -> np.ndarray:
    """(k, 2) how many of both lie below the corners before and behind the values of
    ``few[first:last]``. Behind a value that the next one follows at once there is none of its own,
    and before that one none where neither is among ``many``: the line goes on."""
    start = max(first - 1, 0)
    values = few[start:last + 1]
    at = np.flatnonzero(np.append(True, values[1:] != values[:-1]))
    low, high = _places(many, values[at])
    joined, alone = high[:-1] == low[1:], low == high
    turns = np.append(True, ~(joined & alone[1:] & alone[:-1]))
    stops = np.append(~joined, True)
    own = slice(first - start, len(at) - (last < len(few)))
    counts = np.stack([at, np.append(at[1:], len(values)), low, high], axis=1)[own]
    counts[:, :2] += start
    kept = np.stack([turns, stops], axis=1)[own]
    return np.stack([counts[:, :2][kept], counts[:, 2:][kept]], axis=1)


def _places(many: np.ndarray, values: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """How many of ``many`` are below each of ascending ``values``, and how many are not above."""
    first, last = np.searchsorted(many, values[0]), np.searchsorted(many, values[-1], "right")
    near = many[first:last]  # which a search has sooner
    low = np.searchsorted(near, values)
    high = low.copy()
    if len(near):
        tied = near.take(low, mode="clip") == values
        high[tied] = np.searchsorted(near, values[tied], "right")
    return low + first, high + first


def detection_curve(scores: ArrayLike, labels: ArrayLike) -> DetectionCurve:
    """The detection error trade-off of ``scores`` (n,), higher meaning more alike, with
    ``labels`` (n,) true for target trials. Ties share a threshold, so that the order of the
    trials cannot matter. O(n log n)."""
    return Classes.of(scores, labels).curve()


def equal_error_rate(scores: ArrayLike, labels: ArrayLike) -> EqualErrorRate:
    """Where the miss and false-alarm rates of all thresholds cross, by linear interpolation: 0 for
    perfectly separated classes, 1 for inverted ones, 1/2 where all scores are equal, NaN where a
    class has no trials."""
    return Classes.of(scores, labels).equal_error_rate()


def crossing(curve: DetectionCurve) -> EqualErrorRate:
    """The equal error rate of a curve, the threshold among its own."""
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
    return float(lowest_costs(curve, p_target, c_miss=c_miss, c_fa=c_fa))


def lowest_costs(curves: DetectionCurve, p_target: float, *, c_miss: float = 1.0,
                 c_fa: float = 1.0) -> np.ndarray:
    """The same of many curves of the same thresholds, whose rates are (thresholds, ...): (...)."""
    miss, false_alarm = c_miss * p_target, c_fa * (1 - p_target)
    cost = miss * curves.miss + false_alarm * curves.false_alarm
    lowest: np.ndarray = cost.min(axis=0) / min(miss, false_alarm)
    return lowest


def error_rates(scores: np.ndarray, labels: np.ndarray, threshold: float) -> tuple[float, float]:
    """Miss and false-alarm rates in [0, 1] at a fixed threshold, NaN without such trials."""
    scores, labels = np.asarray(scores, float), np.asarray(labels, bool)
    targets, others = scores.compress(labels), scores.compress(~labels)
    return (float(_rate(np.sum(targets < threshold), np.sum(~np.isnan(targets)))),
            float(_rate(np.sum(others >= threshold), np.sum(~np.isnan(others)))))


SUMMARIES = {
    "min_dcf_p0.01": partial(lowest_costs, p_target=0.01),
    "min_dcf_p0.05": partial(lowest_costs, p_target=0.05),
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
    classes = Classes.of(measured["score"].to_numpy(float), measured["label"].to_numpy(bool))
    curve, eer = classes.curve(), classes.equal_error_rate()
    counts = {"n": len(measured), "n_failed": int(failed.sum())}
    if speakers is not None:
        ids = pd.concat([measured["enroll_id"], measured["test_id"]])
        counts["n_speakers"] = pd.Series(ids.unique()).map(speakers).nunique()
    rows: list[dict[str, object]] = [
        {"metric": "eer", "value": eer.value, "threshold": eer.threshold} | counts]
    rows += [{"metric": name, "value": float(formula(curve)), "threshold": np.nan} | counts
             for name, formula in SUMMARIES.items()]
    return rows


def _rate(count: ArrayLike, total: int) -> np.ndarray:
    return np.asarray(count) / total if total else np.full(np.shape(count), np.nan)
