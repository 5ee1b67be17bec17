"""The worst slices of a million utterances with ten attributes, against pandas.

    python benchmarks/cohorts_slices_speed.py [--rows N]

The peer is what a user would write: `groupby` by every one, two and three of the same columns,
sums and distinct speakers of every group, the same score, the ten best. Both must find the same.
Five attributes are a speaker's, five change from one utterance to the next, so that hardly two
rows are alike. Without a price on smallness (alpha = 1) only the floors prune: the worst case.
The bar: under 60 s on two cores, peer or no peer.
"""

from __future__ import annotations

import argparse
import resource
import time
from itertools import chain, combinations

import numpy as np
import pandas as pd

from evalkit.cohorts.search.sliceline import find_slices

SIZES = {"gender": 2, "age_band": 6, "accent": 20, "first_language": 15, "device": 12,
         "noise": 10, "room": 8, "distance": 4, "snr": 5, "domain": 18}
OF_SPEAKERS = 5
FLOORS = {"min_weight": 2_000, "min_rows": 500, "min_speakers": 50}
BAR = 60.0


def utterances(n: int, seed: int = 0) -> pd.DataFrame:
    """Labels, errors, words and speakers; a slice of three columns is five times worse."""
    rng = np.random.default_rng(seed)
    speaker = rng.integers(n // 50, size=n)
    table = {}
    for i, (name, size) in enumerate(SIZES.items()):
        codes = rng.integers(size, size=n // 50 if i < OF_SPEAKERS else n)
        codes = codes[speaker] if i < OF_SPEAKERS else codes
        labels = [f"{name} {code}" for code in range(size)]
        table[name] = pd.Categorical.from_codes(codes, labels)
    words = rng.integers(0, 25, n)
    planted = ((table["gender"] == "gender 1") & (table["age_band"] == "age_band 5")
               & (table["distance"] == "distance 3"))
    errors = rng.poisson(words * np.where(planted, 0.6, 0.12))
    return pd.DataFrame({**table, "amount": errors, "weight": words, "speaker": speaker})


def by_groupby(table: pd.DataFrame, alpha: float, k: int = 10) -> list[float]:
    """Scores of the ten best groups of at most three columns."""
    total, rate = table["weight"].sum(), table["amount"].sum() / table["weight"].sum()
    best: list[float] = []
    for by in chain.from_iterable(combinations(SIZES, depth) for depth in (1, 2, 3)):
        groups = table.groupby(list(by), observed=True).agg(
            rows=("amount", "size"), amount=("amount", "sum"), weight=("weight", "sum"),
            speakers=("speaker", "nunique"))
        kept = groups[(groups["rows"] >= FLOORS["min_rows"])
                      & (groups["weight"] >= FLOORS["min_weight"])
                      & (groups["speakers"] >= FLOORS["min_speakers"])]
        score = (alpha * (kept["amount"] / kept["weight"] - rate) / rate
                 - (1 - alpha) * (total / kept["weight"] - 1))
        best = sorted([*best, *score[score > 0]], reverse=True)[:k]
    return best


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    table = utterances(parser.parse_args().rows)
    columns = {name: table[name] for name in SIZES}
    for alpha in (0.95, 1.0):
        before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        started = time.perf_counter()
        found = find_slices(columns, table["amount"].to_numpy(), table["weight"].to_numpy(),
                            speakers=table["speaker"], alpha=alpha, **FLOORS)
        ours = time.perf_counter() - started
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        print(f"alpha {alpha}: the worst of {len(found)} is {found[0]}, rate {found[0].rate:.3f}")
        print(f"  evalkit {ours:.1f} s (bar {BAR:.0f}), "
              f"{(peak - before) / 1024:.0f} MB above what the process had held", flush=True)
        started = time.perf_counter()
        theirs = by_groupby(table, alpha)
        seconds = time.perf_counter() - started
        np.testing.assert_allclose([s.score for s in found], theirs, rtol=1e-9)
        print(f"  pandas {seconds:.1f} s, ratio {ours / seconds:.3f}", flush=True)


if __name__ == "__main__":
    main()
