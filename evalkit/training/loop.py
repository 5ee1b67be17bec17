"""The one training loop: steps of an optimiser over batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

Batch = TypeVar("Batch")


def train_steps(module: nn.Module, batches: Iterable[Batch], loss: Callable[[Batch], Tensor],
                optimiser: Optimizer, *, schedule: LRScheduler | None = None,
                gradient_norm: float | None = None) -> Iterator[int]:
    """Takes one step of ``optimiser`` and ``schedule`` on each batch, with ``module`` in training
    mode, and yields after each how many were taken.

    Between two steps the caller may evaluate, write a checkpoint, or stop by asking no further.
    The next batch is asked for after that. The gradient of all parameters together is scaled to
    a Euclidean norm of at most ``gradient_norm``."""
    for number, batch in enumerate(batches, 1):
        module.train()
        step(loss(batch), optimiser, gradient_norm)
        if schedule is not None:
            schedule.step()
        yield number


def step(loss: Tensor, optimiser: Optimizer, gradient_norm: float | None = None) -> None:
    """One step of ``optimiser`` down the gradient of ``loss``."""
    optimiser.zero_grad()
    loss.backward()
    if gradient_norm is not None:
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        nn.utils.clip_grad_norm_(weights, gradient_norm)
    with torch.device("cpu"):  # where Adam's counters of steps belong, whatever the default
        optimiser.step()


@contextmanager
def deterministic(seed: int) -> Iterator[None]:
    """torch draws from ``seed`` and refuses operations that give other results each time."""
    strict = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)
