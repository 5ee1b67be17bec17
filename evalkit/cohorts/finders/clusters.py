"""Embedding cohorts: clusters of voices, ranked by how badly they are served (Dheram et al. 2022,
arXiv 2207.11345, as summarised by others; k and the ranking split are not public).

k-means on speaker vectors of unit length. Clusters are ranked by their error rate and merged,
from the worst on, into bands of about a stated share of the speakers: the first band is the
paper's bottom cohort, the last its top cohort. k is the one whose bottom band, ranked on one
random half of these speakers, is worst on the other half, on average over several halvings.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from evalkit.cohorts.finder import Search, by_code
from evalkit.cohorts.speakers import Outcomes, Speakers, named_speakers
from evalkit.core.ledger import LeftOut
from evalkit.store.scores import ratio

SPEAKERS_PER_CLUSTER = 4
"""No k is tried that leaves fewer of them on average."""
HALVINGS = 16
MANY = 10_000
"""From so many speakers on, k-means works on small batches."""
ROWS = 1 << 14
"""Vectors that are assigned at once."""
SHOWN = 4
DECIMALS = 6
"""Parts of unit vectors that are equal to so many differ by the rounding of 32-bit numbers."""


@dataclass(frozen=True)
class Clusters:
    """Finds bands of clusters. ``share`` of the speakers is what a band should hold, ``ks`` are
    the numbers of clusters tried, ``seed`` is that of k-means and of the halvings."""

    ks: tuple[int, ...] = (2, 5, 10, 20, 50, 100, 200)
    share: float = 0.1
    seed: int = 0
    name: Literal["clusters"] = "clusters"
    unit: Literal["speaker"] = "speaker"
    projected: ClassVar[bool] = True

    def lacks(self, speakers: Speakers) -> str | None:
        """Why it cannot work on these speakers; None where it can."""
        if not speakers.embedding.shape[1]:
            return "no speaker embeddings"
        vectors = speakers.embedding[known_vectors(speakers.embedding)]
        if len(vectors) < SPEAKERS_PER_CLUSTER * min(self.ks):
            return f"there are embeddings of {len(vectors)} speakers"
        return unlike(vectors, min(self.ks))

    def left_out(self, speakers: Speakers) -> list[LeftOut]:
        """Speakers without an embedding."""
        return named_speakers(self.name, "no embedding", speakers.ids,
                              ~known_vectors(speakers.embedding))

    def prepare(self, speakers: Speakers) -> Search:
        """Clusters the speakers once for every k."""
        known = known_vectors(speakers.embedding)
        vectors = speakers.embedding[known]
        most = min(len(vectors) // SPEAKERS_PER_CLUSTER, max(self.ks))
        ks = [k for k in self.ks if k <= min(most, distinct(vectors, most))]
        centroids = [fit(vectors, k, self.seed) for k in ks]
        codes = [nearest(vectors, centres) for centres in centroids]
        halves = np.random.default_rng(self.seed).random((HALVINGS, len(vectors))).argsort(1)
        first = halves < len(vectors) // 2

        def search(outcomes: Outcomes) -> Bands:
            outcomes = outcomes.take(known)
            gaps = [_honest_gap(code, len(centres), outcomes, first, self.share)
                    for code, centres in zip(codes, centroids, strict=True)]
            best = int(np.argmax(np.nan_to_num(gaps, nan=-np.inf)))
            band = bands(*_sums(codes[best], len(centroids[best]), outcomes), self.share)
            return Bands(centroids[best], band)

        return search


@dataclass(frozen=True)
class Bands:
    """Frozen ``centroids`` (k, d) and the band of each, ``band`` (k,), 0 the worst."""

    centroids: np.ndarray
    band: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """Such as "band 1 of 8: clusters 3, 7"."""
        return tuple(self._name(i) for i in range(self._n))

    def members(self, speakers: Speakers) -> list[np.ndarray]:
        """Indices of every band's speakers, each assigned to the nearest centroid."""
        codes = np.full(len(speakers.embedding), -1)
        known = known_vectors(speakers.embedding)
        codes[known] = self.band[nearest(speakers.embedding[known], self.centroids)]
        return by_code(codes, self._n)

    def describe(self) -> dict[str, Any]:
        """The rule in JSON's types."""
        return {"k": len(self.centroids), "band": self.band.tolist()}

    def outlines(self) -> None:
        """None: its cohorts are no places."""

    @property
    def _n(self) -> int:
        return int(self.band.max()) + 1

    def _name(self, i: int) -> str:
        clusters = [str(c + 1) for c in np.flatnonzero(self.band == i)]
        more = f" and {len(clusters) - SHOWN} more" if len(clusters) > SHOWN else ""
        plural = "s" if len(clusters) > 1 else ""
        return f"band {i + 1} of {self._n}: cluster{plural} {', '.join(clusters[:SHOWN])}{more}"


def unlike(vectors: np.ndarray, k: int) -> str | None:
    """Why fewer than ``k`` of the vectors (n, d) are distinct; None where they are not."""
    n_distinct = distinct(vectors, k)
    if n_distinct == 1:
        return f"the embeddings of all {len(vectors)} speakers are alike"
    few = f"{len(vectors)} speakers have only {n_distinct} different embeddings"
    return few if n_distinct < k else None


def distinct(vectors: np.ndarray, most: int) -> int:
    """How many of the vectors (n, d) differ by more than rounding; ``most`` where more do."""
    seen: set[bytes] = set()
    for vector in vectors:
        seen.add(((vector - vectors[0]).round(DECIMALS) + 0.0).tobytes())  # no negative zeros
        if len(seen) >= most:
            break
    return len(seen)


def fit(vectors: np.ndarray, k: int, seed: int) -> np.ndarray:
    """Centroids (k, d) of unit ``vectors`` (n, d), the same on any number of cores."""
    from sklearn.cluster import KMeans, MiniBatchKMeans  # a second

    means = (KMeans(k, n_init=10, random_state=seed) if len(vectors) < MANY else
             MiniBatchKMeans(k, random_state=seed, n_init=3, compute_labels=False))
    with threadpool_limits(1):
        centroids: np.ndarray = means.fit(vectors).cluster_centers_
    return centroids


def nearest(vectors: np.ndarray, centroids: np.ndarray) -> np.ndarray:
    """The nearest centroid of every vector, (n,)."""
    half_square = (centroids * centroids).sum(axis=1) / 2
    parts = [(vectors[i:i + ROWS] @ centroids.T - half_square).argmax(axis=1)
             for i in range(0, len(vectors), ROWS)]
    return np.concatenate(parts) if parts else np.zeros(0, np.intp)


def bands(harm: np.ndarray, weight: np.ndarray, size: np.ndarray, share: float) -> np.ndarray:
    """The band of every cluster from its sums and number of speakers, (k,).

    From the worst cluster on, a band ends where one more cluster would take it farther from
    ``share`` of the speakers than it is. Clusters without a rate come last."""
    worst_first = np.argsort(-np.nan_to_num(ratio(harm, weight), nan=-np.inf), kind="stable")
    band, current, members, target = np.empty(len(size), np.intp), 0, 0, share * size.sum()
    for cluster in worst_first:
        if members and members + size[cluster] - target > target - members:
            current, members = current + 1, 0
        band[cluster] = current
        members += size[cluster]
    return band


def _sums(codes: np.ndarray, k: int, outcomes: Outcomes, at: np.ndarray | slice = slice(None)
          ) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Harm, weight and speakers of every cluster."""
    return (np.bincount(codes[at], outcomes.harm[at], k),
            np.bincount(codes[at], outcomes.weight[at], k), np.bincount(codes[at], minlength=k))


def _honest_gap(codes: np.ndarray, k: int, outcomes: Outcomes, first: np.ndarray, share: float
                ) -> float:
    """How much worse the bottom band is than the rest on speakers who did not rank it, on
    average over the halvings ``first`` (halvings, n)."""
    gaps = []
    for half in first:
        bottom = bands(*_sums(codes, k, outcomes, half), share) == 0
        harm, weight, _ = _sums(codes, k, outcomes, ~half)
        gaps.append(ratio(harm[bottom].sum(), weight[bottom].sum())
                    - ratio(harm[~bottom].sum(), weight[~bottom].sum()))
    known = [float(gap) for gap in gaps if not np.isnan(gap)]
    return float(np.mean(known)) if known else np.nan


def known_vectors(embedding: np.ndarray) -> np.ndarray:
    """Which speakers have a vector, (n,) of bool."""
    return ~np.isnan(embedding).any(axis=1)
