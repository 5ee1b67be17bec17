"""What changed: paired differences of every score and scope, tested together."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, NamedTuple

import numpy as np

from evalkit.compare.baseline import Key
from evalkit.compare.gates import Scope
from evalkit.compare.pairing import Paired, Pairing
from evalkit.statistics.bootstrap import DEFAULT, Contrast, Interval, Resampling, intervals
from evalkit.statistics.groups import FLOORS, NOTHING
from evalkit.statistics.paired_permutation import fewest_speakers, flip_signs, p_values, step_down
from evalkit.statistics.sums import SpeakerSums
from evalkit.store.scores import ratio

Verdict = Literal["worse", "better", "no change found", "insufficient"]
At = tuple[Key, Scope]


@dataclass(frozen=True)
class Change:
    """One score of one scope in both versions. ``change`` is candidate minus base in the
    metric's unit and ``worsening`` the same with the sign that makes more of it worse. ``n``
    counts paired utterances, or trials. ``p_adjusted`` is over all gated changes where a gate
    asks for this one, and over all changes shown where none does. Where ``why`` says that the
    change cannot be judged, the verdict is "insufficient"."""

    pipeline: str
    condition: str
    metric: str
    scope: Scope
    base: float
    candidate: float
    change: Interval
    worsening: float
    most_worsening: float
    """The bound of the interval on the bad side."""
    n: int
    n_failed_base: int
    n_failed_candidate: int
    why: str | None
    p_value: float = np.nan
    p_adjusted: float = np.nan
    verdict: Verdict = "insufficient"

    @property
    def at(self) -> At:
        """Which change it is."""
        return (self.pipeline, self.condition, self.metric), self.scope


@dataclass(frozen=True)
class Finding:
    """A change that is not yet tested, and what every speaker contributes to it, NaN for those
    who have no part."""

    change: Change
    contributions: np.ndarray


def scopes(pairing: Pairing, key: Key, scope: Scope) -> Iterator[Scope]:
    """What a gate's scope stands for in one score, groups by name; nothing where there is no
    such group, or for a gap no two."""
    if not scope.column:
        yield scope
    elif scope.kind in {"group", "every"}:
        yield from (Scope("group", scope.column, group)
                    for group in pairing.base.groups(scope.column)
                    if scope.kind == "every" or group == scope.group)
    else:
        ranked = pairing.ranked(key, scope.column)
        if scope.kind == "worst" and ranked:
            yield scope._replace(group=ranked[-1])
        elif len(ranked) > 1:
            yield scope._replace(group=f"{ranked[-1]} to {ranked[0]}")


def find(pairing: Pairing, key: Key, scope: Scope, level: float, resampling: Resampling = DEFAULT
         ) -> Finding:
    """One change, of a scope that ``scopes`` gave."""
    estimate = _gap if scope.kind == "gap" else _rate
    rates, parts, interval, sign, paired = estimate(pairing, key, scope, resampling)
    if paired.has_part.sum() > 1 and not parts[paired.has_part].any():
        interval = replace(interval, low=0.0, high=0.0, warning="nothing changed")
    change = Change(
        *key, scope, base=float(rates[0]), candidate=float(rates[1]), change=interval,
        worsening=sign * interval.value,
        most_worsening=interval.high if sign > 0 else -interval.low, n=paired.n,
        n_failed_base=paired.n_failed[0], n_failed_candidate=paired.n_failed[1],
        why=_why_not(paired, interval, level))
    return Finding(change, np.where(paired.has_part, parts, np.nan))


def tested(findings: Sequence[Finding], level: float, resampling: Resampling = DEFAULT
           ) -> list[Change]:
    """The changes with p-values, adjusted for all of those that can be judged."""
    judged = [i for i, finding in enumerate(findings) if finding.change.why is None]
    table = [finding.change for finding in findings]
    if not judged:
        return table
    swaps = flip_signs(np.stack([findings[i].contributions for i in judged], axis=1), resampling)
    for i, p, adjusted in zip(judged, p_values(swaps), step_down(swaps), strict=True):
        verdict: Verdict = "no change found"
        if adjusted <= level:
            verdict = "worse" if table[i].worsening > 0 else "better"
        table[i] = replace(table[i], p_value=float(p), p_adjusted=float(adjusted),
                           verdict=verdict)
    return table


class _Estimate(NamedTuple):
    """Rates of base and candidate; every speaker's part in the change; its interval; 1 where
    more is worse, else -1; and the sums that it is of."""

    rates: np.ndarray
    parts: np.ndarray
    interval: Interval
    sign: int
    paired: Paired


def _rate(pairing: Pairing, key: Key, scope: Scope, resampling: Resampling) -> _Estimate:
    paired = pairing.paired(key, scope.column, scope.group)
    amount, weight = paired.difference()
    interval = _interval(paired.amount[:, None], paired.weight[:, None],
                         Contrast((0, 1), (0, 0)), resampling)
    return _Estimate(paired.rates, ratio(amount, np.full_like(amount, weight.sum())), interval,
                     pairing.sign(key[2]), paired)


def _gap(pairing: Pairing, key: Key, scope: Scope, resampling: Resampling) -> _Estimate:
    """Rate of the worst group minus that of the best, or the other way round where more is
    better: a gap is positive, and more of it is worse."""
    ranked, sign = pairing.ranked(key, scope.column), pairing.sign(key[2])
    worst, best = (pairing.paired(key, scope.column, group) for group in (ranked[-1], ranked[0]))
    sides = [side.difference() for side in (worst, best)]
    amount, weight = (np.stack([side[i] for side in sides], axis=1) for i in (0, 1))
    interval = _interval(sign * amount[..., None], weight[..., None], Contrast((0, 0), (1, 0)),
                         resampling)
    shares = ratio(amount, np.broadcast_to(weight.sum(axis=0), amount.shape))
    both = Paired(worst.amount + best.amount, worst.weight + best.weight, worst.n + best.n,
                  (worst.n_failed[0] + best.n_failed[0], worst.n_failed[1] + best.n_failed[1]))
    return _Estimate(sign * (worst.rates - best.rates), sign * (shares[:, 0] - shares[:, 1]),
                     interval, 1, both)


def _why_not(paired: Paired, interval: Interval, level: float) -> str | None:
    speakers, fewest = int(paired.has_part.sum()), max(FLOORS.speakers, fewest_speakers(level))
    if np.isnan(interval.value):
        return "undefined in the base or the candidate"
    if speakers < fewest:
        return f"{speakers} speakers: fewer than {fewest} cannot be judged"
    if paired.n < FLOORS.utterances:
        return f"{paired.n} utterances: fewer than {FLOORS.utterances} cannot be judged"
    return None


def _interval(amount: np.ndarray, weight: np.ndarray, contrast: Contrast,
              resampling: Resampling) -> Interval:
    """From sums (speakers, cohorts, systems) of the speakers that have any."""
    some = np.flatnonzero(((amount != 0) | (weight != 0)).any(axis=(1, 2)))
    if not len(some):
        return NOTHING
    cohorts, systems = (tuple(map(str, range(size))) for size in amount.shape[1:])
    sums = SpeakerSums(some, cohorts, systems, amount[some], weight[some],
                       np.zeros((3, *amount.shape[1:])))
    return intervals(sums, [contrast], resampling)[0]
