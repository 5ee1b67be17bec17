"""Per-speaker sums: what every interval and test of this package is computed from.

A score is a ratio of sums (evalkit.store.scores), so a speaker is a row of sums and resampling
speakers is a weighted sum of rows.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import pandas as pd

from evalkit.core.text import nameless
from evalkit.store.scores import ratio


@dataclass(frozen=True)
class SpeakerSums:
    """Sums of one metric over the utterances of every speaker, cohort and system.

    ``amount`` and ``weight`` have the shape (speakers, cohorts, systems). ``spread`` of shape
    (3, cohorts, systems) keeps the sums over utterances of amount², amount x weight and
    weight², from which an interval that ignored the speakers would be made. ``warning`` says
    where utterances stand in for speakers. ``size`` (speakers,) is how many speakers each is in
    truth (evalkit.statistics.strata), None where each is one.
    """

    speakers: np.ndarray
    cohorts: tuple[str, ...]
    systems: tuple[str, ...]
    amount: np.ndarray
    weight: np.ndarray
    spread: np.ndarray
    warning: str | None = None
    size: np.ndarray | None = None

    @property
    def rates(self) -> np.ndarray:
        """``sum(amount) / sum(weight)`` over speakers, (cohorts, systems); NaN where empty."""
        return ratio(self.amount.sum(axis=0), self.weight.sum(axis=0))

    @property
    def members(self) -> np.ndarray:
        """Which speakers have utterances in which cohort: (speakers, cohorts) of bool."""
        return ((self.weight != 0) | (self.amount != 0)).any(axis=2)


def speaker_sums(scores: pd.DataFrame, cohort: str | None = None,
                 system: str | None = None) -> SpeakerSums:
    """Sums over the measured rows of one metric.

    ``scores`` has the columns of the scores table, and where named a column that holds each
    row's ``cohort`` and one that holds its ``system``; without the names there is one of each,
    "all". An utterance of several cohorts has a row in each. Utterances without a speaker
    become blocks of their own, and ``warning`` says so."""
    needed = {"utterance_id", "speaker_id", "amount", "weight", cohort, system}
    scores = scores.loc[scores["error"].isna(), scores.columns.isin([*needed])]
    block, speakers, warning = _blocks(scores)
    cohort_code, cohorts = _codes(scores, cohort)
    system_code, systems = _codes(scores, system)
    shape = (len(speakers), len(cohorts), len(systems))
    amount, weight = scores["amount"].to_numpy(float), scores["weight"].to_numpy(float)
    cell = np.ravel_multi_index((block, cohort_code, system_code), shape)
    place = np.ravel_multi_index((cohort_code, system_code), shape[1:])
    spread = [_total(place, product, shape[1:])
              for product in (amount * amount, amount * weight, weight * weight)]
    return SpeakerSums(speakers, cohorts, systems, _total(cell, amount, shape),
                       _total(cell, weight, shape), np.stack(spread), warning)


def speaker_averaged(sums: SpeakerSums) -> SpeakerSums:
    """Sums whose rate is the mean of the speakers' own rates, each speaker counted once.
    Speakers whose weight is 0 have no rate and no part."""
    has_rate = sums.weight != 0
    rates = np.where(has_rate, ratio(sums.amount, sums.weight), 0.0)
    ones = has_rate.astype(float)
    squares = np.stack([(rates * rates).sum(0), rates.sum(0), ones.sum(0)])
    return replace(sums, amount=rates, weight=ones, spread=squares)


def only(sums: SpeakerSums, cohorts: Sequence[int]) -> SpeakerSums:
    """The sums of some cohorts, by index."""
    indices = list(cohorts)
    return replace(sums, cohorts=tuple(sums.cohorts[i] for i in indices),
                   amount=sums.amount[:, indices], weight=sums.weight[:, indices],
                   spread=sums.spread[:, indices])


def pooled(sums: SpeakerSums) -> SpeakerSums:
    """All cohorts as one, "all"; they share no utterance."""
    return replace(sums, cohorts=("all",), amount=sums.amount.sum(axis=1, keepdims=True),
                   weight=sums.weight.sum(axis=1, keepdims=True),
                   spread=sums.spread.sum(axis=1, keepdims=True))


def with_rest(sums: SpeakerSums) -> SpeakerSums:
    """Cohorts 0..C-1 as they are, and as cohort C + c everything that is not in cohort c, for
    cohorts that share no utterance."""
    def both(x: np.ndarray, axis: int) -> np.ndarray:
        return np.concatenate([x, x.sum(axis=axis, keepdims=True) - x], axis=axis)

    names = sums.cohorts + tuple(f"not {name}" for name in sums.cohorts)
    return replace(sums, cohorts=names, amount=both(sums.amount, 1), weight=both(sums.weight, 1),
                   spread=both(sums.spread, 1))


def paired_difference(amount: np.ndarray, weight: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Amounts and weights (speakers, ...) of two versions (speakers, ..., 2) as those of one score
    whose ratio of sums over speakers is the second's minus the first's. To swap a speaker's
    versions turns the sign of the amount and leaves the weight, also where the versions weigh
    differently (precision divides by the words of the hypothesis)."""
    total = weight.sum(axis=0)
    pooled = np.nan_to_num(ratio(amount.sum(axis=(0, -1)), weight.sum(axis=(0, -1))))
    change = np.diff(amount)[..., 0] - pooled * np.diff(weight)[..., 0]
    harmonic = ratio(2 * total.prod(axis=-1), total.sum(axis=-1))
    return change, weight.mean(axis=-1) * ratio(harmonic, total.mean(axis=-1))


def design_effect(sums: SpeakerSums) -> np.ndarray:
    """(SE over speakers / SE over utterances)² of every rate, (cohorts, systems), from the
    linearised variance of a ratio. About 1 where speakers are alike; an interval that ignores
    speakers is too short by its square root. NaN where either error is 0 or undefined."""
    rate = np.nan_to_num(sums.rates)
    squares, products, weights = sums.spread
    alone = squares - 2 * rate * products + rate**2 * weights
    together = ((sums.amount - rate * sums.weight) ** 2).sum(axis=0)
    n = sums.members.sum(axis=0)[:, None]
    return ratio(together * n, np.where(alone > 1e-12, alone * (n - 1), 0.0))


def _blocks(scores: pd.DataFrame) -> tuple[np.ndarray, np.ndarray, str | None]:
    """Code of every row's block, the blocks' names, and a warning about missing speakers."""
    code, speakers = pd.factorize(scores["speaker_id"], sort=True)
    orphan = code < 0
    if not orphan.any():
        return code, np.asarray(speakers, object), None
    utterance_code, utterances = pd.factorize(scores["utterance_id"][orphan], sort=True)
    code = code.copy()
    code[orphan] = len(speakers) + utterance_code
    warning = (f"{nameless(len(utterances))}, each resampled by itself: "
               "where they share speakers, intervals are too short and p-values too small")
    names = np.concatenate([np.asarray(speakers, object), np.asarray(utterances, object)])
    return code, names, warning


def _codes(scores: pd.DataFrame, column: str | None) -> tuple[np.ndarray, tuple[str, ...]]:
    if column is None:
        return np.zeros(len(scores), np.intp), ("all",)
    code, names = pd.factorize(scores[column], sort=True)
    return code, tuple(str(name) for name in names)


def _total(place: np.ndarray, values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    return np.bincount(place, values, int(np.prod(shape))).reshape(shape)
