"""Are two recognizers different on the same recordings? Matched pairs of NIST's sc_stats,
with Wilcoxon's test over speakers and McNemar's over sentences.

Matched Pairs Sentence-Segment Word Error (Gillick & Cox 1989; Pallett et al. 1990) takes
segments for independent, which those of one speaker are not: where it and an interval that
resamples speakers disagree, the latter decides.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from scipy import special

from evalkit.statistics.sums import SpeakerSums

Pairs = Sequence[tuple[str, str | None, str | None]]
"""An alignment: (operation, reference word, hypothesis word), operations "=SDI"."""

MOST_ENUMERATED = 13
"""Differences with ties among them of which all signs are tried."""


class Segment(NamedTuple):
    """A stretch that holds errors of either system, with its buffer of right words."""

    words: int
    errors_a: int
    errors_b: int


@dataclass(frozen=True)
class MatchedPairs:
    """``mean`` and ``sd`` (ddof 1) are of errors of A minus errors of B over segments, ``z`` is
    mean / (sd / sqrt(segments)) and ``p_value`` two-sided from the normal distribution. Fewer
    than 50 segments are too few for it, which ``warning`` says."""

    segments: int
    words: int
    errors_a: int
    errors_b: int
    mean: float
    sd: float
    z: float
    p_value: float
    warning: str | None = None


@dataclass(frozen=True)
class PairedTest:
    """A two-sided test on ``n`` pairs that differ; ``a_better`` and ``b_better`` count them."""

    n: int
    a_better: int
    b_better: int
    p_value: float


class _Step(NamedTuple):
    """One reference word, or what either system inserted between two of them."""

    word: int
    errors_a: int
    errors_b: int


def segments(a: Pairs, b: Pairs, good: int = 2) -> list[Segment]:
    """The segments of one sentence from two alignments with the same reference.

    A segment begins ``good`` words before an error of either system and ends when ``good``
    words in a row are right in both, or at an end of the sentence. Neighbours may share such
    buffer words."""
    steps = list(_steps(a, b))
    wrong = [i for i, step in enumerate(steps) if step.errors_a or step.errors_b]
    stretches: list[Segment] = []
    while wrong:
        first = last = wrong.pop(0)
        while wrong and wrong[0] - last <= good:
            last = wrong.pop(0)
        span = steps[max(0, first - good):last + good + 1]
        stretches.append(Segment(*(sum(column) for column in zip(*span, strict=True))))
    return stretches


def mapsswe(stretches: Iterable[Segment]) -> MatchedPairs:
    """The test on the segments of all sentences. Where all differences are equal, their
    deviation is 0 and so is sc_stats' z; here that is no difference (p = 1) only where they
    are equal to 0, and otherwise undefined (NaN)."""
    table = np.array(list(stretches), dtype=int).reshape(-1, 3)
    d = table[:, 1] - table[:, 2]
    words, errors_a, errors_b = (int(total) for total in table.sum(axis=0))
    n = len(d)
    mean = float(d.mean()) if n else np.nan
    sd = float(d.std(ddof=1)) if n > 1 else np.nan
    if not d.any():
        z, p = 0.0, 1.0
    elif sd > 0:
        z = mean / (sd / n**0.5)
        p = float(2 * special.ndtr(-abs(z)))
    else:
        z, p = np.nan, np.nan
    warning = f"{n} segments: fewer than 50, the p-value is rough" if n < 50 else None
    return MatchedPairs(n, words, errors_a, errors_b, mean, sd, z, p, warning)


def mcnemar(right_a: np.ndarray, right_b: np.ndarray) -> PairedTest:
    """Exact test of whether one system gets more sentences wholly right (McNemar 1947), from
    two arrays of bool over the same sentences."""
    from scipy import stats  # half a second

    only_a = int(np.sum(right_a & ~right_b))
    only_b = int(np.sum(right_b & ~right_a))
    n = only_a + only_b
    p = float(stats.binomtest(only_a, n).pvalue) if n else 1.0
    return PairedTest(n, only_a, only_b, p)


def wilcoxon(sums: SpeakerSums, a: int, b: int, *, higher_is_better: bool = False) -> PairedTest:
    """Signed-rank test of the speakers' own rates under systems ``a`` and ``b`` (Wilcoxon
    1945), every speaker counted once; speakers with equal rates say nothing."""
    amount, weight = sums.amount.sum(axis=1), sums.weight.sum(axis=1)
    both = (weight[:, a] != 0) & (weight[:, b] != 0)
    rates = amount[both] / weight[both]
    d = rates[:, a] - rates[:, b]
    d = d[d != 0]
    p = _signed_rank_p(d) if len(d) else 1.0
    higher, lower = int(np.sum(d > 0)), int(np.sum(d < 0))
    better = (higher, lower) if higher_is_better else (lower, higher)
    return PairedTest(len(d), *better, p)


def _signed_rank_p(d: np.ndarray) -> float:
    """That of ``scipy.stats.wilcoxon``, which calls Python for each of the 2^n signs where there
    are ties among a few differences (n <= 13): seconds for every pair of systems."""
    from scipy import stats  # half a second

    ranks = stats.rankdata(np.abs(d))
    if len(d) > MOST_ENUMERATED or len(np.unique(ranks)) == len(d):
        return float(stats.wilcoxon(d).pvalue)
    return float(stats.permutation_test(
        (np.sign(d) * ranks,), lambda signed, axis: signed.clip(0).sum(axis=axis),
        permutation_type="samples", vectorized=True).pvalue)


def _steps(a: Pairs, b: Pairs) -> Iterator[_Step]:
    """Both alignments in step over the reference."""
    table_a, table_b = _per_word(a), _per_word(b)
    if len(table_a) != len(table_b):
        raise ValueError("the alignments are not of the same reference: "
                         f"{len(table_a) - 1} and {len(table_b) - 1} words")
    for i, ((inserted_a, wrong_a), (inserted_b, wrong_b)) in enumerate(
            zip(table_a, table_b, strict=True)):
        if inserted_a or inserted_b:
            yield _Step(0, inserted_a, inserted_b)
        if i + 1 < len(table_a):
            yield _Step(1, wrong_a, wrong_b)


def _per_word(pairs: Pairs) -> list[tuple[int, int]]:
    """(insertions before it, whether it is wrong) of every reference word, and of the end."""
    table, inserted = [], 0
    for operation, _, _ in pairs:
        if operation == "I":
            inserted += 1
        else:
            table.append((inserted, int(operation != "=")))
            inserted = 0
    return [*table, (inserted, 0)]
