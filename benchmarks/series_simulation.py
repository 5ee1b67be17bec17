"""How often does a series of releases raise a false alarm? Planted, many times.

    python -m benchmarks.series_simulation [--series 500] [--only TEXT] [--out FILE.json]

Releases that are no worse than the baseline, or all worse by the same, are compared with it one
after the other, on the same speakers; ``today`` takes each by itself. Speakers, words and noise are
those of gate_simulation.py: every release shares errors with the baseline and with the others.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.gate_simulation import (
    DECODED_AGAIN,
    EVERYWHERE,
    FACTS,
    RATE,
    SIGMA,
    TRAINED_AGAIN,
    Noise,
    gates,
)
from evalkit.compare.baseline import Candidate
from evalkit.compare.comparison import decide
from evalkit.compare.gates import Gates
from evalkit.compare.series import Place, after, at_look
from evalkit.statistics.bootstrap import Resampling
from evalkit.store.documents.baseline import Baseline, Block, Cell
from evalkit.store.documents.comparison import Comparison

LOOKS = (1, 2, 5, 10, 20, 50, 100)


class World:
    """Speakers, what they said, and the errors of the baseline."""

    def __init__(self, rng: np.random.Generator, n_groups: int, size: int, noise: Noise) -> None:
        self.rng, self.noise, n = rng, noise, n_groups * size
        self.utterances = 4 + rng.negative_binomial(2, 0.12, n)
        self.words = np.array([rng.integers(3, 21, k).sum() for k in self.utterances], float)
        self.errors = RATE * self.words * np.exp(SIGMA * rng.standard_normal(n) - SIGMA**2 / 2)
        self.shared = rng.poisson((1 - noise.anew) * self.errors)
        blocks = [Block(speaker=f"s{i:05}", labels=[[f"r{i // size}"]], utterances=[f"u{i}"])
                  for i in range(n)]
        self.base = Baseline(
            name="base", facts=FACTS, columns=["region"], blocks=blocks,
            scores=[self._cell(self.shared + rng.poisson(noise.anew * self.errors))], trials=[],
            outcomes={}, left_out=[])

    def release(self, worse: float, speakers: int | None = None) -> Candidate:
        """One whose rate is so many times as high, of all ``speakers`` or of the first ones."""
        rng, noise = self.rng, self.noise
        higher = np.where(np.arange(len(self.words)) < (speakers or len(self.words)), worse, 1.0)
        moved = higher * np.exp(noise.moved * rng.standard_normal(len(self.words))
                               - noise.moved**2 / 2)
        new = noise.anew * moved + (1 - noise.anew) * np.maximum(moved - 1, 0.0)
        after = (rng.binomial(self.shared, np.minimum(moved, 1.0))
                 + rng.poisson(new * self.errors))
        there = frozenset(u for block in self.base.blocks for u in block.utterances)
        return Candidate("release", FACTS, there, [self._cell(after)], [])

    def _cell(self, of: np.ndarray) -> Cell:
        return Cell(pipeline="asr", condition="given", metric="wer", amount=of.tolist(),
                    weight=self.words.tolist(), n=self.utterances.tolist(), failed=[])


@dataclass(frozen=True)
class Experiment:
    """So many releases on ``n_groups`` regions of ``size`` speakers, all ``worse`` by the same,
    everywhere or in one region."""

    asked: Gates
    noise: Noise
    n_groups: int
    size: int
    releases: int
    worse: float = 1.0
    one_region: bool = False

    @property
    def looks(self) -> list[int]:
        """Which releases are judged: all of them, or of those that are worse some, each as if none
        before it had failed."""
        every = range(1, self.releases + 1)
        return [*every] if self.worse == 1.0 else [look for look in LOOKS if look in every]


def judged(experiment: Experiment, seed: int, number: int) -> Iterator[tuple[bool, bool]]:
    """Whether each release fails in the series, and by itself."""
    rng = np.random.default_rng([seed, number])
    world = World(rng, experiment.n_groups, experiment.size, experiment.noise)
    place = at_look(experiment.asked.schedule, 1)
    for look in experiment.looks:
        release = world.release(experiment.worse, experiment.size * experiment.one_region)
        found = decide(world.base, release, experiment.asked, resampling=Resampling(400, look),
                       place=_place(experiment, place, look))
        yield found.outcome == "regression", _fails_alone(found)
        if found.series is not None:
            place = after(found.series)


def _place(experiment: Experiment, place: Place, look: int) -> Place:
    return place if experiment.worse == 1.0 else at_look(experiment.asked.schedule, look)


def _fails_alone(found: Comparison) -> bool:
    return any(check.worsening > check.budget and check.p_beyond <= found.level
               for result in found.gates for check in result.checks)


EXPERIMENTS = {
    "null, decoded again, overall of 60":
        Experiment(gates("overall"), DECODED_AGAIN, 1, 60, 100),
    "null, trained again, overall of 60":
        Experiment(gates("overall"), TRAINED_AGAIN, 1, 60, 100),
    "null, decoded again, overall and each of 8 regions of 30":
        Experiment(gates(*EVERYWHERE), DECODED_AGAIN, 8, 30, 20),
    "null, trained again, overall and each of 8 regions of 30":
        Experiment(gates(*EVERYWHERE), TRAINED_AGAIN, 8, 30, 20),
    "power, decoded again, overall of 60, 5.5 % worse":
        Experiment(gates("overall"), DECODED_AGAIN, 1, 60, 20, 1.055),
    "power, trained again, overall of 60, 9 % worse":
        Experiment(gates("overall"), TRAINED_AGAIN, 1, 60, 20, 1.09),
    "null, decoded again, overall and each of 40 regions of 30":
        Experiment(gates(*EVERYWHERE), DECODED_AGAIN, 40, 30, 20),
    "power, decoded again, each of 8 regions of 60, one 7 % worse":
        Experiment(gates("every region"), DECODED_AGAIN, 8, 60, 20, 1.07, one_region=True),
    "power, trained again, each of 8 regions of 60, one 11 % worse":
        Experiment(gates("every region"), TRAINED_AGAIN, 8, 60, 20, 1.11, one_region=True)}


def share(hits: np.ndarray) -> str:
    """In per cent, with its standard error."""
    found = float(hits.mean())
    return f"{100 * found:5.1f} % (s.e. {100 * (found * (1 - found) / len(hits)) ** 0.5:.1f})"


def report(title: str, looks: list[int], said: np.ndarray) -> dict[str, list[float]]:
    """``said`` (series, looks, 2): failed in the series, and alone."""
    any_so_far = np.maximum.accumulate(said, axis=1)
    shown = said if title.startswith("power") else any_so_far
    what = "release fails" if title.startswith("power") else "any of them failed"
    for i, look in enumerate(looks):
        if look in LOOKS:
            print(f"  after {look:3} releases, {what}: in the series "
                  f"{share(shown[:, i, 0])}, alone {share(shown[:, i, 1])}", flush=True)
    return {"series": shown[..., 0].mean(axis=0).tolist(),
            "alone": shown[..., 1].mean(axis=0).tolist()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--series", type=int, default=500)
    parser.add_argument("--only", default="", help="part of an experiment's title")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path)
    options = parser.parse_args()
    results = {}
    for title, experiment in EXPERIMENTS.items():
        if options.only in title:
            start = time.perf_counter()
            said = np.array([list(judged(experiment, options.seed, number))
                             for number in range(options.series)])
            print(f"\n{title} ({options.series} series, {time.perf_counter() - start:.0f} s)")
            results[title] = report(title, experiment.looks, said)
    if options.out:
        options.out.write_text(json.dumps({"series": options.series, "results": results}, indent=2))


if __name__ == "__main__":
    main()
