"""Training PercepNet's network on mixtures that worker processes draw while it learns."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import Future
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from pydantic import Field, TypeAdapter, ValidationError
from torch import Tensor

from evalkit.core.errors import RunError
from evalkit.core.files import write
from evalkit.core.processes import WorkerPool
from evalkit.core.strict import Strict
from evalkit.models.percepnet.features import Lesson, lesson
from evalkit.models.percepnet.frames import Framing
from evalkit.models.percepnet.network import SHIPPED_SIZES, Filters, PercepNet, Sizes, loss
from evalkit.models.tensors import device_of, placed, threads
from evalkit.training.checkpoints import resume, save_checkpoint
from evalkit.training.loop import DivergedError, deterministic, train_steps
from evalkit.training.mixing import Material, Mixer, MixingConfig
from evalkit.training.trainable import parameters

CURVE, CHECKPOINT = "curve.jsonl", "checkpoint.safetensors"
SCALED_ON = 64
"""Mixtures of which the features' means and spreads are taken."""


class EnhancerTraining(Strict):
    """Adam (Kingma and Ba 2015, arXiv:1412.6980) under a rate that rises over ``warm_up``
    updates, stays, and falls to 0 over the last share of ``cool_down`` (Hu et al. 2024,
    arXiv:2404.06395: so a training can be prolonged from a checkpoint before that).

    A ``block`` of batches is drawn at a time, and each of its mixtures learnt from ``hearings``
    times, in another order. Every ``check_every`` updates the loss is measured on ``watched``
    mixtures of material that was kept out, and a checkpoint written."""

    seed: int = Field(0, ge=0)
    sizes: Sizes = SHIPPED_SIZES
    mixing: MixingConfig = MixingConfig()
    updates: int = Field(30_000, gt=0)
    batch: int = Field(8, gt=0, le=4096)
    learning_rate: float = Field(1e-3, gt=0, le=1)
    warm_up: int = Field(500, gt=0)
    cool_down: float = Field(0.2, ge=0, le=1)
    block: int = Field(64, gt=0, le=4096)
    hearings: int = Field(4, gt=0, le=1000)
    gradient_norm: float = Field(1.0, gt=0)
    check_every: int = Field(500, gt=0)
    watched: int = Field(64, gt=0, le=100_000)


@dataclass(frozen=True)
class Check:
    """A point of the learning curve: the loss on material that was kept out after ``updates``,
    the mean loss of the batches since the point before, and seconds since the (re)start."""

    updates: int
    kept_out: float
    trained: float
    seconds: float


Progress = Callable[[Check], None]


def train(material: Material, kept_out: Material, out: Path, *, config: EnhancerTraining,
          workers: int = 1, device: str = "cpu", progress: Progress = lambda check: None
          ) -> PercepNet:
    """Trains a network and returns it. ``out`` holds checkpoint.safetensors, from which a
    training that was stopped goes on, and curve.jsonl, a Check a line.

    On a CPU the weights follow from the material and ``config``, whatever the number of
    ``workers`` that draw mixtures and however often it was stopped. Raises RunError where losses,
    gradients or weights are not finite: the checkpoint stays that of the check before."""
    out.mkdir(parents=True, exist_ok=True)
    start = perf_counter()
    with deterministic(config.seed), threads(1):
        watched = _drawn(Mixer(kept_out, config.mixing), config.seed + 1, range(config.watched))
        mean, spread = _scale(_drawn(Mixer(material, config.mixing), config.seed,
                                     range(SCALED_ON)))
        network = placed(PercepNet(config.sizes, mean, spread), device)
        optimiser = torch.optim.Adam(parameters(network).values(), lr=config.learning_rate)
        done = resume(out / CHECKPOINT, network, optimiser)
        with WorkerPool(workers) as pool:
            batches = _Batches(pool, Mixer(material, config.mixing), config, done)
            for updates, trained in _learn(network, optimiser, batches.in_order(), config, done):
                check = Check(updates, _mean_loss(network, watched, config.batch), trained,
                              perf_counter() - start)
                _check_finite(network, check, config)
                _write(out, check)  # first: a check that has no checkpoint is made again
                save_checkpoint(out / CHECKPOINT, updates, network, optimiser)
                progress(check)
    return network.eval()


@dataclass(frozen=True)
class Batch:
    """Examples side by side, (batch, time, …) each."""

    features: Tensor
    wanted: Filters
    mask: Tensor

    @staticmethod
    def of(lessons: Sequence[Lesson], device: torch.device) -> Batch:
        """``lessons`` of equal length."""
        features, gains, strengths, mask = (
            torch.from_numpy(np.stack(part)).float().to(device)
            for part in zip(*(vars(one).values() for one in lessons), strict=True))
        return Batch(features, Filters(gains, strengths), mask)


def _learn(network: PercepNet, optimiser: torch.optim.Adam, batches: Iterator[list[Lesson]],
           config: EnhancerTraining, done: int) -> Iterator[tuple[int, float]]:
    """Trains; every ``check_every`` updates, and at the end, yields how many were made and the
    mean loss since the time before."""
    losses: list[float] = []
    schedule = torch.optim.lr_scheduler.LambdaLR(optimiser,
                                                 lambda n: _rate(done + n, config))

    def measured(batch: list[Lesson]) -> Tensor:
        value = _loss(network, batch)
        losses.append(float(value.detach()))
        return value

    try:
        for taken in train_steps(network, batches, measured, optimiser, schedule=schedule,
                                 gradient_norm=config.gradient_norm):
            updates = done + taken
            if updates % config.check_every == 0 or updates == config.updates:
                yield updates, float(np.mean(losses))
                losses.clear()
    except DivergedError as error:
        raise _diverged(done + error.number, error.what, config) from error


def _check_finite(network: PercepNet, check: Check, config: EnhancerTraining) -> None:
    finite = all(bool(torch.isfinite(weight).all()) for weight in parameters(network).values())
    if not (finite and np.isfinite(check.kept_out)):
        raise _diverged(check.updates, "loss on what is kept out" if finite else "weights", config)


def _diverged(update: int, what: str, config: EnhancerTraining) -> RunError:
    return RunError(f"update {update:,}: the {what}: not finite, so the training was stopped; "
                    f"likely training.learning_rate ({config.learning_rate:g}) or gradient_norm "
                    f"({config.gradient_norm:g}) is too high: give a lower one with another --out. "
                    "The checkpoint, if there is one, is as it was before")


def _rate(update: int, config: EnhancerTraining) -> float:
    """Share of the learning rate at an ``update``."""
    cooling = config.cool_down * config.updates
    return min(1.0, (update + 1) / config.warm_up, (config.updates - update) / max(cooling, 1))


def _loss(network: PercepNet, lessons: Sequence[Lesson]) -> Tensor:
    batch = Batch.of(lessons, device_of(network))
    return loss(network(batch.features), batch.wanted, batch.mask)


@torch.no_grad()
def _mean_loss(network: PercepNet, lessons: Sequence[Lesson], size: int) -> float:
    network.eval()
    parts = [lessons[i:i + size] for i in range(0, len(lessons), size)]
    return float(np.mean([float(_loss(network, part)) for part in parts]))


def _scale(lessons: Sequence[Lesson]) -> tuple[list[float], list[float]]:
    """Means and spreads of the features; a feature that never changes has the spread 1."""
    features = np.concatenate([one.features for one in lessons])
    spread = features.std(axis=0)
    return features.mean(axis=0).tolist(), np.where(spread > 1e-3, spread, 1.0).tolist()


def _drawn(mixer: Mixer, seed: int, numbers: Sequence[int]) -> list[Lesson]:
    """The lessons of those ``numbers``, each from a generator of its own."""
    return [_lesson(mixer, np.random.default_rng([seed, number])) for number in numbers]


def _lesson(mixer: Mixer, rng: np.random.Generator) -> Lesson:
    mixture = mixer.draw(rng)
    return lesson(mixture.clean, mixture.noisy, Framing(mixer.config.rate), mixture.bandwidth)


class _Batches:
    """Batches of the updates from ``done`` on, drawn by the processes of ``pool`` a block ahead."""

    def __init__(self, pool: WorkerPool, mixer: Mixer, config: EnhancerTraining, done: int
                 ) -> None:
        self._pool, self._config, self._done = pool, config, done
        self._draw = partial(_drawn, mixer, config.seed)

    def in_order(self) -> Iterator[list[Lesson]]:
        updates = self._config.block * self._config.hearings
        block, begun = divmod(self._done, updates)
        ahead = self._asked(block)
        while block * updates < self._config.updates:
            lessons = [one for part in ahead for one in part.result()]
            ahead = self._asked(block + 1)
            last = self._config.updates - block * updates
            yield from islice(self._heard(block, lessons), begun, last)
            block, begun = block + 1, 0

    def _asked(self, block: int) -> list[Future[list[Lesson]]]:
        """The mixtures of a ``block``; those of the first follow the ones that the features were
        scaled on."""
        size = self._config.batch
        first = SCALED_ON + block * self._config.block * size
        starts = range(first, first + self._config.block * size, size)
        return [self._pool.submit(self._draw, range(start, start + size)) for start in starts]

    def _heard(self, block: int, lessons: list[Lesson]) -> Iterator[list[Lesson]]:
        """All batches of a ``block``, its ``lessons`` mixed anew for each hearing."""
        rng = np.random.default_rng([self._config.seed, block, 1])
        for _ in range(self._config.hearings):
            order = rng.permutation(len(lessons)).reshape(-1, self._config.batch)
            for batch in order:
                yield [lessons[number] for number in batch]


def read_curve(out: Path) -> list[Check]:
    """The learning curve of a training in ``out``, over all its starts; a check that was made
    again after a stop counts once. Raises RunError where a line is none."""
    path = out / CURVE
    lines = path.read_bytes().splitlines() if path.is_file() else []
    checks = [_check(line, f"{path}:{number}") for number, line in enumerate(lines, 1)]
    return list({check.updates: check for check in checks}.values())


def _check(line: bytes, where: str) -> Check:
    try:
        return TypeAdapter(Check).validate_json(line)
    except ValidationError as error:
        raise RunError(f"{where}: no point of a learning curve; remove the line, or give another "
                       "folder") from error


def _write(out: Path, check: Check) -> None:
    write(out / CURVE, "".join(json.dumps(vars(each)) + "\n" for each in (*read_curve(out), check)))
