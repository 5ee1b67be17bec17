"""Equal error rate, two minimum costs and the curve of trials, beside sorting their scores."""

from __future__ import annotations

import resource
import subprocess
import sys
import time
from collections.abc import Iterator

import numpy as np

from benchmarks.speed.table import Row, ratio
from evalkit.store.trials import SUMMARIES, Classes

SOME, MANY = 5_000_000, 100_000_000


def made(n: int) -> tuple[np.ndarray, np.ndarray]:
    """Scores, and whether a trial is a target, as one in ten is: an equal error rate of 16 %."""
    rng = np.random.default_rng(0)
    labels = rng.random(n) < .1
    scores = rng.standard_normal(n)
    scores[labels] += 2
    return scores, labels


def summarised(scores: np.ndarray, labels: np.ndarray) -> list[float]:
    """As a run's summary does it."""
    classes = Classes.of(scores, labels)
    curve = classes.curve()
    return [classes.equal_error_rate().value, *(cost(curve) for cost in SUMMARIES.values())]


def rows() -> Iterator[Row]:
    scores, labels = made(SOME)
    yield Row(f"EER, minDCF and curve of {SOME:,} trials",
              ratio(lambda: summarised(scores, labels), lambda: np.sort(scores)), 3.5,
              "x np.sort")
    done = subprocess.run([sys.executable, "-m", "benchmarks.speed.trials"], check=True,
                          capture_output=True, text=True)
    processor, wall, peak = map(float, done.stdout.split())
    yield Row(f"the same of {MANY:,} trials", processor, 20, "s", note=f"wall {wall:.0f} s")
    yield Row("memory for that, the scores with it", peak, 3, "GB")


if __name__ == "__main__":
    trials = made(MANY)
    before = time.process_time(), time.perf_counter()
    summarised(*trials)
    print(time.process_time() - before[0], time.perf_counter() - before[1],
          resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024 / 1e9)
