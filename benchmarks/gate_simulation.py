"""Do gates stay silent on noise, and catch what is confined to one region? Planted, many times.

    python benchmarks/gate_simulation.py [--repetitions 1000] [--only TEXT] [--out FILE.json]

A speaker has 4 to some 60 utterances of 3 to 20 words; errors are Poisson around a word error
rate of 15 % times a log-normal speaker effect (sigma 0.5). Two versions of a system share some
of their errors and make the others anew: all but 30 % where the same system is decoded again,
all but half where it was trained again, which also moves every speaker's rate up or down by a
tenth (log-normal, mean 1), so that the two versions are not exchangeable, only equal on average.
"""

from __future__ import annotations

import argparse
import json
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pandas as pd

from evalkit.compare.baseline import Candidate
from evalkit.compare.comparison import decide
from evalkit.compare.gates import Gate, Gates
from evalkit.core.types import Fact
from evalkit.statistics.bootstrap import Resampling
from evalkit.statistics.detection import sorted_trials, speaker_values
from evalkit.store.documents.baseline import Baseline, Block, Cell, Facts, TrialCell
from evalkit.store.documents.comparison import Tolerance
from evalkit.store.documents.run import Normaliser

Plan = Callable[[np.random.Generator], tuple[Baseline, Candidate]]
RATE = 0.15
SIGMA = 0.5
FACTS = Facts(created="", evalkit="", command="score",
              metrics={name: Fact("%", False, "") for name in ("wer", "eer")},
              normaliser=Normaliser(name="", version=""), alignment_costs="",
              corpus={"name": "", "digest": ""}, resampler="", conditions={}, pipelines={},
              trials=None)


@dataclass(frozen=True)
class Noise:
    """How two versions differ by chance: the share of errors made anew, and the deviation of
    what happens to a speaker's rate."""

    anew: float
    moved: float


DECODED_AGAIN, TRAINED_AGAIN = Noise(0.3, 0.0), Noise(0.5, 0.1)
WITHIN, FIVE = Tolerance(relative=0.02), Tolerance(relative=0.05)


def plant(rng: np.random.Generator, n_groups: int, size: int, noise: Noise,
          worse: tuple[float, float] = (1.0, 1.0)) -> tuple[Baseline, Candidate]:
    """Two versions on ``n_groups`` regions of ``size`` speakers; ``worse`` is how many times as
    high the rate of the first region is under the candidate, and that of the others."""
    n = n_groups * size
    region = np.repeat(np.arange(n_groups), size)
    utterances = 4 + rng.negative_binomial(2, 0.12, n)
    words = np.array([rng.integers(3, 21, k).sum() for k in utterances], float)
    errors = RATE * words * np.exp(SIGMA * rng.standard_normal(n) - SIGMA**2 / 2)
    moved = np.exp(noise.moved * rng.standard_normal(n) - noise.moved**2 / 2)
    moved *= np.where(region == 0, *worse)
    shared = rng.poisson((1 - noise.anew) * errors)
    before = shared + rng.poisson(noise.anew * errors)
    # What a speaker's move takes away comes off the shared errors, what it adds is new.
    after = (rng.binomial(shared, np.minimum(moved, 1.0))
             + rng.poisson(noise.anew * errors * moved
                           + (1 - noise.anew) * errors * np.maximum(moved - 1, 0.0)))
    blocks = [Block(speaker=f"s{i:05}", labels=[[f"r{region[i]}"]], utterances=[f"u{i}"])
              for i in range(n)]

    def cell(of: np.ndarray) -> Cell:
        return Cell(pipeline="asr", condition="given", metric="wer", amount=of.tolist(),
                    weight=words.tolist(), n=utterances.tolist(), failed=[])

    base = Baseline(name="base", facts=FACTS, columns=["region"], blocks=blocks,
                    scores=[cell(before)], trials=[], outcomes={}, left_out=[])
    there = frozenset(u for block in blocks for u in block.utterances)
    return base, Candidate("candidate", FACTS, there, [cell(after)], [])


def plant_trials(rng: np.random.Generator, n: int, noise: Noise, worse: float = 1.0
                 ) -> tuple[Baseline, Candidate]:
    """Two versions of an encoder on every pair of four utterances of ``n`` speakers, whose voices
    are points in 24 dimensions; what a version adds to an utterance is ``worse`` times as large
    under the candidate."""
    speaker = np.repeat(np.arange(n), 4)
    heard = rng.standard_normal((n, 24))[speaker]
    heard += 1.2 * np.exp(0.3 * rng.standard_normal((n, 1)))[speaker] * rng.standard_normal(
        heard.shape)
    names = {str(i): f"s{s:04}" for i, s in enumerate(speaker)}
    i, j = np.triu_indices(len(speaker), 1)
    cells = []
    for factor in (1.0, worse):
        moved = factor * np.exp(noise.moved * rng.standard_normal((n, 1)))[speaker]
        voice = heard + 0.5 * moved * rng.standard_normal(heard.shape)
        voice /= np.linalg.norm(voice, axis=1, keepdims=True)
        trials = sorted_trials(pd.DataFrame({
            "enroll_id": i.astype(str), "test_id": j.astype(str),
            "label": speaker[i] == speaker[j], "score": (voice[i] * voice[j]).sum(axis=1)}), names)
        cells.append(TrialCell(
            pipeline="asr", condition="given", metric="eer", column=None, group=None, trials="",
            n=len(i), n_failed=0, speakers=trials.speakers.tolist(),
            values=speaker_values(trials)["eer"].tolist()))
    blocks = [Block(speaker=f"s{s:04}", labels=[], utterances=[f"u{s}"]) for s in range(n)]
    base = Baseline(name="base", facts=FACTS, columns=[], blocks=blocks, scores=[],
                    trials=cells[:1], outcomes={}, left_out=[])
    return base, Candidate("candidate", FACTS, frozenset(base.block_of), [], cells[1:])


VERDICTS = ("fail", "inconclusive", "pass")


def shares(rng: np.random.Generator, repetitions: int, gates: Sequence[Gates],
           planted: Plan) -> list[dict[str, float]]:
    """How often each of ``gates`` says each of VERDICTS of the candidate."""
    said: list[Counter[str]] = [Counter() for _ in gates]
    for repetition in range(repetitions):
        base, candidate = planted(rng)
        for count, asked in zip(said, gates, strict=True):
            found = decide(base, candidate, asked, resampling=Resampling(400, repetition))
            statuses = {result.status for result in found.gates}
            count["fail" if "failed" in statuses else
                  "inconclusive" if "inconclusive" in statuses else "pass"] += 1
    return [{verdict: count[verdict] / repetitions for verdict in VERDICTS} for count in said]


def gates(*scopes: str, tolerance: Tolerance = Tolerance()) -> Gates:  # noqa: B008
    return Gates(gates=[Gate(metric="wer", scope=s, tolerance=tolerance) for s in scopes])


EVERYWHERE = ("overall", "every region")
EXPERIMENTS: dict[str, tuple[dict[str, Gates], Plan]] = {}
for _name, _noise in (("decoded again", DECODED_AGAIN), ("trained again", TRAINED_AGAIN)):
    EXPERIMENTS |= {
        f"no change, {_name}, {n} groups of {size}":
            ({"overall and every region, no tolerance": gates(*EVERYWHERE)},
             partial(plant, n_groups=n, size=size, noise=_noise))
        for n, size in ((1, 60), (8, 60), (40, 60), (40, 8))}
    EXPERIMENTS[f"10 % worse in one of 8 regions of 60, {_name}"] = ({
        "overall, 2 % tolerated": gates("overall", tolerance=WITHIN),
        "overall, no tolerance": gates("overall"),
        "every region, 2 % tolerated": gates("every region", tolerance=WITHIN),
        "overall and every region, 2 % tolerated": gates(*EVERYWHERE, tolerance=WITHIN),
        "worst region, 2 % tolerated": gates("worst region", tolerance=WITHIN),
        "gap of regions, no tolerance": gates("gap region"),
    }, partial(plant, n_groups=8, size=60, noise=_noise, worse=(1.1, 1.0)))
    for _worse in (1.0, 1.05, 1.1, 1.15):
        _title = f"{100 * (_worse - 1):.0f} % worse of 60 speakers, {_name}"
        EXPERIMENTS[_title] = (
            {"overall, 5 % tolerated": gates("overall", tolerance=FIVE)},
            partial(plant, n_groups=1, size=60, noise=_noise, worse=(_worse, 1.0)))
    for _title, _elsewhere in (("everywhere", 1.05), ("in one", 1.0)):
        EXPERIMENTS[f"5 % worse {_title} of 8 regions of 60, {_name}"] = (
            {"every region, 5 % tolerated": gates("every region", tolerance=FIVE)},
            partial(plant, n_groups=8, size=60, noise=_noise, worse=(1.05, _elsewhere)))
EER = {"eer overall, no tolerance": Gates(gates=[Gate(metric="eer")])}
EXPERIMENTS |= {
    "verification of 40 speakers, no change":
        (EER, partial(plant_trials, n=40, noise=DECODED_AGAIN)),
    "verification of 40 speakers, no change, trained again":
        (EER, partial(plant_trials, n=40, noise=Noise(1.0, 0.3))),
    "verification of 40 speakers, noise twice as large":
        (EER, partial(plant_trials, n=40, noise=DECODED_AGAIN, worse=2.0))}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=1_000)
    parser.add_argument("--only", default="", help="part of an experiment's title")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = {}
    for i, (title, (named, planted)) in enumerate(EXPERIMENTS.items()):
        if options.only not in title:
            continue
        start = time.perf_counter()
        found = shares(np.random.default_rng([options.seed, i]), options.repetitions,
                       list(named.values()), planted)
        results[title] = dict(zip(named, found, strict=True))
        print(f"\n{title} ({options.repetitions} repetitions, {time.perf_counter() - start:.0f} s)")
        for name, said in results[title].items():
            print(f"  {name:42}", "; ".join(
                f"{100 * share:5.1f} % {verdict} "
                f"(s.e. {100 * (share * (1 - share) / options.repetitions) ** 0.5:.1f})"
                for verdict, share in said.items()), flush=True)
    if options.out:
        options.out.write_text(json.dumps({"repetitions": options.repetitions,
                                           "results": results}, indent=2))


if __name__ == "__main__":
    main()
