"""The arms of an experiment: ways of further training, on the same data and for as many steps.

An arm is a dataclass of options, found by name among the plug-ins of the group "mitigations".
``strengths`` are tried one by one; what a strength is differs from arm to arm, and it is 0 where
an arm has none.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Protocol

import numpy as np

from evalkit.core.errors import ConfigError
from evalkit.core.types import Recording
from evalkit.mitigation.recognition.trainable import Reference
from evalkit.training.fine_tuning import Phase
from evalkit.training.fisher import fisher_of
from evalkit.training.penalties import KlToStart, OnlinePrecision, anchored
from evalkit.training.trainable import Trainable, parameters


@dataclass(frozen=True)
class Task:
    """What every arm works from: the adaptation speech of each ``targets`` cohort, worst first;
    ``general`` speech, such as the model was first trained on, and ``probed`` utterances of it
    for the Fisher information, which is kept in the folder ``cache``. ``cohort_of`` numbers the
    cohort of every utterance id, of test too."""

    targets: Sequence[Sequence[Recording]]
    general: Sequence[Recording]
    probed: Sequence[Recording]
    cohort_of: Mapping[str, int]
    cache: Path

    @property
    def target(self) -> list[Recording]:
        """All speech of the cohorts to be served better."""
        return [recording for cohort in self.targets for recording in cohort]


class Arm(Protocol):
    @property
    def strengths(self) -> tuple[float, ...]: ...

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        """What ``model``, which is at its start, is to be taught."""
        ...


@dataclass(frozen=True)
class Plain:
    """Fine-tuning on the target cohorts alone."""

    strengths = (0.0,)

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        yield Phase(task.target)


@dataclass(frozen=True)
class FreezeEncoder:
    """Fine-tuning of the output layer only."""

    strengths = (0.0,)

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        _freeze(model, "encoder")
        yield Phase(task.target)


@dataclass(frozen=True)
class FreezeOutput:
    """Fine-tuning of everything but the output layer."""

    strengths = (0.0,)

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        _freeze(model, "output")
        yield Phase(task.target)


@dataclass(frozen=True)
class L2:
    """L2 towards the start. A strength is the penalty's factor."""

    strengths: tuple[float, ...] = (0.01, 0.1)

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        yield Phase(task.target, penalty=anchored(parameters(model), strength))


@dataclass(frozen=True)
class Kl:
    """Divergence from the start's posteriors. A strength is the penalty's factor."""

    strengths: tuple[float, ...] = (0.1, 1.0)

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        yield Phase(task.target, penalty=KlToStart(model, strength))


@dataclass(frozen=True)
class Ewc:
    """Elastic weight consolidation. A strength is the penalty's factor, on a Fisher diagonal
    whose mean is 1."""

    strengths: tuple[float, ...] = (0.01, 0.1)

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        fisher = fisher_of(model, task.probed, task.cache)
        yield Phase(task.target, penalty=anchored(parameters(model), strength, fisher))


@dataclass(frozen=True)
class OnlineEwc:
    """Online EWC: one target cohort after the other, worst first, each for an equal share of the
    steps; the Fisher information of those that are over is added, the older ones' times
    ``gamma``."""

    strengths: tuple[float, ...] = (0.01, 0.1)
    gamma: float = 0.95

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        memory = OnlinePrecision(self.gamma)
        known = task.probed
        for cohort in task.targets:
            memory.add(fisher_of(model, known, task.cache))
            penalty = anchored(parameters(model), strength, memory.precision)
            yield Phase(cohort, penalty=penalty, share=1 / len(task.targets))
            known = cohort


@dataclass(frozen=True)
class Mixture:
    """Fine-tuning on target and general speech. A strength is the share of general speech."""

    strengths: tuple[float, ...] = (0.25, 0.5)

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        yield _mixed(task, (1 - strength) / len(task.target), strength / len(task.general))


@dataclass(frozen=True)
class Oversample:
    """Fine-tuning on all speech, the target cohorts' utterances coming up more often than
    others (Dheram et al. 2022, arXiv 2207.11345). A strength is how many times as often."""

    strengths: tuple[float, ...] = (2.0, 4.0, 8.0)

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        yield _mixed(task, strength, 1.0)


@dataclass(frozen=True)
class CohortEmbedding:
    """Fine-tuning on target and general speech with a learned vector of ``dimension`` numbers
    for the speaker's cohort as further input (Dheram et al. 2022). A strength is the share of
    general speech, as in Mixture."""

    strengths: tuple[float, ...] = (0.25, 0.5)
    dimension: int = 2

    def phases(self, task: Task, model: Trainable, strength: float) -> Iterator[Phase]:
        if not isinstance(model, Reference):
            raise ConfigError("arm cohort_embedding: only the reference recognizer can be given "
                              "a further input; leave the arm out")
        model.add_cohort_input(task.cohort_of, self.dimension)
        return Mixture(self.strengths).phases(task, model, strength)


def _mixed(task: Task, target: float, general: float) -> Phase:
    """A lesson from all speech, an utterance's chance in proportion to ``target`` and
    ``general``."""
    chances = np.repeat([target, general], [len(task.target), len(task.general)])
    return Phase([*task.target, *task.general], chances / chances.sum())


def _freeze(model: Trainable, part: Literal["encoder", "output"]) -> None:
    for name, weight in model.module.named_parameters():
        weight.requires_grad_(name.startswith(model.output) != (part == "output"))
