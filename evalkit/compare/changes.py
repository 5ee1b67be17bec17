"""What changed: paired differences of every score and scope, tested together."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np

from evalkit.compare.pairing import Paired, Pairing
from evalkit.compare.scopes import KINDS, Estimate, Scope
from evalkit.core.text import count
from evalkit.core.types import Interval
from evalkit.statistics.bootstrap import DEFAULT, Resampling
from evalkit.statistics.groups import FLOORS, without_bounds
from evalkit.statistics.paired_permutation import fewest_speakers, flip_signs, p_values, step_down
from evalkit.store.documents.baseline import Key
from evalkit.store.documents.comparison import Change, Verdict

Cell = tuple[Key, Scope]
"""Which change: of one score in one scope."""


@dataclass(frozen=True)
class Untested:
    """A change without p-values; what every speaker contributes to its worsening, NaN for those who
    have no part in it; and the speakers' shares of what it is divided by."""

    change: Change
    contributions: np.ndarray
    shares: np.ndarray

    def beyond(self, budget: float) -> np.ndarray:
        """What every speaker contributes to being worse by more than ``budget``."""
        return self.contributions - budget * self.shares


def measure_change(pairing: Pairing, cell: Cell, level: float, resampling: Resampling = DEFAULT
                   ) -> Untested:
    """The change of one score in a scope that its kind's ``groups`` gave."""
    key, scope = cell
    estimate = KINDS[scope.kind].estimate(pairing, key, scope, resampling)
    has_part = estimate.paired.has_part
    interval = estimate.interval
    if has_part.sum() > 1 and not estimate.contributions[has_part].any():
        interval = replace(interval, low=0.0, high=0.0, warning="nothing changed")
    change = _change(cell, estimate._replace(interval=interval), level)
    return Untested(change, np.where(has_part, estimate.sign * estimate.contributions, np.nan),
                    np.where(has_part, np.nan_to_num(estimate.shares), 0.0))


def tested(untested: Sequence[Untested], level: float, resampling: Resampling = DEFAULT
           ) -> list[Change]:
    """The changes with p-values, adjusted for all of those that can be judged."""
    judged = [i for i, item in enumerate(untested) if item.change.why is None]
    changes = [item.change for item in untested]
    if not judged:
        return changes
    flips = flip_signs(np.stack([untested[i].contributions for i in judged], axis=1), resampling)
    for i, p, adjusted in zip(judged, p_values(flips), step_down(flips), strict=True):
        changes[i] = changes[i].model_copy(update={
            "p_value": float(p), "p_adjusted": float(adjusted),
            "verdict": _verdict(changes[i], float(adjusted), level)})
    return changes


def _change(cell: Cell, estimate: Estimate, level: float) -> Change:
    (pipeline, condition, metric), scope = cell
    interval, paired = estimate.interval, estimate.paired
    why = _why_not(paired, interval, level)
    if why is not None:
        interval = without_bounds(interval)
    return Change(
        pipeline=pipeline, condition=condition, metric=metric, scope=str(scope),
        base=float(estimate.rates[0]), candidate=float(estimate.rates[1]), change=interval,
        worsening=estimate.sign * interval.value,
        most_worsening=interval.high if estimate.sign > 0 else -interval.low, n=paired.n,
        n_failed_base=paired.n_failed[0], n_failed_candidate=paired.n_failed[1],
        why=why)


def _verdict(change: Change, p_adjusted: float, level: float) -> Verdict:
    if p_adjusted > level:
        return "no change found"
    return "worse" if change.worsening > 0 else "better"


def _why_not(paired: Paired, interval: Interval, level: float) -> str | None:
    """Why the change cannot be judged, None where it can."""
    speakers, fewest = int(paired.has_part.sum()), max(FLOORS.speakers, fewest_speakers(level))
    if np.isnan(interval.value):
        return "undefined in the base or the candidate"
    if speakers < fewest:
        return f"{speakers} speakers: fewer than {fewest} cannot be judged"
    if paired.n < FLOORS.utterances:
        return f"{count(paired.n, 'utterance')}: fewer than {FLOORS.utterances} cannot be judged"
    return None
