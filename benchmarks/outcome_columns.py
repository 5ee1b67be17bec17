"""How often is an honest column taken for an outcome, and an outcome found?

    python -m benchmarks.outcome_columns [--worlds 200]

Errors are Poisson around a rate that differs between speakers (log-normal, sigma 0.4). Honest
columns shift the rate of whole speakers by up to thirty times, or of single utterances, or are
noise levels that the rate follows; outcomes are functions of the rate that was measured.
"""

from __future__ import annotations

import argparse

import numpy as np
import pandas as pd

from evalkit.statistics.bins import binned
from evalkit.statistics.labels import labels_of
from evalkit.statistics.outcome_columns import ALPHA, determines

HONEST = ("nothing", "twice", "five times", "thirty times", "thirty times, speakers alike",
          "thirty times, rate of speakers", "room", "noise level")
LEAKS = ("rate", "errors", "rounded accuracy", "good or bad", "perfect or not", "rate of speakers")
FACTOR = {"nothing": 1.0, "twice": 2.0, "five times": 5.6, "room": 6.0}


def made(kind: str, rng: np.random.Generator, speakers: int = 200, each: int = 10,
         words: int = 16) -> tuple[pd.Series, np.ndarray]:
    """Labels and rates of the same units, of one of HONEST or LEAKS."""
    owner = np.repeat(np.arange(speakers), each)
    harmed = rng.random(speakers) < 0.3
    harmed = rng.random(len(owner)) < 0.3 if kind == "room" else harmed[owner]
    noise = rng.uniform(0, 20, len(owner))
    sigma = 0.0 if "alike" in kind else 0.4
    rate = np.exp(sigma * rng.standard_normal(speakers))[owner]
    factor = FACTOR.get(kind, 30.0 if kind in HONEST else 2.0)
    rate *= (0.03 if factor > 9 else 0.1) * np.where(harmed, factor, 1.0)
    if kind == "noise level":
        rate = 0.5 * np.exp(-noise / 5)
    weight = rng.integers(words // 2, 2 * words, len(owner)).astype(float)
    errors = np.minimum(rng.poisson(weight * rate), weight)
    return _units(kind, pd.DataFrame({"owner": owner, "harmed": harmed, "noise": noise,
                                      "errors": errors, "weight": weight}))


def _units(kind: str, rows: pd.DataFrame) -> tuple[pd.Series, np.ndarray]:
    """The labels of a kind and the rates, of utterances or of speakers."""
    if "rate of speakers" in kind:
        sums = rows.groupby("owner").agg({"errors": "sum", "weight": "sum", "harmed": "first"})
        rate = (sums["errors"] / sums["weight"]).to_numpy()
        return binned(labels_of(sums["harmed"] if kind in HONEST else pd.Series(rate))), rate
    rate = (rows["errors"] / rows["weight"]).to_numpy()
    columns = {"noise level": rows["noise"], "rate": rate, "errors": rows["errors"],
               "rounded accuracy": (1 - rate).round(1), "good or bad": rate > 0.2,
               "perfect or not": rate > 0}
    return binned(labels_of(pd.Series(columns.get(kind, rows["harmed"])))), rate


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--worlds", type=int, default=200)
    worlds = parser.parse_args().worlds
    for title, kinds in ((f"honest columns taken for outcomes (at most {ALPHA:.0%})", HONEST),
                         ("outcomes found", LEAKS)):
        print(title)
        for kind in kinds:
            found = [determines(*made(kind, np.random.default_rng([i, 3])))
                     for i in range(worlds)]
            print(f"  {kind:32} {100 * np.mean(found):5.1f} %", flush=True)


if __name__ == "__main__":
    main()
