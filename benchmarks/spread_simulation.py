"""Which test may say that groups differ, where they also differ in size and in spread?

    python benchmarks/spread_simulation.py [--repetitions 2000] [--only TEXT] [--out FILE.json]

Worlds of 2, 4 and 8 groups of 5 to 100 speakers. A speaker has 4 to some 60 utterances of 3 to
20 words; errors are Poisson around a word error rate times a speaker effect (log-normal) times an
utterance's (gamma, variance 1/2). The variance of the speaker effects is 1/4 where groups are
alike; elsewhere it differs by a factor of 4 or 16 between the smallest and the largest group, the
geometric mean of both being 1/4: "small are noisy" or "large are noisy".

Every test is judged by the share of tables in which its p is at most 5 %: where all rates are equal
(its size), and where they are not (its power). The rule: the tests whose size is at most 7 % in
every world, and of them the one with the highest power.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy import special

from evalkit.statistics.bootstrap import Contrast, Resampling, intervals
from evalkit.statistics.equal_rates import STARTED, apart, by_redrawing
from evalkit.statistics.multiple import adjust
from evalkit.statistics.permutation import (
    Sums,
    _welch,
    group_variance,
    p_value,
    studentised,
)
from evalkit.statistics.sums import SpeakerSums, with_rest
from evalkit.store.scores import ratio

DRAWS = 400
CHUNK = 125
"""Tables that share the draws."""
LEVEL, MOST = 0.05, 0.07
RATE, VARIANCE = 0.15, 0.25
GROUPS = (2, 4, 8)
WIDE = {2: (5, 100), 4: (5, 14, 37, 100), 8: (5, 8, 12, 18, 28, 42, 65, 100)}
NARROW = {2: (10, 80), 4: (10, 20, 40, 80), 8: (10, 13, 18, 24, 33, 44, 60, 80)}
CHOSEN = "each against the rest, log, relabelled and redrawn, Holm"


@dataclass(frozen=True)
class World:
    """Groups of so many ``sizes``, whose rates are ``rate`` times ``worse`` and whose speakers'
    effects have the ``variances``."""

    name: str
    sizes: tuple[int, ...]
    variances: tuple[float, ...]
    worse: tuple[float, ...]
    rate: float = RATE

    @property
    def label(self) -> np.ndarray:
        """The group of every speaker, (speakers,)."""
        return np.repeat(np.arange(len(self.sizes)), self.sizes)

    def tables(self, rng: np.random.Generator, n: int) -> tuple[np.ndarray, np.ndarray]:
        """Errors and words of speakers (speakers, n)."""
        shape = (len(self.label), n)
        utterances = 4 + rng.negative_binomial(2, 0.12, shape)
        words = np.maximum(np.rint(rng.normal(11.5 * utterances, np.sqrt(26.9 * utterances))),
                           3 * utterances)
        sigma = np.sqrt(np.log1p(np.array(self.variances)))[self.label, None]
        effect = np.exp(sigma * rng.standard_normal(shape) - sigma**2 / 2)
        noise = rng.gamma(2.0 * utterances) / (2.0 * utterances)
        mean = self.rate * np.array(self.worse)[self.label, None] * words * effect * noise
        return rng.poisson(mean).astype(float), words


def worlds() -> Iterator[World]:
    """Those of equal rates first."""
    for k in GROUPS:
        even, six = (20,) * k, (6,) * k
        for name, sizes, times in (
                ("5 to 100", WIDE[k], 1), ("5 to 100", WIDE[k], 4), ("5 to 100", WIDE[k], 16),
                ("5 to 100", WIDE[k], 1 / 16), ("10 to 80", NARROW[k], 4),
                ("10 to 80", NARROW[k], 16), ("20 each", even, 1), ("20 each", even, 16),
                ("6 each", six, 16)):
            yield World(f"{k} groups, {name}; {_spread(times)}", sizes, _variances(k, times),
                        (1.0,) * k)
        yield World(f"{k} groups, 5 to 100; {_spread(16)}; 3 % errors", WIDE[k],
                    _variances(k, 16), (1.0,) * k, 0.03)
    yield World("4 groups, 10 to 80; sigma 0.8, 0.6, 0.4, 0.2", NARROW[4],
                tuple(np.expm1(np.array([0.8, 0.6, 0.4, 0.2])**2)), (1.0,) * 4)
    for k in GROUPS:
        first, rest = (1.8,) + (1.0,) * (k - 1), (1.0,) * (k - 3)
        for name, sizes, times, how, worse in (
                ("5 to 100", WIDE[k], 1, "the first 1.8 times worse", first),
                ("10 to 80", NARROW[k], 1, "the first 1.8 times worse", first),
                ("10 to 80", NARROW[k], 4, "the first 1.8 times worse", first),
                ("10 to 80", NARROW[k], 1, "the third 1.5 times worse", (1.0, 1.0, 1.5, *rest)),
                ("10 to 80", NARROW[k], 1, "from 0.8 to 1.3", tuple(np.linspace(0.8, 1.3, k))),
                ("20 each", (20,) * k, 1, "the first 1.8 times worse", first)):
            if len(worse) == k and (k > 2 or "from" not in how):
                yield World(f"{k} groups, {name}; {_spread(times)}; {how}", sizes,
                            _variances(k, times), worse)


def _variances(k: int, times: float) -> tuple[float, ...]:
    """Of the speaker effects, the first that many times the last."""
    return tuple(VARIANCE * times**e for e in np.linspace(0.5, -0.5, k))


def _spread(times: float) -> str:
    if times == 1:
        return "alike"
    return f"small are noisy, {times}" if times > 1 else f"large are noisy, {1 / times:.0f}"


# Tests: of errors and words (speakers, tables) the p-values (tables,)

def p_values(world: World, rng: np.random.Generator, n: int) -> dict[str, np.ndarray]:
    """Of every test in ``n`` tables."""
    a, w = world.tables(rng, n)
    seen = _sums(np.eye(len(world.sizes))[world.label].T[None], a, w)
    return _parametric(seen) | _resampled(world, rng, a, w, seen) | _by_labels(
        world, rng, a, w, seen)


def _sums(weights: np.ndarray, a: np.ndarray, w: np.ndarray) -> Sums:
    """``weights`` (draws, groups, speakers); sums (tables x draws, groups)."""
    draws, groups, speakers = weights.shape
    columns = np.concatenate([a, w, a * a, a * w, w * w], axis=1)
    total = weights.reshape(-1, speakers) @ columns
    of = total.reshape(draws, groups, 5, -1).transpose(2, 3, 0, 1).reshape(5, -1, groups)
    size = np.tile(weights.sum(axis=2), (a.shape[1], 1))
    return Sums(of[0], of[1], of[2:], size)


def _q(values: np.ndarray, variances: np.ndarray) -> np.ndarray:
    """Precision-weighted sum of squares around the mean (..., groups) -> (...)."""
    precision = np.nan_to_num(ratio(np.ones(variances.shape), variances))
    mean = (precision * values).sum(-1, keepdims=True) / precision.sum(-1, keepdims=True)
    return (precision * (values - mean) ** 2).sum(-1)


def _welch_f(values: np.ndarray, variances: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Welch (1951)."""
    k = values.shape[1]
    share = 1 / variances / (1 / variances).sum(axis=1, keepdims=True)
    loss = ((1 - share) ** 2 / (size - 1)).sum(axis=1)
    f = _q(values, variances) / (k - 1) / (1 + 2 * (k - 2) / (k**2 - 1) * loss)
    return np.asarray(special.fdtrc(k - 1, (k**2 - 1) / (3 * loss), f))


def _anova_type(values: np.ndarray, variances: np.ndarray, size: np.ndarray) -> np.ndarray:
    """Brunner, Dette & Munk (1997), with Box's degrees of freedom."""
    k = values.shape[1]
    centre = np.eye(k) - 1 / k
    trace = (1 - 1 / k) * variances.sum(axis=1)
    both = np.einsum("ij,tj,ji,ti->t", centre, variances, centre, variances)
    f = ((values - values.mean(axis=1, keepdims=True)) ** 2).sum(axis=1) / trace
    df = trace**2 / both, trace**2 / ((1 - 1 / k) ** 2 * variances**2 / (size - 1)).sum(axis=1)
    return np.asarray(special.fdtrc(*df, f))


def _interval(seen: Sums) -> np.ndarray:
    """Each group against the rest: the lower end of the 95 % interval of the difference, by the
    linearised variance of every group and Satterthwaite's degrees of freedom."""
    part = group_variance(*seen) * seen.weight**2
    rest = seen.weight.sum(axis=1, keepdims=True) - seen.weight
    own, other = part / seen.weight**2, (part.sum(axis=1, keepdims=True) - part) / rest**2
    gap = seen.amount / seen.weight - (seen.amount.sum(axis=1, keepdims=True) - seen.amount) / rest
    square = part**2 / (seen.size - 1)
    df = (own + other) ** 2 / (own**2 / (seen.size - 1) + (
        square.sum(axis=1, keepdims=True) - square) / rest**4)
    low: np.ndarray = gap - special.stdtrit(df, 0.975) * np.sqrt(own + other)
    return low


def _holm(p: np.ndarray) -> np.ndarray:
    """Adjusted p (tables, groups); two groups are one question."""
    return p if p.shape[1] == 2 else np.array([adjust(row) for row in p])


def _parametric(seen: Sums) -> dict[str, np.ndarray]:
    rates, variances = seen.amount / seen.weight, group_variance(*seen)
    return {"Welch's F": _welch_f(rates, variances, seen.size),
            "ANOVA-type (Brunner, Dette, Munk)": _anova_type(rates, variances, seen.size)}


def _by_labels(world: World, rng: np.random.Generator, a: np.ndarray, w: np.ndarray, seen: Sums
               ) -> dict[str, np.ndarray]:
    """Labels permuted over speakers; and, for the test that is chosen, speakers redrawn too."""
    label, k = world.label, len(world.sizes)
    drawn = np.array([rng.permutation(label) for _ in range(DRAWS)])
    null = _sums((drawn[:, None, :] == np.arange(k)[:, None]).astype(float), a, w)
    here, there = _statistics(seen), _statistics(null)
    found = {f"{name}, relabelled": _reached(here[name], there[name]) for name in here}
    offset = STARTED * (a.sum(axis=0) / w.sum(axis=0))[:, None]
    many = np.repeat(offset, DRAWS, axis=0)
    linear = _each(_against(seen, None, k), _against(null, None, k))
    logs = _each(_against(seen, offset, k), _against(null, many, k))
    counts = np.concatenate([rng.multinomial(n - 1, np.full(n, 1 / n), DRAWS)
                             for n in world.sizes], axis=1)
    again = _sums(counts[:, None, :] * np.eye(k)[label].T, a, w)
    chosen = _holm(np.maximum(logs, by_redrawing(*(
        type(of)(*(x.reshape(len(a[0]), -1, k).swapaxes(0, 1) for x in of))
        for of in (apart(seen, offset), apart(again, many))))))
    worst, rows = (seen.amount / seen.weight).argmax(axis=1), np.arange(len(seen.amount))
    sure = _interval(seen)[rows, worst] > 0
    return found | {
        "each against the rest, relabelled, Holm": _holm(linear).min(axis=1),
        "each against the rest, log, relabelled, Holm": _holm(logs).min(axis=1),
        CHOSEN: chosen.min(axis=1),
        "the worst is worse: as before, and its interval": np.where(
            sure, _holm(linear)[rows, worst], 1.0),
        "the worst is worse: as chosen, and its interval": np.where(
            sure, chosen[rows, worst], 1.0)}


def _against(sums: Sums, offset: np.ndarray | None, k: int) -> np.ndarray:
    """|t| of each group against the rest (draws, tables, groups)."""
    found = apart(sums, offset)  # type: ignore[arg-type]
    t = np.abs(studentised(found.gap, np.zeros_like(found.gap), found.variance))
    return t.reshape(-1, DRAWS, k).swapaxes(0, 1) if len(t) > CHUNK else t[None]


def _each(seen: np.ndarray, null: np.ndarray) -> np.ndarray:
    return p_value(seen[0], null)


def _statistics(sums: Sums) -> dict[str, np.ndarray]:
    rates, variances = sums.amount / sums.weight, group_variance(*sums)
    each = apart(sums, None)
    return {"max minus min": np.ptp(rates, axis=1), "Welch": _welch(rates, sums),
            "Welch of log rates": _q(np.log(rates), variances / rates**2),
            "largest |t| against the rest": np.abs(
                studentised(each.gap, np.zeros_like(each.gap), each.variance)).max(axis=1)}


def _reached(seen: np.ndarray, null: np.ndarray) -> np.ndarray:
    return p_value(seen, null.reshape(len(seen), -1).T)


def _resampled(world: World, rng: np.random.Generator, a: np.ndarray, w: np.ndarray, seen: Sums
               ) -> dict[str, np.ndarray]:
    """Speakers drawn, or the signs of what they deviate by, within their groups: around the rates
    that were seen, which makes them equal."""
    inside = np.eye(len(world.sizes))[world.label].T
    rates, variances = seen.amount / seen.weight, group_variance(*seen)
    q, n = _q(rates, variances), a.shape[1]
    counts = np.concatenate([rng.multinomial(size, np.full(size, 1 / size), DRAWS)
                             for size in world.sizes], axis=1)
    drawn = _sums(counts[:, None, :] * inside, a, w)
    around = drawn.amount / drawn.weight - np.repeat(rates, DRAWS, axis=0)
    signs = rng.choice([-1.0, 1.0], (DRAWS, len(world.label)))
    wild = _sums(signs[:, None, :] * inside, a - rates.T[world.label] * w, w)
    error, weight = wild.amount, np.repeat(seen.weight, DRAWS, axis=0)
    shift = error / weight
    squares = np.repeat(variances * seen.weight**2, DRAWS, axis=0) * (
        1 - 1 / np.repeat(seen.size, DRAWS, axis=0))
    left = squares - 2 * shift * wild.squares[1] + shift**2 * np.repeat(
        seen.squares[2], DRAWS, axis=0)
    scale = np.array(world.sizes) / (np.array(world.sizes) - 1)
    return {"Welch, redrawn": _reached(q, _q(around, group_variance(*drawn))),
            "Welch, wild bootstrap": _reached(q, _q(shift, scale * left / weight**2)
                                                .reshape(n, -1))}


# The tables

def judged(world: World, rng: np.random.Generator, repetitions: int) -> dict[str, float]:
    """Share of the tables in which each test rejects."""
    parts = [p_values(world, rng, CHUNK) for _ in range(repetitions // CHUNK)]
    return {name: float(np.mean([part[name] <= LEVEL for part in parts])) for name in parts[0]}


def covered(world: World, rng: np.random.Generator, n: int) -> np.ndarray:
    """Share of ``n`` tables in which the 95 % interval of each group's gap to the rest holds the
    planted one, 0 where rates are equal; (groups,)."""
    k, (a, w) = len(world.sizes), world.tables(rng, n)
    inside = np.eye(k)[world.label]
    hits = np.zeros(k)
    for table in range(n):
        sums = SpeakerSums(np.arange(len(a)), tuple(map(str, range(k))), ("",),
                           (a[:, table, None] * inside)[..., None],
                           (w[:, table, None] * inside)[..., None], np.zeros((3, k, 1)))
        found = intervals(with_rest(sums), [Contrast((g, 0), (k + g, 0)) for g in range(k)],
                          Resampling(DRAWS, table))
        hits += [each.low <= 0 <= each.high for each in found]
    return hits / n


def told(found: dict[str, dict[str, float]]) -> str:
    """A table (Markdown) of every test: its largest size with its world, its mean size, its mean
    power, in per cent; those that keep to MOST first, the most powerful first."""
    equal = {world.name for world in worlds() if set(world.worse) == {1.0}}
    rows = []
    for test in next(iter(found.values())):
        sizes = {name: shares[test] for name, shares in found.items() if name in equal}
        power = [shares[test] for name, shares in found.items() if name not in equal]
        where = max(sizes, key=lambda name: sizes[name])
        mean = np.mean(list(sizes.values()))
        rows.append((sizes[where] > MOST, -np.mean(power), f"| {test} | {100 * sizes[where]:.1f} "
                     f"({where}) | {100 * mean:.1f} | {100 * np.mean(power):.1f} |"))
    return "\n".join(["| test | largest size | mean size | mean power |", "|---|---|---|---|",
                      *(row for *_, row in sorted(rows))])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2_000)
    parser.add_argument("--only", default="", help="part of a world's name")
    parser.add_argument("--coverage", action="store_true",
                        help="of the intervals of gaps, where rates are equal, in place of tests")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    found: dict[str, dict[str, float]] = {}
    for i, world in enumerate(worlds()):
        if options.only not in world.name or (
                options.coverage and set(world.worse) != {1.0}):
            continue
        if options.coverage:
            shares = covered(world, np.random.default_rng([options.seed, i]), options.repetitions)
            print(f"{world.name}: " + ", ".join(f"{100 * share:.1f}" for share in shares))
        else:
            start = time.perf_counter()
            found[world.name] = judged(world, np.random.default_rng([options.seed, i]),
                                       options.repetitions)
            print(f"{world.name} ({time.perf_counter() - start:.0f} s)\n  " + "\n  ".join(
                f"{100 * share:5.1f}  {name}" for name, share in found[world.name].items()),
                flush=True)
            if options.out:
                options.out.write_text(json.dumps(found, indent=1))
    if found:
        print(told(found))


if __name__ == "__main__":
    main()
