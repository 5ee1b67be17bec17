"""How often is an honest column taken for an outcome, and an outcome found?

    python -m benchmarks.outcome_columns [--worlds 200]

Errors are Poisson around a rate that differs between speakers (log-normal, sigma 0.4). Honest
columns shift the rate of whole speakers by up to thirty times, or of single utterances, or are
noise levels that the rate follows; outcomes are functions of the rate that was measured. Short
texts have 4, 8 or 12 words, all of them or on average; there words go wrong by luck (binomial)
around the rates of speakers, and the worlds pass through lengths and rates.
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
import pandas as pd

from evalkit.statistics.bins import binned
from evalkit.statistics.labels import labels_of
from evalkit.statistics.outcome_columns import ALPHA, determines

HONEST = ("nothing", "twice", "five times", "thirty times", "thirty times, speakers alike",
          "thirty times, rate of speakers", "room", "noise level")
LEAKS = ("rate", "errors", "rounded accuracy", "good or bad", "perfect or not", "rate of speakers")
FACTOR = {"nothing": 1.0, "twice": 2.0, "five times": 5.6, "room": 6.0}


SHORT_HONEST = ("nothing, short", "5 and 45 %, short", "1 and 45 %, short", "3 and 90 %, short",
                "5 and 45 %, rooms, short", "5 and 45 % in bursts, short", "length, short")
SHORT_LEAKS = ("more than one error, short", "perfect or not, short", "rate over 20 %, short",
               "three labels by errors, short", "three labels by rate, short",
               "rate of speakers, short")
RATES = {"1 and": (0.01, 0.45), "3 and": (0.03, 0.9), "5 and": (0.05, 0.45)}
LENGTHS = (4, 8, 12)


class World(NamedTuple):
    """Labels (n,), and amounts and weights of the same units."""

    labels: pd.Series
    amount: np.ndarray
    weight: np.ndarray


def made(kind: str, i: int, seed: int, speakers: int = 200, each: int = 10) -> World:
    """The ``i``-th world of a kind of column."""
    rng = np.random.default_rng([i, seed])
    if kind.endswith("short"):
        return _units(kind, _short(kind, i, rng, np.repeat(np.arange(speakers), each)))
    return _units(kind, _long(kind, rng, np.repeat(np.arange(speakers), each)))


def _long(kind: str, rng: np.random.Generator, owner: np.ndarray, words: int = 16) -> pd.DataFrame:
    speakers = int(owner.max()) + 1
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
    return pd.DataFrame({"owner": owner, "harmed": harmed, "noise": noise, "errors": errors,
                         "weight": weight})


def _short(kind: str, i: int, rng: np.random.Generator, owner: np.ndarray) -> pd.DataFrame:
    speakers, words = int(owner.max()) + 1, LENGTHS[i % len(LENGTHS)]
    low, high = RATES.get(kind[:5], ((0.05, 0.1, 0.2)[i // 6 % 3],) * 2)
    harmed = (rng.random(speakers) < 0.1 + 0.4 * rng.random())[owner]
    if "rooms" in kind:
        harmed = rng.random(len(owner)) < 0.3
    alike = i // 2 % 2 and kind in SHORT_HONEST
    rate = np.exp((0.0 if alike else 0.4) * rng.standard_normal(speakers))[owner]
    rate = np.minimum(rate * np.where(harmed, high, low), 0.98)
    weight = np.full(len(owner), words)
    if i % 2:
        weight = rng.integers(words // 2, 2 * words, len(owner))
    errors = rng.binomial(weight, rate)
    if "bursts" in kind:
        errors = np.minimum(errors + rng.binomial(errors, 0.3), weight)
    return pd.DataFrame({"owner": owner, "harmed": harmed, "errors": errors.astype(float),
                         "weight": weight.astype(float)})


def _units(kind: str, rows: pd.DataFrame) -> World:
    """The labels of a kind, of utterances or of speakers."""
    if "rate of speakers" in kind:
        rows = rows.groupby("owner").agg({"errors": "sum", "weight": "sum", "harmed": "first"})
    label = _LABELS.get(kind.removesuffix(", short"), lambda rows: rows["harmed"])(rows)
    return World(binned(labels_of(pd.Series(label))), rows["errors"].to_numpy(),
                 rows["weight"].to_numpy())


def _rate(rows: pd.DataFrame) -> pd.Series:
    return rows["errors"] / rows["weight"]


def _three(value: pd.Series, low: float, high: float) -> np.ndarray:
    return np.select([value > high, value > low], ["hard", "medium"], "easy")


_LABELS: dict[str, Callable[[pd.DataFrame], pd.Series | np.ndarray]] = {
    "noise level": lambda rows: rows["noise"], "length": lambda rows: rows["weight"],
    "rate": _rate, "rate of speakers": _rate, "errors": lambda rows: rows["errors"],
    "rounded accuracy": lambda rows: (1 - _rate(rows)).round(1),
    "good or bad": lambda rows: _rate(rows) > 0.2, "rate over 20 %": lambda rows: _rate(rows) > 0.2,
    "perfect or not": lambda rows: rows["errors"] > 0,
    "more than one error": lambda rows: rows["errors"] > 1,
    "three labels by errors": lambda rows: _three(rows["errors"], 0, 2),
    "three labels by rate": lambda rows: _three(_rate(rows), 0.1, 0.3)}


def main() -> None:
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--worlds", type=int, default=200)
    worlds = parser.parse_args().worlds
    for title, kinds in ((f"honest columns taken for outcomes (at most {ALPHA:.0%})",
                          HONEST + SHORT_HONEST), ("outcomes found", LEAKS + SHORT_LEAKS)):
        print(title)
        for kind in kinds:
            found = [determines(*made(kind, i, 3)) for i in range(worlds)]
            print(f"  {kind:32} {100 * np.mean(found):5.1f} %", flush=True)


if __name__ == "__main__":
    main()
