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
from evalkit.statistics.decoding import RunNoise, between_runs, with_noise
from evalkit.statistics.groups import FLOORS, without_bounds
from evalkit.statistics.paired_permutation import fewest_speakers, flip_signs, p_values, step_down
from evalkit.store.documents.baseline import Key
from evalkit.store.documents.comparison import Change, Decoding, Verdict

Cell = tuple[Key, Scope]
"""Which change: of one score in one scope."""
NO_INTERVAL = Resampling(draws=2)
"""Of one run only what speakers contribute is used."""


@dataclass(frozen=True)
class Untested:
    """A change without p-values; what every speaker contributes to its worsening, NaN for those who
    have no part in it; the speakers' shares of what it is divided by; and how many times as long
    as by speakers alone its standard error is with the noise of decoding, on ``df`` degrees."""

    change: Change
    contributions: np.ndarray
    shares: np.ndarray
    longer: float = 1.0
    df: float = np.inf

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
    noise = _noise(pairing, cell, has_part)
    wider = with_noise(interval, noise, 1 - level) if noise else interval
    change = _change(cell, estimate._replace(interval=wider), level)
    if noise is not None:
        change = change.model_copy(update={"runs": list(noise.runs), "decoding": Decoding(
            share=noise.share(interval), enough=noise.enough(interval))})
    return Untested(change, np.where(has_part, estimate.sign * estimate.contributions, np.nan),
                    np.where(has_part, np.nan_to_num(estimate.shares), 0.0),
                    wider.se / interval.se if interval.se > 0 else 1.0,
                    wider.df if noise else np.inf)


def _noise(pairing: Pairing, cell: Cell, has_part: np.ndarray) -> RunNoise | None:
    """How the runs of base and candidate differ, None where there is one of each."""
    if not any(pairing.runs):
        return None
    key, scope = cell
    sides = [np.stack([KINDS[scope.kind].estimate(run, key, scope, NO_INTERVAL).contributions
                       for run in side], axis=1)[has_part] for side in pairing.runs]
    return between_runs([np.nan_to_num(side) for side in sides])


def tested(untested: Sequence[Untested], level: float, resampling: Resampling = DEFAULT
           ) -> list[Change]:
    """The changes with p-values, adjusted for all of those that can be judged."""
    judged = [i for i, item in enumerate(untested) if item.change.why is None]
    changes = [item.change for item in untested]
    if not judged:
        return changes
    flips = flip_signs(np.stack([untested[i].contributions for i in judged], axis=1), resampling,
                       noise=noises([untested[i] for i in judged]))
    for i, p, adjusted in zip(judged, p_values(flips), step_down(flips), strict=True):
        changes[i] = changes[i].model_copy(update={
            "p_value": float(p), "p_adjusted": float(adjusted),
            "verdict": _verdict(changes[i], float(adjusted), level)})
    return changes


def noises(untested: Sequence[Untested]) -> np.ndarray | None:
    """How many times as long as by speakers alone standard errors are, and on how many degrees of
    freedom, (2, changes); None where all are by speakers alone."""
    found = np.array([[each.longer, each.df] for each in untested]).reshape(-1, 2).T
    return found if np.isfinite(found[1]).any() else None


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
        return f"{count(speakers, 'speaker')}: fewer than {fewest} cannot be judged"
    if paired.n < FLOORS.utterances:
        return f"{count(paired.n, 'utterance')}: fewer than {FLOORS.utterances} cannot be judged"
    return None
