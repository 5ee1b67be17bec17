"""What encoders that decide gain by it, and for whom they compute.

    python -m benchmarks.smaller.decided CORPORA OUT branching large small   # family, all, least
    python -m benchmarks.smaller.decided CORPORA OUT amortised all 1.6

Every arm of the family that was trained is looked at, of one seed. Intervals of rates and of their
differences are those of `evalkit frontier` and so of the sweep's table
(evalkit.statistics.bootstrap); of rank correlations, which are no ratios of sums, 95 % quantiles
over draws of speakers from each accent.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
from scipy.stats import rankdata

from benchmarks.smaller.corpora import TEST, sentences
from benchmarks.smaller.sweep import CONFIG, all_kept, read_sweep
from evalkit.core.alignment import count_edits
from evalkit.core.errors import ConfigError, EvalkitError
from evalkit.core.names import offer
from evalkit.statistics.bootstrap import Contrast, counts, intervals
from evalkit.statistics.sums import SpeakerSums

DRAWS = 2000
ALLOWED = 0.03
"""Of more errors, relative, at which the articles say what was saved."""
Sums = tuple[np.ndarray, np.ndarray]
"""Of each speaker, (speakers,) each: what is counted, and of how much."""


@dataclass(frozen=True)
class Arm:
    """Sums of each speaker (speakers,): ``errors``, and what was computed of how many blocks in
    ``speech`` and in ``silence`` (2, speakers). ``price`` in nats is None where no arbitrator
    decides."""

    name: str
    macs: float
    price: float | None
    errors: np.ndarray
    speech: np.ndarray
    silence: np.ndarray


@dataclass(frozen=True)
class Test:
    """The ``words`` of each speaker, its accent, and draws of speakers (draws, speakers)."""

    words: np.ndarray
    accents: np.ndarray
    draws: np.ndarray

    def ranked(self, one: np.ndarray, other: np.ndarray) -> str:
        """The rank correlation of two numbers of each speaker, and its interval."""
        drawn = [_ranked(one, other, weights) for weights in self.draws]
        return _interval(_ranked(one, other, np.ones(len(one))),
                         *np.quantile(drawn, (0.025, 0.975)), "+.2f")


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("corpora", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("family")
    parser.add_argument("dear", help="the arm that computes everything")
    parser.add_argument("cheap", help="the arm that computes least")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--config", type=Path, default=CONFIG)
    options = parser.parse_args(arguments)
    try:
        print("\n".join(_said(options)))
    except EvalkitError as error:
        sys.exit(str(error))


def _said(options: argparse.Namespace) -> list[str]:
    rows, arms = sentences(options.corpora), {}
    for name, seed, document in all_kept(read_sweep(options.config), options.out):
        if seed == options.seed and name.startswith(f"{options.family}_"):
            arms[name.removeprefix(f"{options.family}_")] = _arm(name, document, rows)
    for name in (options.dear, options.cheap):
        if name not in arms:
            raise ConfigError(f"{options.out}: no arm {options.family}_{name} of seed "
                              f"{options.seed} by the options of {options.config.name}; of "
                              f"{options.family} {offer(name, arms) if arms else 'there is none'}")
    test, dear, cheap = _test(rows), arms[options.dear], arms[options.cheap]
    return [*_curve(test, arms.values(), dear), *_fixed(test, arms.values()),
            *_by_accent(test, arms.values(), dear, cheap)]


def _test(rows: Sequence[Mapping[str, Any]]) -> Test:
    accent = {row["speaker"]: row["accent"] for row in rows}
    accents = np.array([accent[speaker] for speaker in sorted(accent)])
    draws = np.zeros((DRAWS, len(accents)))
    for h, each in enumerate(np.unique(accents)):
        places = np.flatnonzero(accents == each)
        draws[:, places] = np.vstack([*counts(len(places), DRAWS, np.random.SeedSequence(h))])
    return Test(_by_speaker(rows, lambda row: len(row["text"].split())), accents, draws)


def _by_speaker(rows: Sequence[Mapping[str, Any]], of: Callable[[Mapping[str, Any]], Any]
                ) -> np.ndarray:
    """Sums, (..., speakers), of speakers sorted by name."""
    sums: dict[str, Any] = {}
    for row in rows:
        sums[row["speaker"]] = sums.get(row["speaker"], 0) + np.asarray(of(row), float)
    return np.stack([sums[speaker] for speaker in sorted(sums)], -1)


def _arm(name: str, document: Mapping[str, Any], rows: Sequence[Mapping[str, Any]]) -> Arm:
    heard, computed = document["heard"][TEST], document["details"]["computed"]
    options = document["arm"]["options"]
    sums = _by_speaker(rows, lambda row: computed[row["id"]])
    return Arm(name, document["cost"]["macs_per_second"],
               options.get("objective", {}).get("compute"),
               _by_speaker(rows, lambda row: count_edits(row["text"].split(),
                                                         heard[row["id"]].split()).errors),
               sums[:2], sums[2:])


def _rate(part: np.ndarray, whole: np.ndarray, weights: np.ndarray) -> float:
    return float(part @ weights / (whole @ weights))


def _share(places: np.ndarray, weights: np.ndarray) -> float:
    return _rate(places[0], places[1], weights)


def _learned(arms: Iterable[Arm]) -> list[Arm]:
    """Those whose arbitrators decide, the dearest first."""
    return sorted((arm for arm in arms if arm.price is not None), key=lambda arm: -arm.macs)


def _curve(test: Test, arms: Collection[Arm], dear: Arm) -> Iterator[str]:
    """Every arm, and where the curve of those that decide has ALLOWED more errors."""
    yield ("arm: million multiply-accumulates a second, saved of all; WER, change in points; share "
           "computed in speech, in silence, difference")
    for arm in sorted(arms, key=lambda arm: -arm.macs):
        yield (f"  {arm.name}: {arm.macs / 1e6:.1f}, {1 - arm.macs / dear.macs:.0%}; "
               + rate_of((arm.errors, test.words)) + ", "
               + rate_of((arm.errors, test.words), (dear.errors, test.words))
               + f"; {_share(arm.speech, np.ones(len(test.words))):.1%}, "
               f"{_share(arm.silence, np.ones(len(test.words))):.1%}, "
               + rate_of(tuple(arm.speech), tuple(arm.silence), unit=".1%"))
    curve = [dear, *_learned(arms)]
    rates = [_rate(arm.errors, test.words, np.ones(len(test.words))) for arm in curve]
    yield f"the fewer, the more errors: {all(a <= b for a, b in pairwise(rates))}"
    yield "saved at +3 % relative: " + _saved(curve, rates)


def _saved(curve: Sequence[Arm], rates: Sequence[float]) -> str:
    """By straight lines between neighbours: the most that is saved before the curve goes above."""
    allowed, most = rates[0] * (1 + ALLOWED), curve[0].macs
    for (one, low), (other, high) in pairwise(zip(curve, rates, strict=True)):
        if high > allowed:
            most = one.macs + (other.macs - one.macs) * max(0, allowed - low) / (high - low)
            break
        most = other.macs
    return f"{1 - most / curve[0].macs:.0%}"


def _fixed(test: Test, arms: Collection[Arm]) -> Iterator[str]:
    """Arms that decide nothing, or at random, beside the curve of those that decide, at as many
    multiply-accumulates by straight lines between its neighbours."""
    learned = _learned(arms)
    for arm in sorted((arm for arm in arms if arm.price is None), key=lambda arm: -arm.macs):
        for one, other in pairwise(learned):
            if one.macs >= arm.macs >= other.macs:
                part = (one.macs - arm.macs) / (one.macs - other.macs)
                errors = (1 - part) * one.errors + part * other.errors
                yield (f"{arm.name}, less those that decide, at {arm.macs / 1e6:.1f}: "
                       + rate_of((arm.errors, test.words), (errors, test.words)))


def _by_accent(test: Test, arms: Collection[Arm], dear: Arm, cheap: Arm) -> Iterator[str]:
    """Whether those for whom more computing gives more have more of it."""
    gain = (cheap.errors - dear.errors) / test.words
    for arm in _learned(arms):
        yield (f"{arm.name}: by accent, WER of {dear.name}, what it has fewer than {cheap.name}, "
               "share computed in speech, difference to the others")
        for accent in np.unique(test.accents):
            of = (test.accents == accent).astype(float)
            yield (f"  {accent}: {_rate(dear.errors, test.words, of):.1%}, "
                   f"{_rate(cheap.errors - dear.errors, test.words, of):+.1%}, "
                   f"{_share(arm.speech, of):.1%}, "
                   + rate_of(tuple(arm.speech * of), tuple(arm.speech * (1 - of)), unit=".1%"))
        shares = arm.speech[0] / arm.speech[1]
        for what, values in (("errors of " + dear.name, dear.errors / test.words), ("gain", gain)):
            yield (f"  of speakers, rank correlation of share and {what}: "
                   + test.ranked(shares, values))


def rate_of(rate: Sums, minus: Sums | None = None, unit: str = ".2%") -> str:
    """A rate, or what it has more than another, with its interval. Speakers of whom both have
    something are drawn together, and so are those of whom one alone has."""
    cells = np.array([rate, minus or rate])[..., None]  # (2, 2, speakers, 1)
    amount, weight = cells.transpose(1, 2, 0, 3)
    sums = SpeakerSums(np.arange(len(amount)), ("rate", "minus"), ("all",), amount, weight,
                       np.zeros((3, 2, 1)))
    [found] = intervals(sums, [Contrast((0, 0), None if minus is None else (1, 0))])
    return _interval(found.value, found.low, found.high, unit if minus is None else f"+{unit}")


def _interval(value: float, low: float, high: float, unit: str) -> str:
    """An estimate, and its interval where it has one."""
    return f"{value:{unit}}" + ("" if np.isnan(low) else f" [{low:{unit}}, {high:{unit}}]")


def _ranked(one: np.ndarray, other: np.ndarray, weights: np.ndarray) -> float:
    """Spearman's correlation; nan where all of one are equal."""
    places = np.repeat(np.arange(len(weights)), np.rint(weights).astype(int))
    ranks = np.stack([rankdata(one[places]), rankdata(other[places])])
    with np.errstate(invalid="ignore"):
        return float(np.corrcoef(ranks)[0, 1])


if __name__ == "__main__":
    main()
