"""Training a reference recognizer from scratch on a corpus, with noise mixed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from time import perf_counter
from typing import Annotated, Any, Generic, TypeAlias, TypeVar

import numpy as np
import torch
from pydantic import Field, field_validator
from torch import Tensor, nn
from torch.optim import AdamW
from torch.optim.lr_scheduler import LRScheduler, OneCycleLR

from evalkit.core.errors import ManifestError
from evalkit.core.strict import Strict
from evalkit.core.types import Recording
from evalkit.models.tensors import placed, threads
from evalkit.training.checkpoints import resume, save_checkpoint
from evalkit.training.compressing import Compressing, Smaller
from evalkit.training.data import Spelling, batches_by_length, recordings
from evalkit.training.loop import deterministic, train_steps
from evalkit.training.origins import claim
from evalkit.training.takes import take

Model = TypeVar("Model", bound=nn.Module)
Losses: TypeAlias = Callable[[Model, Sequence[np.ndarray], Sequence[str]], Tensor]
Percent = Annotated[int, Field(ge=25, le=400)]
Decibels = Annotated[float, Field(ge=-200, le=200)]
Seconds = Annotated[float, Field(ge=0, le=60)]
Progress = Callable[[int, int, float, float], None]
"""Called after each epoch with its number from 1, how many there are, the loss on dev in nats a
character, and seconds since the start."""


class FromScratch(Strict):
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) under a one-cycle schedule (Smith and
    Topin 2019, arXiv:1708.07120), unless ``schedule`` is another.

    Every utterance is rendered in ``takes`` versions, of which an epoch uses one: at a speed
    drawn from ``speeds`` in percent (Ko et al. 2015), for a share ``noisy`` of them in noise
    at a ratio drawn from ``snr_db``, and where ``gain_db`` is given at a level drawn from so many
    decibels below its own to as many above. ``silence`` is how many seconds of it, at least and at
    most, come behind the speech, in the same noise. The loss is watched on about ``watched``
    utterances of dev. ``further`` are manifests of more utterances to learn from, such as
    those that a teacher heard (evalkit.training.taught). ``smaller`` is how the weights are
    compressed meanwhile. What is None is not done."""

    seed: int = Field(0, ge=0)
    epochs: int = Field(16, gt=0)
    batch: int = Field(16, gt=0)
    peak_learning_rate: float = Field(5e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    gradient_norm: float = Field(5.0, gt=0)
    takes: int = Field(4, gt=0)
    speeds: tuple[Percent, ...] = Field((90, 100, 110), min_length=1)
    noisy: float = Field(0.5, ge=0, le=1)
    snr_db: tuple[Decibels, ...] = Field((0.0, 5.0, 10.0, 15.0, 20.0), min_length=1)
    gain_db: float | None = Field(None, gt=0, le=60)
    silence: tuple[Seconds, Seconds] | None = None
    watched: int = Field(80, gt=0)
    further: tuple[Path, ...] = ()
    smaller: Smaller = Smaller()

    @field_validator("silence")
    @classmethod
    def _least_first(cls, silence: tuple[float, float] | None) -> tuple[float, float] | None:
        if silence and silence[0] > silence[1]:
            raise ValueError("must be the least and the most seconds, in this order")
        return silence

    def schedule(self, optimiser: AdamW, updates: int) -> LRScheduler:
        """The learning rates of a training of so many ``updates``."""
        return OneCycleLR(optimiser, self.peak_learning_rate, total_steps=updates)


@dataclass(frozen=True)
class Kind(Generic[Model]):
    """A kind of recognizer. ``make`` makes an untrained one, drawing from torch's global
    generator; ``loss`` is the negative log-likelihood in nats of each text given its waveform at
    ``rate`` Hz, (n,), and ``objective`` what training makes small, of recordings (n,), by
    ``settings`` that no recipe has, as JSON;
    ``transcribe`` gives a text each, in evaluation mode; ``save`` writes its weights; ``spell``
    raises UtteranceError for a text that it cannot spell."""

    make: Callable[[], Model]
    objective: Callable[[Model, Sequence[Recording]], Tensor]
    loss: Losses[Model]
    transcribe: Callable[[Model, Sequence[np.ndarray]], list[str]]
    save: Callable[[Model, Path], None]
    rate: int
    spell: Spelling
    settings: Mapping[str, Any] = field(default_factory=dict)

    def recordings(self, manifest: Path) -> list[Recording]:
        """Every utterance of ``manifest`` with its waveform. Raises ManifestError, naming the
        utterance, where one has no audio, or no text that can be spelt."""
        return recordings(manifest, self.rate, self.spell)

    def some_recordings(self, manifest: Path) -> list[Recording]:
        """The same; raises ManifestError, too, where there is none."""
        found = self.recordings(manifest)
        if not found:
            raise ManifestError(f"{manifest}: has no utterance; training needs some")
        return found


def train_from_scratch(kind: Kind[Model], corpus: Path, *, config: FromScratch, workers: int = 1,
                       device: str = "cpu", checkpoint: Path | None = None,
                       progress: Progress = lambda *_: None) -> Model:
    """Trains a recognizer on train.jsonl of ``corpus``, watched on dev.jsonl, and returns it in
    evaluation mode on the CPU. After each epoch ``checkpoint`` is written where it is given, and
    a training that was stopped goes on from there, to the same weights.

    On one machine's CPU the weights follow from the manifests, ``config`` and ``workers``, the
    number of threads. Raises ManifestError for an utterance that cannot be trained on, and
    where train or dev has none; ConfigError where ``device`` cannot be used, or ``checkpoint`` is
    of another ``config`` or ``kind``, of other recordings to learn from, or of other weights to
    start from."""
    start = perf_counter()
    speech, dev = (kind.some_recordings(corpus / f"{split}.jsonl") for split in ("train", "dev"))
    speech += [each for manifest in config.further for each in kind.recordings(manifest)]
    watched = dev[::max(1, len(dev) // config.watched)]
    # On a graphics processor torch has no deterministic form of what such losses are made of.
    with deterministic(config.seed, strict=device == "cpu"), threads(workers):
        model = placed(kind.make(), device)
        for epoch in _epochs(kind, model, speech, config, checkpoint):
            loss = mean_loss(kind, model, watched, config.batch)
            progress(epoch, config.epochs, loss, perf_counter() - start)
    return model.cpu().eval()


@torch.inference_mode()
def mean_loss(kind: Kind[Model], model: Model, speech: Sequence[Recording], batch: int) -> float:
    """Negative log-likelihood in nats a character, in evaluation mode, over batches of
    ``batch`` recordings."""
    model.eval()
    total = sum(float(_summed(kind.loss, model, part))
                for part in (speech[i:i + batch] for i in range(0, len(speech), batch)))
    return total / sum(len(r.text) for r in speech)


def _summed(losses: Losses[Model], model: Model, batch: Sequence[Recording]) -> Tensor:
    return losses(model, [r.wave for r in batch], [r.text for r in batch]).sum()


def _epochs(kind: Kind[Model], model: Model, speech: Sequence[Recording], config: FromScratch,
            checkpoint: Path | None) -> Iterator[int]:
    """Trains ``model``; yields the number of each epoch when it is done, of a training that is
    complete the last one."""
    updates = -(-len(speech) // config.batch)
    total = config.epochs * updates
    optimiser = AdamW(model.parameters(), weight_decay=config.weight_decay)
    batches = _batches(speech, kind.rate, config)  # draws no number of torch's
    options = config.model_dump(mode="json") | {**kind.settings}
    done = _done(checkpoint, options, speech, model, optimiser)
    schedule = _resumed(config, optimiser, total, done)
    smaller = Compressing(model, optimiser, config.smaller, total, done)
    if done == total:
        smaller.finish()
        yield config.epochs

    def loss(batch: Sequence[Recording]) -> Tensor:
        return kind.objective(model, batch).sum() / sum(len(r.text) for r in batch)

    # What was drawn for the epochs that are done is drawn again, since the later follow from it.
    for taken in train_steps(model, islice(batches, done, None), smaller.loss(loss), optimiser,
                             schedule=schedule, gradient_norm=config.gradient_norm):
        if (done + taken) % updates == 0:
            if checkpoint:
                save_checkpoint(checkpoint, done + taken, model, optimiser, draws=True)
            if done + taken == total:
                smaller.finish()
            yield (done + taken) // updates


def _batches(speech: Sequence[Recording], rate: int, config: FromScratch
             ) -> Iterator[list[Recording]]:
    """Those of all epochs; each epoch's are drawn when it begins."""
    rng = np.random.default_rng(config.seed)
    takes = [take(speech, rate, config, number, rng) for number in range(config.takes)]
    for epoch in range(config.epochs):
        yield from batches_by_length(takes[epoch % config.takes], config.batch, rng)


def _done(checkpoint: Path | None, options: Mapping[str, Any], speech: Sequence[Recording],
          model: nn.Module, optimiser: AdamW) -> int:
    """How many updates ``checkpoint`` holds, which ``model``, as it is first, and ``optimiser``
    then have; beside it lies what it follows from."""
    if checkpoint is None:
        return 0
    claim(checkpoint, options, speech, model)
    return resume(checkpoint, model, optimiser)


def _resumed(config: FromScratch, optimiser: AdamW, updates: int, done: int) -> LRScheduler:
    """The schedule as it is after ``done`` updates."""
    schedule = config.schedule(optimiser, updates)
    if done:
        schedule.load_state_dict(schedule.state_dict()
                                 | {"last_epoch": done - 1, "_step_count": done + 1})
        schedule.step()
    return schedule
