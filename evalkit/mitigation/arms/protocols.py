"""What an experiment asks of an arm, and what it gives it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

import torch

from evalkit.core.types import Recording
from evalkit.mitigation.adapted import AdaptedRecognizer
from evalkit.training.fine_tuning import Phase
from evalkit.training.weightings import Weighting


@dataclass(frozen=True)
class AdaptationData:
    """What recognition arms train on: the adaptation speech of each of the ``targets``, worst
    cohort first; ``general`` speech, such as the model was first trained on, and a
    ``fisher_sample`` of it for the Fisher information, which is kept in the folder ``cache``.
    ``cohort_of`` numbers the cohort of every utterance id, of test too."""

    targets: Sequence[Sequence[Recording]]
    general: Sequence[Recording]
    fisher_sample: Sequence[Recording]
    cohort_of: Mapping[str, int]
    cache: Path

    @property
    def target(self) -> list[Recording]:
        """All speech of the target cohorts."""
        return [recording for cohort in self.targets for recording in cohort]


class RecognitionArm(Protocol):
    """A way of fine-tuning a recognizer."""

    @property
    def strengths(self) -> tuple[float, ...]:
        """Values that are tried one by one; what a strength is differs from arm to arm, and it
        is 0 where an arm has none."""
        ...

    def phases(self, data: AdaptationData, model: AdaptedRecognizer, strength: float
               ) -> Iterator[Phase]:
        """The phases in which ``model``, which is at its start, is to be trained."""
        ...


class VerificationArm(Protocol):
    """A way of weighting the training samples of a speaker encoder."""

    @property
    def uses_groups(self) -> bool:
        """Whether it is given the group labels of the training speakers."""
        ...

    @property
    def is_baseline(self) -> bool:
        """Whether the other arms are compared with it, as they are with the start."""
        ...

    def weighting(self, groups: Sequence[str], dimension: int, *, seed: int,
                  device: torch.device) -> Weighting:
        """Weights for training utterances of which ``groups`` are the labels, empty unless
        ``uses_groups``, and whose embeddings have ``dimension`` numbers."""
        ...
