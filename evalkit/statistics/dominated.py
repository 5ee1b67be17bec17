"""Which pipelines are dominated: another takes no more, and errs less.

By the estimates alone that is a matter of luck where two are alike. It is sure where the paired
difference is clear of 0: exchanged within speakers (evalkit.statistics.paired_permutation), and
adjusted by the step-down over the same exchanges for all pairs of which one takes no more than the
other, since no pair was chosen beforehand.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np

from evalkit.core.types import Fact, Interval
from evalkit.statistics.bootstrap import Contrast, Resampling, intervals
from evalkit.statistics.paired_permutation import flip_signs, step_down
from evalkit.statistics.sums import SpeakerSums, paired_difference
from evalkit.store.documents.frontier import Dominated
from evalkit.store.scores import ratio

Pair = tuple[int, int]
"""The one that may be dominated, and one that takes no more."""


def cheaper_pairs(costs: Sequence[float]) -> list[Pair]:
    """All pairs of which the second takes no more than the first."""
    return [(i, j) for i, own in enumerate(costs) for j, other in enumerate(costs)
            if i != j and other <= own]


def is_dominated(pair: Pair, costs: Sequence[float], losses: np.ndarray) -> bool:
    """By the estimates: the second takes no more and loses no more, and less of either."""
    i, j = pair
    return bool(costs[j] <= costs[i] and losses[j] <= losses[i]
                and (costs[j] < costs[i] or losses[j] < losses[i]))


def dominated(sums: SpeakerSums, costs: Mapping[str, float], fact: Fact, resampling: Resampling
              ) -> dict[str, Dominated]:
    """By the name of every pipeline that is dominated the one that does it most: a sure one before
    others, of those the one with the best rate, and of those the cheapest. ``sums`` have one
    cohort, and pipelines as systems, measured on the same utterances."""
    names, losses = sums.systems, fact.worse * sums.rates[0]
    amounts = [costs[name] for name in names]
    pairs = cheaper_pairs(amounts)
    if not pairs:
        return {}
    adjusted = _adjusted(sums, pairs, resampling)
    differences = intervals(sums, [Contrast((0, i), (0, j)) for i, j in pairs], resampling)
    found: dict[str, Dominated] = {}
    order = sorted(range(len(pairs)), key=lambda k: (losses[pairs[k][1]], amounts[pairs[k][1]]))
    judged = [(pairs[k], _judged(names[pairs[k][1]], differences[k], float(adjusted[k]), resampling)
               ) for k in order if is_dominated(pairs[k], amounts, losses)]
    for (i, _), each in sorted(judged, key=lambda item: not item[1].sure):
        found.setdefault(names[i], each)
    return found


def _judged(by: str, difference: Interval, p: float, resampling: Resampling) -> Dominated:
    """A pair that is dominated by the estimates; where nobody differs there is no interval."""
    clear = not difference.low <= 0 <= difference.high
    return Dominated(by=by, difference=difference, p_adjusted=p,
                     sure=p < 1 - resampling.level and clear and difference.value != 0)


def _adjusted(sums: SpeakerSums, pairs: Sequence[Pair], resampling: Resampling) -> np.ndarray:
    """p-values of no difference of every pair, adjusted for all of them."""
    first, second = (sums.amount[:, 0, list(side)] for side in zip(*pairs, strict=True))
    weights = [sums.weight[:, 0, list(side)] for side in zip(*pairs, strict=True)]
    change, weight = paired_difference(np.stack([second, first], -1), np.stack(weights[::-1], -1))
    has_part = sums.members.any(axis=1)
    total = np.broadcast_to(weight.sum(axis=0), change.shape)
    return step_down(flip_signs(ratio(change, total)[has_part], resampling))
