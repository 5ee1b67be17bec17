"""Bands of voices by the error rate that their embedding predicts.

Clusters part voices by what tells them apart most, which need not be what makes them hard.
Ridge regression asks the embedding for the latter directly; the speakers are then cut into
bands of equal share by the rate that it predicts, worst first. As with every finder, what is
reported is the bands' own rate on speakers who had no part in it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, Literal

import numpy as np
from threadpoolctl import threadpool_limits

from evalkit.cohorts.finder import Search, by_code
from evalkit.cohorts.finders.clusters import SPEAKERS_PER_CLUSTER, known_vectors, unlike
from evalkit.cohorts.speakers import Outcomes, Speakers, named_speakers
from evalkit.core.ledger import LeftOut
from evalkit.store.scores import ratio

FEWEST = 20
"""Speakers to learn from at least."""
PENALTIES = np.logspace(-3, 3, 13)
"""Tried by leave-one-out cross-validation (Golub, Heath & Wahba 1979), in units of the total
variance of the vectors."""
GRAIN = 1e-9
"""Predicted rates as near to each other as this share of their range are the same."""


@dataclass(frozen=True)
class Predicted:
    """Finds bands of predicted rate, each with ``share`` of the speakers, but of as many at
    least as a cluster of ``clusters`` is to have: fewer are never enough to confirm."""

    share: float = 0.1
    name: Literal["predicted"] = "predicted"
    unit: Literal["speaker"] = "speaker"
    projected: ClassVar[bool] = False

    def lacks(self, speakers: Speakers) -> str | None:
        """Why it cannot work on these speakers; None where it can."""
        if not speakers.embedding.shape[1]:
            return "no speaker embeddings"
        vectors = speakers.embedding[known_vectors(speakers.embedding)]
        if len(vectors) < FEWEST:
            return f"there are embeddings of {len(vectors)} speakers"
        return unlike(vectors, 2)

    def left_out(self, speakers: Speakers) -> list[LeftOut]:
        """Speakers without an embedding."""
        return named_speakers(self.name, "no embedding", speakers.ids,
                              ~known_vectors(speakers.embedding))

    def prepare(self, speakers: Speakers) -> Search:
        """Brings the vectors to their principal components, which is all that ridge regression
        sees of them."""
        known = known_vectors(speakers.embedding)
        centre = speakers.embedding[known].mean(axis=0)
        with threadpool_limits(1):
            left, singular, axes = np.linalg.svd(speakers.embedding[known] - centre,
                                                 full_matrices=False)
        parts = left * singular
        total = float((singular**2).sum()) or 1.0

        def search(outcomes: Outcomes) -> Difficulty:
            coefficients = _ridge(parts, outcomes.take(known), PENALTIES * total / len(parts))
            direction = coefficients @ axes
            score = (speakers.embedding[known] - centre) @ direction
            share = max(self.share, SPEAKERS_PER_CLUSTER / len(score))
            steps = np.arange(1, round(1 / share)) * share
            return Difficulty(centre, direction, _cuts(score, np.quantile(score, 1 - steps)))

        return search


def _ridge(parts: np.ndarray, outcomes: Outcomes, penalties: np.ndarray) -> np.ndarray:
    """Coefficients (d,) of the rates of speakers on their ``parts`` (n, d), weighted by weight,
    under the penalty that predicts best those left out one by one."""
    from sklearn.linear_model import RidgeCV  # a second

    has_rate = outcomes.weight > 0
    ridge = RidgeCV(penalties)
    with threadpool_limits(1):
        ridge.fit(parts[has_rate], ratio(outcomes.harm, outcomes.weight)[has_rate],
                  outcomes.weight[has_rate])
    coefficients: np.ndarray = ridge.coef_
    return coefficients


def _cuts(score: np.ndarray, wanted: np.ndarray) -> np.ndarray:
    """The values ``wanted``, falling, each a little lower: none parts equal vectors, whose
    ``score`` differs by rounding, and none is below everybody."""
    grain = GRAIN * np.ptp(score) or 1.0
    cuts = (np.unique((wanted / grain).round())[::-1] - 1) * grain
    return cuts[cuts > score.min()]


@dataclass(frozen=True)
class Difficulty:
    """A frozen ``direction`` (d,) from the ``centre`` (d,) of the vectors; ``cuts`` are the
    falling values along it that part the bands."""

    centre: np.ndarray
    direction: np.ndarray
    cuts: np.ndarray

    @property
    def names(self) -> tuple[str, ...]:
        """Such as "band 1 of 10 by predicted rate"."""
        n = len(self.cuts) + 1
        return tuple(f"band {i + 1} of {n} by predicted rate" for i in range(n))

    def members(self, speakers: Speakers) -> list[np.ndarray]:
        """Indices of every band's speakers."""
        known = known_vectors(speakers.embedding)
        score = (speakers.embedding - self.centre) @ self.direction
        band = np.searchsorted(-self.cuts, -score, side="left")
        return by_code(np.where(known, band, -1), len(self.cuts) + 1)

    def describe(self) -> dict[str, Any]:
        """The rule in JSON's types."""
        return {"cuts": self.cuts.tolist(), "direction": self.direction.tolist()}

    def outlines(self) -> None:
        """None: its cohorts are no places."""
