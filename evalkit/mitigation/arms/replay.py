"""Fine-tuning on the target cohorts and on general speech."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from evalkit.mitigation.adapted import AdaptedRecognizer
from evalkit.mitigation.arms.protocols import AdaptationData
from evalkit.training.fine_tuning import Phase


@dataclass(frozen=True)
class Mixture:
    """A strength is the share of general speech."""

    strengths: tuple[float, ...] = (0.25, 0.5)

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        yield _mixed(data, (1 - strength) / len(data.target), strength / len(data.general))


@dataclass(frozen=True)
class Oversample:
    """The target cohorts' utterances are drawn more often than others (Dheram et al. 2022, arXiv
    2207.11345). A strength is how many times as often."""

    strengths: tuple[float, ...] = (2.0, 4.0, 8.0)

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        yield _mixed(data, strength, 1.0)


@dataclass(frozen=True)
class CohortEmbedding:
    """A mixture, with a learned vector of ``dimension`` numbers for the speaker's cohort as
    further input (Dheram et al. 2022). A strength is the share of general speech."""

    strengths: tuple[float, ...] = (0.25, 0.5)
    dimension: int = 2

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        model.add_cohort_input(data.cohort_of, self.dimension)
        return Mixture(self.strengths).phases(data, model, strength)


def _mixed(data: AdaptationData, target: float, general: float) -> Phase:
    """A phase on all speech; utterances are drawn in proportion to ``target`` and ``general``."""
    odds = np.repeat([target, general], [len(data.target), len(data.general)])
    return Phase([*data.target, *data.general], odds / odds.sum())
