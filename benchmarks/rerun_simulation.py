"""What is the noise between runs of one system worth to a gate? Planted, many times.

    python -m benchmarks.rerun_simulation [--repetitions 400] [--only TEXT] [--out FILE.json]

Both versions are one system, or the candidate is worse by so much. Every run moves the rates of all
60 speakers together by a log-normal factor (``run``: a seed, a temperature, a service on another
day), and makes a share of the errors anew. ``ignored`` compares one run of each, or the means of
several as if they were one; ``entered`` is `evalkit compare --base-run … --run …`.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.gate_simulation import DECODED_AGAIN, FACTS, RATE, SIGMA, gates
from evalkit.compare.baseline import Candidate
from evalkit.compare.comparison import decide
from evalkit.compare.reruns import NO_RERUNS, Reruns, together
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.documents.baseline import Baseline, Block, Cell
from evalkit.store.documents.comparison import Check

SPEAKERS = 60
ASKED = gates("overall")


@dataclass(frozen=True)
class World:
    """So many ``runs`` of base and candidate; ``run`` is by how much one differs from another."""

    runs: tuple[int, int]
    run: float
    worse: float = 1.0


def plant(rng: np.random.Generator, world: World) -> tuple[Baseline, Candidate, Reruns]:
    """One comparison."""
    utterances = 4 + rng.negative_binomial(2, 0.12, SPEAKERS)
    words = np.array([rng.integers(3, 21, k).sum() for k in utterances], float)
    errors = RATE * words * np.exp(SIGMA * rng.standard_normal(SPEAKERS) - SIGMA**2 / 2)
    shared = rng.poisson((1 - DECODED_AGAIN.anew) * errors)
    blocks = [Block(speaker=f"s{i:05}", labels=[], utterances=[f"u{i}"]) for i in range(SPEAKERS)]

    def measured(worse: float) -> Cell:
        moved = worse * np.exp(world.run * rng.standard_normal() - world.run**2 / 2)
        new = DECODED_AGAIN.anew * moved + (1 - DECODED_AGAIN.anew) * max(moved - 1, 0.0)
        found = rng.binomial(shared, min(moved, 1.0)) + rng.poisson(new * errors)
        return Cell(pipeline="asr", condition="given", metric="wer", amount=found.tolist(),
                    weight=words.tolist(), n=utterances.tolist(), failed=[])

    base = Baseline(name="base", facts=FACTS, columns=[], blocks=blocks, scores=[measured(1.0)],
                    trials=[], outcomes={}, left_out=[])
    there = frozenset(base.block_of)
    before, after = ([Candidate("run", FACTS, there, [measured(worse)], []) for _ in range(n)]
                     for n, worse in ((world.runs[0] - 1, 1.0), (world.runs[1], world.worse)))
    return base, after[0], Reruns(before, after[1:])


def checks(rng: np.random.Generator, world: World, repetition: int) -> tuple[Check, Check]:
    """With the noise of decoding ignored, and entered."""
    base, candidate, reruns = plant(rng, world)
    means = together(base, candidate, reruns)
    resampling = Resampling(400, repetition)
    ignored, entered = (
        decide(*pair, ASKED, resampling=resampling, reruns=more).gates[0].checks[0]
        for *pair, more in ((means.base, means.candidate, NO_RERUNS), (base, candidate, reruns)))
    return ignored, entered


EXPERIMENTS = {
    **{f"null, runs differ by {100 * run:g} %, {runs[0]} and {runs[1]} runs": World(runs, run)
       for run in (0.0, 0.03, 0.06) for runs in ((1, 1), (1, 3), (2, 2), (3, 3), (5, 5))},
    **{f"8 % worse, runs differ by {100 * run:g} %, {runs[0]} and {runs[1]} runs":
       World(runs, run, 1.08) for run in (0.0, 0.03) for runs in ((1, 1), (3, 3), (5, 5))}}


def summary(found: Sequence[Check], truth: float) -> dict[str, float]:
    """Shares of comparisons that fail, and whose interval has the truth."""
    return {"fails": float(np.mean([check.status == "failed" for check in found])),
            "covers": float(np.mean([check.change.low <= truth <= check.change.high
                                     for check in found]))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=400)
    parser.add_argument("--only", default="", help="part of an experiment's title")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = {}
    for title, world in EXPERIMENTS.items():
        if options.only not in title:
            continue
        rng, start = np.random.default_rng([options.seed, len(title)]), time.perf_counter()
        found = [checks(rng, world, i) for i in range(options.repetitions)]
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
