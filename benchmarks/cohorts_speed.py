"""Is the geographic tree twice as fast as scikit-learn's, and k-means no slower?

    python benchmarks/cohorts_speed.py [--rows 1000000] [--vectors 200000]

126 regions of a million speakers beside DecisionTreeRegressor(max_leaf_nodes=126) on the same
rows, and the clusters and memberships of 200,000 vectors of 192 numbers beside MiniBatchKMeans
alone, in the same run on one thread, the better of two repetitions each. Bars: half the time
and under 1 GB for the tree, the same time for k-means.
"""

from __future__ import annotations

import argparse
import time
import tracemalloc
from collections.abc import Callable

import numpy as np
from sklearn.cluster import MiniBatchKMeans
from sklearn.tree import DecisionTreeRegressor
from threadpoolctl import threadpool_limits

from evalkit.cohorts.finders.clusters import fit, nearest
from evalkit.cohorts.search.partition import Growth, grower, value_axis
from evalkit.cohorts.speakers import Outcomes

REGIONS, CLUSTERS, DIMENSION = 126, 50, 192


def timed(work: Callable[[], object]) -> float:
    """Seconds of the better of two repetitions."""
    seconds = []
    for _ in range(2):
        started = time.perf_counter()
        work()
        seconds.append(time.perf_counter() - started)
    return min(seconds)


def tree(rows: int) -> None:
    rng = np.random.default_rng(0)
    points = rng.uniform([30, -120], [50, -70], (rows, 2))
    weight = rng.integers(20, 200, rows).astype(float)
    rate = 0.1 + 0.05 * np.sin(points[:, 0] / 2) * np.cos(points[:, 1] / 3)
    harm = rng.poisson(weight * rate).astype(float)
    own = Outcomes(harm, weight, np.full(rows, 10.0), np.zeros(rows), np.arange(rows))

    def ours() -> np.ndarray:
        axes = [value_axis(column) for column in points.T]
        return grower(axes, Growth(max_cohorts=REGIONS, alpha=1))(own).assign(points)

    def theirs() -> np.ndarray:
        model = DecisionTreeRegressor(max_leaf_nodes=REGIONS, min_samples_leaf=3)
        return model.fit(points, harm / weight, sample_weight=weight).apply(points)

    def explained(leaf: np.ndarray) -> float:
        code = np.unique(leaf, return_inverse=True)[1]
        sums = np.bincount(code, harm), np.bincount(code, weight)
        return float((sums[0]**2 / sums[1]).sum() - harm.sum()**2 / weight.sum())

    ratio = timed(ours) / (peer := timed(theirs))
    tracemalloc.start()
    leaf = ours()
    peak = tracemalloc.get_traced_memory()[1] / 1e9
    tracemalloc.stop()
    print(f"tree of {len(np.unique(leaf))} regions on {rows} speakers: {ratio:.2f} of "
          f"scikit-learn's {peer:.1f} s (bar 0.5), peak {peak:.2f} GB (bar 1), explains "
          f"{explained(leaf) / explained(theirs()):.4f} of what scikit-learn's does")


def means(vectors: int) -> None:
    rng = np.random.default_rng(0)
    kinds = rng.standard_normal((CLUSTERS, DIMENSION))
    points = kinds[rng.integers(CLUSTERS, size=vectors)] + rng.standard_normal(
        (vectors, DIMENSION))
    points /= np.linalg.norm(points, axis=1, keepdims=True)
    ours = timed(lambda: nearest(points, fit(points, CLUSTERS, seed=0)))
    peer = timed(lambda: MiniBatchKMeans(CLUSTERS, random_state=0).fit(points).labels_)
    print(f"k-means of {vectors} x {DIMENSION}: {ours / peer:.2f} of MiniBatchKMeans's "
          f"{peer:.1f} s (bar 1)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--rows", type=int, default=1_000_000)
    parser.add_argument("--vectors", type=int, default=200_000)
    options = parser.parse_args()
    with threadpool_limits(1):
        tree(options.rows)
        means(options.vectors)


if __name__ == "__main__":
    main()
