"""How long the statistics take, beside what a user would otherwise run.

    python benchmarks/statistics_speed.py
"""

from __future__ import annotations

import resource
import time
from collections.abc import Callable

import numpy as np
import pandas as pd
from sklearn.metrics import roc_curve

from evalkit.statistics.bootstrap import Contrast, Resampling, intervals
from evalkit.statistics.detection import detection_intervals, sorted_trials
from evalkit.statistics.poisson import PoissonModel
from evalkit.statistics.sums import SpeakerSums
from evalkit.store.scores import summarise
from evalkit.store.trials import equal_error_rate


def seconds(call: Callable[[], object], repetitions: int = 1) -> float:
    """The best of some wall times."""
    best = np.inf
    for _ in range(repetitions):
        start = time.perf_counter()
        call()
        best = min(best, time.perf_counter() - start)
    return float(best)


def memory() -> float:
    """Peak resident memory of this process, in GB."""
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


def speaker_bootstrap(rng: np.random.Generator) -> None:
    speakers, cohorts, systems = 20_000, 50, 2
    cohort = rng.integers(cohorts, size=speakers)
    words = rng.integers(50, 300, speakers)
    amount, weight = (np.zeros((speakers, cohorts, systems)) for _ in range(2))
    at = np.arange(speakers)
    weight[at, cohort] = words[:, None]
    amount[at, cohort] = rng.poisson(0.1 * words[:, None], (speakers, systems))
    sums = SpeakerSums(at, tuple(map(str, range(cohorts))), ("a", "b"), amount, weight,
                       np.zeros((3, cohorts, systems)))
    contrasts = [Contrast((c, k)) for c in range(cohorts) for k in range(systems)]
    contrasts += [Contrast((c, 0), (c, 1)) for c in range(cohorts)]
    ours = seconds(lambda: intervals(sums, contrasts, Resampling(10_000), "studentised"))
    print(f"10,000 draws, {speakers} speakers x {cohorts} cohorts x {systems} systems, "
          f"{len(contrasts)} intervals: {ours:.1f} s, peak {memory():.2f} GB")

    rows = pd.DataFrame({"cohort": np.repeat(cohort, 10), "amount": rng.poisson(1.5, 10 * speakers),
                         "weight": 15})

    def row_wise(draws: int = 10) -> None:
        for _ in range(draws):
            drawn = rows.iloc[rng.integers(len(rows), size=len(rows))]
            total = drawn.groupby("cohort")[["amount", "weight"]].sum()
            total["amount"] / total["weight"]

    peer = seconds(row_wise) * 1_000
    print(f"  resampling {len(rows)} rows and grouping, 1 system: {peer:.0f} s (from 10 draws), "
          f"{peer / ours:.0f} times as long")


def error_rate(rng: np.random.Generator) -> None:
    n = 5_000_000
    labels = rng.random(n) < 0.1
    scores = rng.normal(size=n) + 2 * labels
    sort = seconds(lambda: np.argsort(scores), 3)
    ours = seconds(lambda: equal_error_rate(scores, labels), 3)
    peer = seconds(lambda: roc_curve(labels, scores))
    print(f"equal error rate of {n} trials: {ours:.2f} s; numpy.argsort {sort:.2f} s (ratio "
          f"{ours / sort:.2f}); scikit-learn's roc_curve {peer:.2f} s (ratio {peer / sort:.2f})")


def error_rate_intervals(rng: np.random.Generator) -> None:
    n = 200_000
    sides = [rng.integers(2_000, size=n) for _ in range(2)]
    label = rng.random(n) < 0.5
    sides[1] = np.where(label, sides[0], sides[1])
    trials = pd.DataFrame({"enroll_id": sides[0].astype(str), "test_id": sides[1].astype(str),
                           "label": label, "score": rng.normal(size=n) + 2 * label})
    table = sorted_trials(trials, {str(i): str(i) for i in range(2_000)})
    took = seconds(lambda: detection_intervals(table, 1.0))
    print(f"intervals of 5 rates of {n} trials, 1,000 draws of 2,000 speakers: {took:.1f} s")


def summary(rng: np.random.Generator) -> None:
    n = 1_000_000
    scores = pd.DataFrame({
        "metric": "wer", "group": rng.choice(list("abcdefgh"), n), "error": None,
        "utterance_id": np.arange(n).astype(str), "amount": rng.poisson(1, n).astype(float),
        "speaker_id": rng.integers(20_000, size=n).astype(str), "weight": 10.0})
    took = seconds(lambda: summarise(scores, ["group", "metric"]))
    print(f"{n} utterances summarised by 8 groups: {took:.2f} s")


def regression(rng: np.random.Generator) -> None:
    n, speakers = 100_000, 2_000
    speaker = rng.integers(speakers, size=n)
    rows = pd.DataFrame(rng.normal(size=(n, 6)), columns=list("abcdef")).assign(
        speaker_id=speaker, group=(speaker % 4).astype(str),
        weight=rng.integers(1, 30, n).astype(float))
    effect = np.exp(0.4 * rng.normal(size=speakers))[speaker] * np.exp(0.1 * rows["a"])
    rows["amount"] = rng.poisson(0.1 * rows["weight"] * effect)
    model = PoissonModel(rows, ("group",), tuple("abcdef"))
    took = seconds(model.fit)
    print(f"mixed-effects Poisson, {n} utterances, {speakers} speakers, "
          f"{len(model.fit().beta)} coefficients: {took:.2f} s")


def main() -> None:
    rng = np.random.default_rng(0)
    for benchmark in (speaker_bootstrap, error_rate, error_rate_intervals, summary, regression):
        benchmark(rng)


if __name__ == "__main__":
    main()
