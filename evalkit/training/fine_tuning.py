"""Fine-tuning of a recognizer in phases whose steps follow from a seed and can be resumed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from evalkit.core.strict import Strict
from evalkit.core.types import Recording
from evalkit.training.checkpoints import resume, save_checkpoint
from evalkit.training.loop import train_steps
from evalkit.training.penalties import Penalty
from evalkit.training.trainable import TrainedRecognizer, loss_per_character, parameters


class Schedule(Strict):
    """Adam (Kingma and Ba 2015, arXiv 1412.6980) with a learning rate that falls linearly to 0
    over ``steps`` batches of ``batch`` utterances. A checkpoint is written every
    ``checkpoint_every`` steps."""

    steps: int = Field(150, gt=0)
    batch: int = Field(8, gt=0)
    learning_rate: float = Field(1e-3, gt=0)
    gradient_norm: float = Field(5.0, gt=0)
    checkpoint_every: int = Field(50, gt=0)


@dataclass(frozen=True)
class Phase:
    """A stretch of training: batches drawn from ``recordings`` with these ``probabilities``
    (len(recordings),), equal ones where None, under a ``penalty``. It takes the ``share`` of the
    schedule's steps."""

    recordings: Sequence[Recording]
    probabilities: np.ndarray | None = None
    penalty: Penalty | None = None
    share: float = 1.0


def fine_tune(model: TrainedRecognizer, phases: Iterable[Phase], schedule: Schedule, seed: int,
              folder: Path) -> None:
    """Trains ``model`` in one phase after the other.

    A phase of which ``folder`` holds a checkpoint goes on from there, to the same weights as if
    it had never been interrupted. The next phase is asked for when the ones before it are over,
    so it may depend on the model as they left it."""
    for number, phase in enumerate(phases):
        _run_phase(model, phase, schedule, (seed, number), folder / f"phase{number}.safetensors")


def _run_phase(model: TrainedRecognizer, phase: Phase, schedule: Schedule, seed: tuple[int, int],
               checkpoint: Path) -> None:
    optimiser = torch.optim.Adam(parameters(model.module).values(), lr=schedule.learning_rate)
    steps = max(1, round(phase.share * schedule.steps))
    first = resume(checkpoint, model.module, optimiser)
    decay = torch.optim.lr_scheduler.LambdaLR(optimiser, lambda n: 1 - (first + n) / steps)

    def loss(batch: Sequence[Recording]) -> Tensor:
        nats = loss_per_character(model, batch)
        return nats if phase.penalty is None else nats + phase.penalty(batch)

    batches = _drawn_batches(phase, schedule.batch, seed, range(first, steps))
    for taken in train_steps(model.module, batches, loss, optimiser, schedule=decay,
                             gradient_norm=schedule.gradient_norm):
        done = first + taken
        if done % schedule.checkpoint_every == 0 or done == steps:
            save_checkpoint(checkpoint, done, model.module, optimiser)


def _drawn_batches(phase: Phase, size: int, seed: tuple[int, int], steps: range
                   ) -> Iterator[list[Recording]]:
    """A batch for each step. torch is seeded anew for each too: seeds that follow from the
    step's number need not be part of a checkpoint."""
    count = len(phase.recordings)
    for number in steps:
        rng = np.random.default_rng([*seed, number])
        torch.manual_seed(int(rng.integers(2**63)))
        drawn = rng.choice(count, min(size, count), replace=False, p=phase.probabilities)
        yield [phase.recordings[i] for i in drawn]
