"""Fine-tuning on the target cohorts under a penalty on moving away from the start."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from evalkit.mitigation.adapted import AdaptedRecognizer
from evalkit.mitigation.arms.protocols import AdaptationData
from evalkit.training.fine_tuning import Phase
from evalkit.training.fisher import fisher_of
from evalkit.training.penalties import KlToStart, OnlinePrecision, anchored
from evalkit.training.trainable import parameters


@dataclass(frozen=True)
class L2:
    """L2 towards the start. A strength is the penalty's factor."""

    strengths: tuple[float, ...] = (0.01, 0.1)

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        yield Phase(data.target, penalty=anchored(parameters(model.module), strength))


@dataclass(frozen=True)
class Kl:
    """Divergence from the start's posteriors. A strength is the penalty's factor."""

    strengths: tuple[float, ...] = (0.1, 1.0)

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        yield Phase(data.target, penalty=KlToStart(model, strength))


@dataclass(frozen=True)
class Ewc:
    """Elastic weight consolidation. A strength is the penalty's factor, on a Fisher diagonal
    whose mean is 1."""

    strengths: tuple[float, ...] = (0.01, 0.1)

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        fisher = fisher_of(model, data.fisher_sample, data.cache)
        yield Phase(data.target, penalty=anchored(parameters(model.module), strength, fisher))


@dataclass(frozen=True)
class OnlineEwc:
    """Online EWC: one target cohort after the other, worst first, each for an equal share of the
    steps; the Fisher information of those that are over is added, the older ones' times
    ``gamma``."""

    strengths: tuple[float, ...] = (0.01, 0.1)
    gamma: float = 0.95

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        memory = OnlinePrecision(self.gamma)
        previous = data.fisher_sample
        for cohort in data.targets:
            memory.add(fisher_of(model, previous, data.cache))
            penalty = anchored(parameters(model.module), strength, memory.precision)
            yield Phase(cohort, penalty=penalty, share=1 / len(data.targets))
            previous = cohort
