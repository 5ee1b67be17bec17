"""Further training of a model, in steps that follow from a seed, and that can be resumed."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from pydantic import Field
from safetensors.torch import load_file, save_file
from torch import Tensor

from evalkit.core.config import Strict
from evalkit.core.files import replacing
from evalkit.core.types import Recording
from evalkit.mitigation.recognition.penalties import Penalty
from evalkit.mitigation.recognition.trainable import Trainable, parameters

_MOMENTS = ("exp_avg", "exp_avg_sq")


class Schedule(Strict):
    """Adam (Kingma and Ba 2015, arXiv 1412.6980) with a learning rate that falls linearly to 0
    over ``steps`` batches of ``batch`` utterances. Every ``checkpoint_every`` steps what is
    needed to go on is written."""

    steps: int = Field(150, gt=0)
    batch: int = Field(8, gt=0)
    learning_rate: float = Field(1e-3, gt=0)
    gradient_norm: float = Field(5.0, gt=0)
    checkpoint_every: int = Field(50, gt=0)


@dataclass(frozen=True)
class Lesson:
    """What is learned from: batches drawn from ``heard``, of which an utterance's ``chances``
    (len(heard),) sum to 1 and are equal where None. A lesson has this ``share`` of the steps of
    the schedule."""

    heard: Sequence[Recording]
    chances: np.ndarray | None = None
    penalty: Penalty | None = None
    share: float = 1.0


def teach(model: Trainable, lessons: Iterable[Lesson], schedule: Schedule, seed: int,
          folder: Path) -> None:
    """Gives ``model`` one lesson after the other.

    A lesson of which ``folder`` holds a checkpoint goes on from there, to the same weights as if
    it had never been interrupted. A lesson that is made from the model is asked for when the
    ones before it are over."""
    for number, lesson in enumerate(lessons):
        _give(model, lesson, schedule, (seed, number), folder / f"lesson{number}.safetensors")


def step(model: Trainable, batch: Sequence[Recording], penalty: Penalty | None,
         optimiser: torch.optim.Optimizer, gradient_norm: float) -> None:
    """One step down the gradient of the loss, in nats a character, and the penalty."""
    loss = model.losses(batch).sum() / sum(len(r.text) for r in batch)
    if penalty is not None:
        loss = loss + penalty(batch)
    optimiser.zero_grad()
    loss.backward()
    torch.nn.utils.clip_grad_norm_(parameters(model).values(), gradient_norm)
    optimiser.step()


def _give(model: Trainable, lesson: Lesson, schedule: Schedule, seed: tuple[int, int],
          checkpoint: Path) -> None:
    weights = parameters(model)
    optimiser = torch.optim.Adam(weights.values(), lr=schedule.learning_rate)
    steps = max(1, round(lesson.share * schedule.steps))
    for number in range(_resume(checkpoint, model, optimiser), steps):
        # Seeds that follow from the step need not be part of a checkpoint.
        rng = np.random.default_rng([*seed, number])
        torch.manual_seed(int(rng.integers(2**63)))
        for group in optimiser.param_groups:
            group["lr"] = schedule.learning_rate * (1 - number / steps)
        chosen = rng.choice(len(lesson.heard), min(schedule.batch, len(lesson.heard)),
                            replace=False, p=lesson.chances)
        model.module.train()
        step(model, [lesson.heard[i] for i in chosen], lesson.penalty, optimiser,
             schedule.gradient_norm)
        if (number + 1) % schedule.checkpoint_every == 0 or number + 1 == steps:
            _keep(checkpoint, number + 1, model, optimiser)


def _keep(path: Path, done: int, model: Trainable, optimiser: torch.optim.Optimizer) -> None:
    """What a step starts from: weights, what layers count (the means of batch normalisation),
    and the optimiser's moments."""
    tensors = {"done": torch.tensor(done)}
    for name, buffer in model.module.named_buffers():
        tensors[f"buffer.{name}"] = buffer.clone()
    for name, weight in parameters(model).items():
        tensors[f"weight.{name}"] = weight.detach()
        for moment in _MOMENTS:
            tensors[f"{moment}.{name}"] = optimiser.state[weight][moment]
    with replacing(path) as temporary:
        save_file(tensors, temporary)


@torch.no_grad()
def _resume(path: Path, model: Trainable, optimiser: torch.optim.Optimizer) -> int:
    """How many steps were done before; restores what they had led to."""
    if not path.is_file():
        return 0
    tensors: dict[str, Tensor] = load_file(path, device=str(torch.get_default_device()))
    for name, buffer in model.module.named_buffers():
        buffer.copy_(tensors[f"buffer.{name}"])
    for name, weight in parameters(model).items():
        weight.copy_(tensors[f"weight.{name}"])
        optimiser.state[weight] = {"step": tensors["done"].float().cpu()} | {
            moment: tensors[f"{moment}.{name}"] for moment in _MOMENTS}
    return int(tensors["done"])
