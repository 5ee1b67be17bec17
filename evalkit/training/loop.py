"""The one training loop: steps of an optimiser over batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from typing import TypeVar

import torch
from torch import Tensor, nn
from torch.optim import Optimizer
from torch.optim.lr_scheduler import LRScheduler

from evalkit.core.errors import RunError

Batch = TypeVar("Batch")


class DivergedError(RunError):
    """At the step ``number`` the loss, its gradient or the weights, ``what``, are not finite."""

    def __init__(self, number: int, what: str) -> None:
        super().__init__(f"step {number:,}: the {what} is not finite; likely the learning rate is "
                         "too high")
        self.number, self.what = number, what


def train_steps(module: nn.Module, batches: Iterable[Batch], loss: Callable[[Batch], Tensor],
                optimiser: Optimizer, *, schedule: LRScheduler | None = None,
                gradient_norm: float | None = None) -> Iterator[int]:
    """Takes one step of ``optimiser`` and ``schedule`` on each batch, with ``module`` in training
    mode, and yields after each how many were taken.

    Between two steps the caller may evaluate, write a checkpoint, or stop by asking no further.
    The next batch is asked for after that. The gradient of all parameters together is scaled to
    a Euclidean norm of at most ``gradient_norm``. Raises DivergedError in place of a step along a
    loss or gradient that is not finite."""
    for number, batch in enumerate(batches, 1):
        module.train()
        step(number, loss(batch), optimiser, gradient_norm)
        if schedule is not None:
            schedule.step()
        yield number


def step(number: int, loss: Tensor, optimiser: Optimizer, gradient_norm: float | None = None
         ) -> None:
    """The step ``number`` of ``optimiser``, down the gradient of ``loss``."""
    _check_finite(loss, number, "loss")
    optimiser.zero_grad()
    loss.backward()
    if gradient_norm is not None:
        weights = [weight for group in optimiser.param_groups for weight in group["params"]]
        _check_finite(nn.utils.clip_grad_norm_(weights, gradient_norm), number, "gradient")
    with torch.device("cpu"):  # where Adam's counters of steps belong, whatever the default
        optimiser.step()


def _check_finite(value: Tensor, number: int, what: str) -> None:
    if not torch.isfinite(value).all():
        raise DivergedError(number, what)


@contextmanager
def deterministic(seed: int, *, strict: bool = True) -> Iterator[None]:
    """torch draws from ``seed`` and, where it is ``strict``, refuses operations that give other
    results each time."""
    before = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(strict)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(before)
