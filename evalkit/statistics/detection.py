"""Error rates of speaker verification with intervals.

A draw takes speakers with replacement; a trial between two speakers counts as often as the
product of their draws, a target trial as often as its speaker was drawn, so that both sides
of every trial are resampled (the vertex bootstrap of Snijders & Borgatti 1999). Trials that
share a speaker are not independent, and resampling trials would take them for it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

import numpy as np
import pandas as pd
from scipy import special

from evalkit.statistics.bootstrap import FEW_SPEAKERS, Resampling, counts
from evalkit.store.scores import ratio
from evalkit.store.trials import SUMMARIES, DetectionCurve, equal_error_rate

if TYPE_CHECKING:
    from scipy import sparse

FEWER_DRAWS = Resampling(draws=1_000)
"""Enough for a standard error, and every draw passes over all trials."""
AT_ONCE = 1 << 17
"""Numbers that are worked on together, of pairs and draws: what stays in a processor's cache."""


@dataclass(frozen=True)
class DetectionInterval:
    """A rate or cost of trials with its interval, NaN with a ``warning`` where undefined, and its
    standard error ``se`` over speakers."""

    metric: str
    value: float
    low: float
    high: float
    n_targets: int
    n_nontargets: int
    n_speakers: int
    warning: str | None = None
    se: float = np.nan


class Trials(NamedTuple):
    """Trials with scores, sorted by score: scores (n,), target or not (n,), and the codes of
    the enrolled and the tested speaker (n,) among ``n_speakers``."""

    scores: np.ndarray
    target: np.ndarray
    enrol: np.ndarray
    test: np.ndarray
    speakers: np.ndarray

    def take(self, at: np.ndarray) -> Trials:
        """The trials with the ascending indices ``at``."""
        return Trials(self.scores[at], self.target[at], self.enrol[at], self.test[at],
                      self.speakers)


def sorted_trials(trials: pd.DataFrame, speakers: Mapping[str, str]) -> Trials:
    """``trials`` (evalkit.store.trials.SCHEMA) of one pipeline and condition whose score is known.
    An utterance that ``speakers`` does not name is a speaker of its own."""
    measured = trials[trials["score"].notna()]
    scores = measured["score"].to_numpy(float)
    order = np.argsort(scores, kind="stable")
    sides, ids = pd.factorize(pd.concat([measured["enroll_id"], measured["test_id"]]))
    utterances = pd.Series(ids, dtype=object)
    named = utterances.map(speakers).astype(object)
    speaker, names = pd.factorize(named.where(named.notna(), utterances), sort=True)
    enrol, test = speaker[sides].reshape(2, -1)[:, order]
    return Trials(scores[order], measured["label"].to_numpy(bool)[order], enrol, test,
                  np.asarray(names, object))


class _Class(NamedTuple):
    """The target trials, or the others: who the two speakers of their pairs are, and how many
    trials each pair has between the corners, (corners, pairs). Where both sides are one speaker,
    ``other`` is a place after the last."""

    speaker: np.ndarray
    other: np.ndarray
    between: sparse.csr_array

    @classmethod
    def of(cls, speaker: np.ndarray, other: np.ndarray, n: int, below: np.ndarray) -> _Class:
        """Of trials by score, of ``n`` speakers, of which so many lie ``below`` every corner."""
        from scipy import sparse

        pairs, pair = np.unique(speaker * (n + 1) + other, return_inverse=True)
        speaker, other = np.divmod(pairs, n + 1)
        corner = np.repeat(np.arange(len(below)), np.diff(below, prepend=0))
        return cls(speaker, other, sparse.coo_array(
            (np.ones(len(pair)), (corner, pair)), (len(below), len(speaker))).tocsr())

    def rejected(self, often: np.ndarray) -> np.ndarray:
        """Share of the trials below every corner, NaN where there is none, (corners, ...)."""
        others = np.concatenate([often, np.ones((1, *often.shape[1:]))])
        below = np.cumsum(self.between @ (often[self.speaker] * others[self.other]), axis=0)
        return ratio(below, np.broadcast_to(below[-1], below.shape))


class Corners(NamedTuple):
    """``evalkit.store.trials.detection_curve`` of the same trials for any number of draws of
    speakers, at its corners. From one corner to the next one of its two rates stands still, so that
    neither the crossing of the rates nor the lowest cost can be missed."""

    thresholds: np.ndarray
    targets: _Class
    others: _Class

    def curve(self, often: np.ndarray) -> DetectionCurve:
        """The curve where every speaker counts ``often`` times, (speakers,), or the rates (corners,
        ...) of many curves where they count (speakers, ...)."""
        return DetectionCurve(self.thresholds, self.targets.rejected(often),
                              1 - self.others.rejected(often))


def corners_of(trials: Trials, threshold: float | None = None) -> Corners:
    """Where the class of the trials changes, by score, and at the ``threshold``."""
    n = len(trials.scores)
    starts = np.flatnonzero(np.append(True, trials.scores[1:] != trials.scores[:-1])[:n])
    some = [np.logical_or.reduceat(of, starts) if n else of
            for of in (trials.target, ~trials.target)]
    mixed = some[0] & some[1]
    inner = mixed | np.append(True, mixed[:-1] | (some[0][1:] != some[0][:-1]))[:len(starts)]
    at = [] if threshold is None else [int(np.searchsorted(trials.scores, threshold))]
    edges = np.unique(np.concatenate([[0], starts[inner], at, [n]]).astype(int))
    before = np.append(0, np.cumsum(trials.target))[edges]
    people = len(trials.speakers)
    other = np.where(trials.enrol == trials.test, people, trials.test)
    parts = [_Class.of(trials.enrol[of], other[of], people, below)
             for of, below in ((trials.target, before), (~trials.target, edges - before))]
    return Corners(np.append(trials.scores[edges[:-1]], np.inf), *parts)


def detection_intervals(trials: Trials, threshold: float | None = None,
                        resampling: Resampling = FEWER_DRAWS) -> dict[str, DetectionInterval]:
    """Equal error rate and minimum costs, and with a ``threshold`` the miss and false-alarm
    rates at it, each with an interval from the same draws of speakers: their standard
    deviation, carried to the logit scale for rates, times Student's t with speakers - 1 degrees
    of freedom."""
    corners = corners_of(trials, threshold)
    value = _values(corners, len(trials.speakers), threshold)
    n_targets = int(trials.target.sum())
    n = len(np.unique(np.concatenate([trials.enrol, trials.test])))
    drawn = (_draws(trials, corners, threshold, resampling) if n
             else np.full((1, len(value)), np.nan))
    warning = None if n >= FEW_SPEAKERS else (
        f"{n} speakers: fewer than {FEW_SPEAKERS}, the interval is approximate")
    rates = {}
    for i, (name, estimate) in enumerate(value.items()):
        se = _deviation(drawn[:, i]) if n > 1 else np.nan
        low, high, why = rate_bounds(estimate, se, n, resampling, is_cost=name in SUMMARIES)
        rates[name] = DetectionInterval(name, estimate, low, high, n_targets,
                                        len(trials.scores) - n_targets, n, why or warning, se)
    return rates


def speaker_values(trials: Trials) -> dict[str, np.ndarray]:
    """Values of the equal error rate and of the minimum costs, one for each of ``trials``'
    speakers: their mean is the rate, and their standard error that of deleting every speaker,
    with all trials that it has part in, in turn (the jackknife's pseudo-values, Tukey 1958,
    without its correction of bias). NaN for speakers without a trial, and everywhere where
    the rate is undefined with any of them deleted."""
    corners, n = corners_of(trials), len(trials.speakers)
    whole = _values(corners, n)
    present = np.unique(np.concatenate([trials.enrol, trials.test]))
    without = _drawn(corners, ~np.eye(n, dtype=bool)[present])
    values = np.full((n, len(whole)), np.nan)
    values[present] = np.array(list(whole.values())) + (len(present) - 1) * (
        without.mean(axis=0) - without)
    return dict(zip(whole, values.T, strict=True))


def global_threshold(trials: Trials) -> float:
    """The threshold of the equal error rate over all trials."""
    return equal_error_rate(trials.scores, trials.target).threshold


def _draws(trials: Trials, corners: Corners, threshold: float | None, resampling: Resampling
           ) -> np.ndarray:
    """Every rate and cost in every draw of speakers, (draws, rates)."""
    present = np.unique(np.concatenate([trials.enrol, trials.test]))
    drawn = []
    for block in counts(len(present), resampling.draws,
                        np.random.SeedSequence(resampling.seed)):
        often = np.zeros((len(block), len(trials.speakers)))
        often[:, present] = block
        drawn.append(_drawn(corners, often, threshold))
    return np.concatenate(drawn)


def _crossings(curves: DetectionCurve) -> np.ndarray:
    """The equal error rates of many curves of the same thresholds, whose rates are
    (thresholds, ...): (...)."""
    excess = curves.miss - curves.false_alarm
    if len(excess) < 2:
        return np.full(excess.shape[1:], np.nan)
    after = np.clip((excess < 0).sum(axis=0, keepdims=True), 1, len(excess) - 1)
    below, above, miss, more = (np.take_along_axis(of, at, axis=0)[0] for of in (
        excess, curves.miss) for at in (after - 1, after))
    found: np.ndarray = miss + -below / (above - below) * (more - miss)
    return found


def _drawn(corners: Corners, often: np.ndarray, threshold: float | None = None) -> np.ndarray:
    """``_rates`` of draws in which speakers count ``often`` times (draws, speakers), some draws at
    a time: (draws, rates)."""
    step = max(1, AT_ONCE // (1 + len(corners.targets.speaker) + len(corners.others.speaker)))
    parts = [np.stack(list(_rates(corners, often[start:start + step].T.astype(float), threshold)
                           .values()), axis=-1) for start in range(0, len(often), step)]
    return np.concatenate(parts) if parts else np.empty((0, 1 + len(SUMMARIES)))


def _deviation(drawn: np.ndarray) -> float:
    return float(np.nanstd(drawn)) if not np.isnan(drawn).all() else np.nan


def rate_bounds(value: float, se: float, n: int, resampling: Resampling, *, is_cost: bool = False
                ) -> tuple[float, float, str | None]:
    """Bounds of a rate with the standard error ``se`` over ``n`` speakers, on the logit scale, or
    of a cost, which reaches 1 and does not pass it, on its own; or why there are none."""
    if np.isnan(value):
        return np.nan, np.nan, "no target trials, or no others: undefined"
    if not ((is_cost or 0 < value < 1) and se > 0):
        return np.nan, np.nan, f"{n} speakers and a value of {value:g}: no interval"
    reach = special.stdtrit(n - 1, resampling.tails[1]) * se * np.array([-1.0, 1.0])
    low, high = (np.clip(value + reach, 0.0, 1.0) if is_cost else
                 special.expit(special.logit(value) + reach / (value * (1 - value))))
    return float(low), float(high), None


def _values(corners: Corners, n: int, threshold: float | None = None) -> dict[str, float]:
    """Every rate and cost where each of ``n`` speakers counts once."""
    return {name: float(value) for name, value in _rates(corners, np.ones(n), threshold).items()}


def _rates(corners: Corners, often: np.ndarray, threshold: float | None = None
           ) -> dict[str, np.ndarray]:
    """Every rate and cost (...) where speakers count ``often`` times, (speakers, ...)."""
    curve = corners.curve(often)
    rates = {"eer": _crossings(curve)}
    rates |= {name: formula(curve) for name, formula in SUMMARIES.items()}
    if threshold is not None:
        at = int(np.searchsorted(curve.thresholds, threshold))  # beyond the last where NaN
        rates |= {name: rate[at] if at < len(rate) else np.full(rate.shape[1:], np.nan)
                  for name, rate in (("miss", curve.miss), ("false_alarm", curve.false_alarm))}
    return rates
