"""Do the intervals cover and the tests keep their level? Planted speaker effects, many times.

    python benchmarks/statistics_simulation.py [--repetitions 1000] [--only TEXT] [--out FILE.json]

A speaker has 4 to some 60 utterances of 3 to 20 words; errors are Poisson around a word error
rate of 15 % times a speaker effect, log-normal with mean 1 and the stated sigma (lme4 finds
0.36 to 0.51 on AfriSpeech).
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable, Sequence
from pathlib import Path

import numpy as np
import pandas as pd

from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import Contrast, Method, Resampling, intervals
from evalkit.statistics.contrasts import against_rest, any_difference
from evalkit.statistics.gains import Rule, changes, own_p_values
from evalkit.statistics.multiple import adjust
from evalkit.statistics.permutation import any_gap, observed, parts
from evalkit.statistics.poisson import PoissonModel
from evalkit.statistics.sums import speaker_sums
from evalkit.store.scores import ratio

RATE = 0.15
SIGMA = 0.5
GROUPS = (10, 20, 40, 80)
"""Speakers of the groups that the tests compare."""


def plant(rng: np.random.Generator, n_speakers: int, sigma: float = SIGMA,
          rate: float | np.ndarray = RATE, second: float = 0.8) -> pd.DataFrame:
    """A scores table of one metric with two systems whose speaker effects correlate (0.8) and
    whose rates are ``rate`` (one, or one a speaker) and ``second`` times that."""
    utterances = 4 + rng.negative_binomial(2, 0.12, n_speakers)
    speaker = np.repeat(np.arange(n_speakers), utterances)
    words = rng.integers(3, 21, len(speaker)).astype(float)
    z = rng.multivariate_normal([0, 0], [[1, 0.8], [0.8, 1]], n_speakers)
    effect = np.exp(sigma * z - sigma**2 / 2) * np.multiply.outer(rate, [1.0, second])
    table = {"utterance_id": np.arange(len(speaker)), "speaker_id": speaker, "weight": words,
             "error": None}
    return pd.concat([pd.DataFrame(table | {
        "system": str(k), "amount": rng.poisson(words * effect[speaker, k]).astype(float)})
        for k in (0, 1)])


def coverage(rng: np.random.Generator, repetitions: int, n_speakers: int, sigma: float
             ) -> dict[str, float]:
    """How often the 95 % interval holds the planted value: that of one rate by every method,
    those of the paired difference and of a gap between cohorts by the default (t below 30
    speakers, studentised above)."""
    methods: list[Method] = ["studentised", "bca", "percentile", "t"]
    hits: dict[str, list[bool]] = {}
    for repetition in range(repetitions):
        table = plant(rng, n_speakers, sigma)
        table["cohort"] = np.where(table["speaker_id"] % 2 == 0, "even", "odd")
        one = speaker_sums(table[table["system"] == "0"])
        resampling = Resampling(1_000, repetition)
        found = {f"rate, {m}": (intervals(one, [Contrast((0, 0))], resampling, m)[0], RATE)
                 for m in methods}
        both = speaker_sums(table, system="system")
        found["difference of systems, default"] = (
            intervals(both, [Contrast((0, 0), (0, 1))], resampling)[0], RATE * 0.2)
        halves = speaker_sums(table[table["system"] == "0"], cohort="cohort")
        found["gap of two cohorts, default"] = (
            intervals(halves, [Contrast((0, 0), (1, 0))], resampling)[0], 0.0)
        alone = speaker_sums(table[table["system"] == "0"].assign(speaker_id=None))
        found["rate, utterances resampled"] = (
            intervals(alone, [Contrast((0, 0))], Resampling(200, repetition), "percentile")[0],
            RATE)
        for name, (interval, truth) in found.items():
            hits.setdefault(name, []).append(interval.low <= truth <= interval.high)
    return {name: float(np.mean(hit)) for name, hit in hits.items()}


def grouped(rng: np.random.Generator, rates: Sequence[float], sigmas: Sequence[float]
            ) -> pd.DataFrame:
    """One system; as many speakers a group as GROUPS says."""
    tables = []
    for g, (size, rate, sigma) in enumerate(zip(GROUPS, rates, sigmas, strict=True)):
        table = plant(rng, size, sigma, rate)
        table = table[table["system"] == "0"].assign(group=f"g{g}")
        tables.append(table.assign(speaker_id=f"g{g}-" + table["speaker_id"].astype(str)))
    return pd.concat(tables, ignore_index=True).assign(utterance_id=lambda t: t.index.astype(str))


def rejections(rng: np.random.Generator, repetitions: int, rates: Sequence[float],
               sigmas: Sequence[float]) -> dict[str, float]:
    """How often each test of any gap has p <= 0.05, a contrast has Holm's p <= 0.05, and
    the percentile interval of max minus min leaves out 0."""
    rejected: dict[str, list[bool]] = {}
    for repetition in range(repetitions):
        sums = speaker_sums(grouped(rng, rates, sigmas), cohort="group")
        resampling = Resampling(400, repetition)
        found = {f"permutation, {name}": test.p_value <= 0.05
                 for name, test in any_gap(sums, resampling=resampling).items()}
        found["any contrast with the rest, Holm"] = any(
            c.p_adjusted <= 0.05 for c in against_rest(sums, resampling=resampling))
        found["percentile interval of max minus min"] = _max_min_interval(sums, rng) > 0
        for name, hit in found.items():
            rejected.setdefault(name, []).append(hit)
    return {name: float(np.mean(hit)) for name, hit in rejected.items()}


def _max_min_interval(sums, rng: np.random.Generator) -> float:
    """Lower bound of the percentile interval, speakers resampled within their groups."""
    cells = parts(sums)
    rates = np.empty((300, cells.n_labels))
    for g in range(cells.n_labels):
        a, w = cells.amount[cells.label == g], cells.weight[cells.label == g]
        drawn = rng.multinomial(len(a), np.full(len(a), 1 / len(a)), size=300)
        rates[:, g] = ratio(drawn @ a, drawn @ w)
    assert np.allclose(ratio(*observed(cells)[:2])[0], sums.rates[:, 0])
    return float(np.quantile(np.ptp(rates, axis=1), 0.025))


def regressions(rng: np.random.Generator, repetitions: int) -> dict[str, float]:
    """How often a test of equal groups has p <= 0.05 where they are equal: the likelihood-ratio
    test with speaker effects, and the same without (a plain Poisson regression)."""
    rejected: dict[str, list[bool]] = {}
    for _ in range(repetitions):
        table = grouped(rng, [RATE] * 4, [SIGMA] * 4)
        mixed = PoissonModel(table, ("group",))
        plain = [PoissonModel(table, factors).fit(speaker_effects=False).log_likelihood
                 for factors in (("group",), ())]
        rejected.setdefault("mixed-effects Poisson", []).append(
            mixed.test("group", mixed.fit()).p_value <= 0.05)
        rejected.setdefault("plain Poisson", []).append(2 * (plain[0] - plain[1]) > 7.8147)
    return {name: float(np.mean(hit)) for name, hit in rejected.items()}


def gains(rng: np.random.Generator, repetitions: int, sizes: Sequence[int],
          seconds: Sequence[float]) -> dict[str, float]:
    """An enhancer that makes the rate of each group, of so many speakers, so many times what it
    was: how often a group's interval holds its planted change; and how often any group, and the
    last one, is said to be helped or harmed, and to fare otherwise than the others."""
    found: dict[str, list[bool]] = {}
    last = len(sizes) - 1
    for repetition in range(repetitions):
        table = pd.concat([plant(rng, size, rate=RATE, second=second).assign(
            group=f"g{g}", speaker_id=lambda t, g=g: f"g{g}-" + t["speaker_id"].astype(str))
            for g, (size, second) in enumerate(zip(sizes, seconds, strict=True))])
        sums = speaker_sums(table, cohort="group", system="system")
        rule = Rule(Fact("%", False, ""), resampling=Resampling(400, repetition))
        change = intervals(sums, [Contrast((g, 1), (g, 0)) for g in range(len(sizes))],
                           rule.resampling)
        effects = [rule.effect(*pair) for pair in zip(
            change, adjust(own_p_values(sums, rule.resampling)), strict=True)]
        gaps = against_rest(changes(sums), resampling=rule.resampling)
        standings = [rule.standing(gap) for gap in gaps]
        for name, hit in {
                "any group, helped or harmed (Holm)": set(effects) != {"unclear"},
                "last group, harmed": effects[last] == "harmed",
                "any difference of gains": any_difference(gaps) <= 0.05,
                "any group, better or worse (Holm)": set(standings) != {"unclear"},
                "last group, worse than the others": standings[last] == "worse"}.items():
            found.setdefault(name, []).append(hit)
        found.setdefault("interval of a group's change holds it", []).extend(
            interval.low <= RATE * (second - 1) <= interval.high
            for interval, second in zip(change, seconds, strict=True))
    return {name: float(np.mean(hit)) for name, hit in found.items()}


def show(title: str, result: dict[str, float], repetitions: int, seconds: float) -> None:
    print(f"\n{title} ({repetitions} repetitions, {seconds:.0f} s)")
    for name, share in result.items():
        error = (share * (1 - share) / repetitions) ** 0.5
        print(f"  {name:42} {100 * share:5.1f} % (s.e. {100 * error:.1f})")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--only", default="", help="part of an experiment's title")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    n = options.repetitions
    experiments: dict[str, Callable[[np.random.Generator], dict[str, float]]] = {
        f"coverage at {s} speakers, sigma {sigma}":
            lambda rng, s=s, sigma=sigma: coverage(rng, n, s, sigma)  # type: ignore[misc]
        for s, sigma in [(20, SIGMA), (40, SIGMA), (80, SIGMA), (200, SIGMA), (40, 0.8)]}
    experiments |= {
        "rejections, four equal groups":
            lambda rng: rejections(rng, n, [RATE] * 4, [SIGMA] * 4),
        "rejections, equal rates but unequal speaker effects":
            lambda rng: rejections(rng, n, [RATE] * 4, [0.8, 0.6, 0.4, 0.2]),
        "rejections, one group of 40 is 1.4 times worse":
            lambda rng: rejections(rng, n, [RATE, RATE, 1.4 * RATE, RATE], [SIGMA] * 4),
        "rejections by regression, four equal groups": lambda rng: regressions(rng, n),
        "gains of none, eight groups of 10": lambda rng: gains(rng, n, [10] * 8, [1.0] * 8),
        "gains of all, eight groups of 10": lambda rng: gains(rng, n, [10] * 8, [1.6] * 8),
        "gains of all, four groups": lambda rng: gains(rng, n, GROUPS, [1.6] * 4),
        "gains of none but a harm of the last, eight groups of 10":
            lambda rng: gains(rng, n, [10] * 8, [1.0] * 7 + [1.8]),
        "gains of none but a harm of the last, four groups of 40":
            lambda rng: gains(rng, n, [40] * 4, [1.0] * 3 + [1.3]),
    }
    results = {}
    for i, (title, experiment) in enumerate(experiments.items()):
        if options.only not in title:
            continue
        start = time.perf_counter()
        results[title] = experiment(np.random.default_rng([options.seed, i]))
        show(title, results[title], n, time.perf_counter() - start)
    if options.out:
        options.out.write_text(json.dumps({"repetitions": n, "results": results}, indent=2))


if __name__ == "__main__":
    main()
