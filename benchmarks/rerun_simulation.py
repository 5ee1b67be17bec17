"""What is the noise between runs of one system worth to a comparison? Planted, many times.

    python -m benchmarks.rerun_simulation [--repetitions 2000] [--only TEXT] [--out FILE.json]

Base and candidate are one system on 60 speakers, or the candidate is 8 % worse. Every run moves the
rates of all speakers together by a log-normal factor (a seed, a temperature, a service on another
day), and makes a share of the errors anew; *trained again*, the candidate also moves every
speaker's rate for good. Means over runs are compared with the variance between runs ``ignored``
(speakers alone), and ``entered`` as `evalkit compare --base-run … --run …` does. Intervals of 95 %:
how often the whole of one lies above 0, and how often it holds the truth.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.gate_simulation import DECODED_AGAIN, RATE, SIGMA, TRAINED_AGAIN, Noise
from evalkit.core.types import Interval
from evalkit.statistics.bootstrap import Contrast, intervals
from evalkit.statistics.decoding import between_runs, with_noise
from evalkit.statistics.sums import SpeakerSums

SPEAKERS = 60


@dataclass(frozen=True)
class World:
    """So many ``runs`` of base and candidate; ``run`` is by how much one differs from another."""

    runs: tuple[int, int]
    run: float
    noise: Noise
    worse: float = 1.0


def plant(rng: np.random.Generator, world: World) -> tuple[np.ndarray, list[np.ndarray]]:
    """Words (speakers,), and errors (speakers, runs) of base and candidate."""
    utterances = 4 + rng.negative_binomial(2, 0.12, SPEAKERS)
    words = np.array([rng.integers(3, 21, k).sum() for k in utterances], float)
    errors = RATE * words * np.exp(SIGMA * rng.standard_normal(SPEAKERS) - SIGMA**2 / 2)
    anew, moves = world.noise.anew, world.noise.moved
    shared = rng.poisson((1 - anew) * errors)
    for_good = world.worse * np.exp(moves * rng.standard_normal(SPEAKERS) - moves**2 / 2)

    def measured(runs: int, moved: np.ndarray) -> np.ndarray:
        common = np.exp(world.run * rng.standard_normal(runs) - world.run**2 / 2)
        factor = moved[:, None] * common
        new = anew * factor + (1 - anew) * np.maximum(factor - 1, 0.0)
        return np.asarray(rng.binomial(shared[:, None], np.minimum(factor, 1.0))
                          + rng.poisson(new * errors[:, None]))

    return words, [measured(world.runs[0], np.ones(SPEAKERS)), measured(world.runs[1], for_good)]


def compared(rng: np.random.Generator, world: World) -> tuple[Interval, Interval]:
    """The change with the variance between runs ignored, and entered."""
    words, sides = plant(rng, world)
    amount = np.stack([side.mean(axis=1) for side in sides], axis=1)[:, None]
    weight = np.stack([words, words], axis=1)[:, None]
    sums = SpeakerSums(np.arange(SPEAKERS), ("all",), ("0", "1"), amount, weight,
                       np.zeros((3, 1, 2)))
    (ignored,) = intervals(sums, [Contrast((0, 1), (0, 0))], method="t")
    noise = between_runs([side / words.sum() for side in sides])
    return ignored, with_noise(ignored, noise, 0.95) if noise else ignored


RUNS = ((1, 1), (1, 3), (2, 2), (3, 3), (5, 5))
EXPERIMENTS = {
    **{f"{name}, runs differ by {100 * run:g} %, {runs[0]} and {runs[1]} runs":
       World(runs, run, noise)
       for name, noise in (("decoded again", DECODED_AGAIN), ("trained again", TRAINED_AGAIN))
       for run in (0.0, 0.03, 0.06) for runs in RUNS},
    **{f"decoded again, 8 % worse, runs differ by {100 * run:g} %, {runs[0]} and {runs[1]} runs":
       World(runs, run, DECODED_AGAIN, 1.08) for run in (0.0, 0.03) for runs in RUNS},
    **{f"trained again, two runs of one version, differing by {100 * run:g} %":
       World((1, 2), run, TRAINED_AGAIN) for run in (0.0, 0.03, 0.06, 0.12)}}


def summary(found: Sequence[Interval], truth: float) -> dict[str, float]:
    """Shares."""
    return {"above 0": float(np.mean([each.low > 0 for each in found])),
            "holds": float(np.mean([each.low <= truth <= each.high for each in found]))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=2_000)
    parser.add_argument("--only", default="", help="part of an experiment's title")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = {}
    for i, (title, world) in enumerate(EXPERIMENTS.items()):
        if options.only not in title:
            continue
        rng, start = np.random.default_rng([options.seed, i]), time.perf_counter()
        found = [compared(rng, world) for _ in range(options.repetitions)]
        truth = RATE * (world.worse - 1)
        results[title] = {name: summary(each, truth) for name, each in zip(
            ("ignored", "entered"), zip(*found, strict=True), strict=True)}
        print(f"{title} ({options.repetitions}, {time.perf_counter() - start:.0f} s):", "; ".join(
            f"{name} " + ", ".join(f"{what} {100 * share:.1f} % (s.e. "
                                   f"{100 * (share * (1 - share) / len(found)) ** 0.5:.1f})"
                                   for what, share in each.items())
            for name, each in results[title].items()), flush=True)
    if options.out:
        options.out.write_text(json.dumps(results, indent=2))


if __name__ == "__main__":
    main()
