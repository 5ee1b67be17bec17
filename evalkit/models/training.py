"""Training the reference recognizer on a corpus, with noise mixed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from pydantic import Field

from evalkit.audio import load, resample
from evalkit.conditions.noise import Noise
from evalkit.core.config import Strict
from evalkit.core.errors import ManifestError, UtteranceError
from evalkit.core.types import Audio, Recording, Utterance
from evalkit.models.ctc.network import RATE, CtcRecognizer, NetworkConfig, encode
from evalkit.models.tensors import threads
from evalkit.store.manifest import read_manifest

Progress = Callable[[int, int, float, float], None]
"""Called after each epoch with its number from 1, how many there are, the loss on dev in nats a
character, and seconds since the start."""
NOISES = ("babble", "stationary", "modulated")


class TrainingConfig(Strict):
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) under a one-cycle schedule (Smith and
    Topin 2019, arXiv:1708.07120).

    Every utterance is rendered in ``takes`` versions, of which an epoch hears one: at a speed
    drawn from ``speeds`` in percent (Ko et al. 2015), and for a share ``noisy`` of them in noise
    at a ratio drawn from ``snr_db``. The loss is watched on about ``watched`` utterances of dev.
    """

    seed: int = Field(0, ge=0)
    network: NetworkConfig = NetworkConfig()
    epochs: int = Field(16, gt=0)
    batch: int = Field(16, gt=0)
    peak_learning_rate: float = Field(5e-3, gt=0)
    weight_decay: float = Field(0.01, ge=0)
    gradient_norm: float = Field(5.0, gt=0)
    takes: int = Field(4, gt=0)
    speeds: tuple[int, ...] = (90, 100, 110)
    noisy: float = Field(0.5, ge=0, le=1)
    snr_db: tuple[float, ...] = (0.0, 5.0, 10.0, 15.0, 20.0)
    watched: int = Field(80, gt=0)


def train(manifest_train: Path, manifest_dev: Path, out: Path, *,
          config: TrainingConfig | None = None, workers: int = 1,
          progress: Progress = lambda *_: None) -> CtcRecognizer:
    """Trains a recognizer from scratch, writes it to ``out`` and returns it.

    On one machine the weights follow from the manifests, ``config`` and ``workers``, the number
    of threads. Raises ManifestError for an utterance that cannot be learned from."""
    config = config or TrainingConfig()
    start = perf_counter()
    heard, dev = recordings(manifest_train), recordings(manifest_dev)
    watched = dev[::max(1, len(dev) // config.watched)]
    with _reproducible(config.seed), threads(workers):
        model = CtcRecognizer(config.network)
        for epoch in _epochs(model, heard, config):
            loss = mean_loss(model, watched, config.batch)
            progress(epoch, config.epochs, loss, perf_counter() - start)
    model.eval().save(out)
    return model


def recordings(manifest: Path) -> list[Recording]:
    """Every utterance of ``manifest`` with its waveform. Raises ManifestError, naming the
    utterance, where one has no audio, or no text that the recognizer can spell."""
    read = read_manifest(manifest)
    if read.problems:
        raise ManifestError(read.describe_problems(shown=1))
    return [_recording(utterance, manifest) for utterance in read.utterances]


@torch.inference_mode()
def mean_loss(model: CtcRecognizer, heard: Sequence[Recording], batch: int) -> float:
    """Negative log-likelihood in nats a character, in evaluation mode."""
    model.eval()
    total = sum(float(model.loss([r.wave for r in part], [r.text for r in part]).sum())
                for part in (heard[i:i + batch] for i in range(0, len(heard), batch)))
    return total / sum(len(r.text) for r in heard)


def _recording(utterance: Utterance, manifest: Path) -> Recording:
    try:
        if utterance.audio is None or not utterance.text:
            raise UtteranceError("Unusable", "training needs both audio and text")
        encode(utterance.text)
        audio = load(utterance.audio, offset=utterance.offset, duration=utterance.duration)
        return Recording(utterance, utterance.text, resample(audio, RATE).samples)
    except UtteranceError as error:
        raise ManifestError(f"{manifest}: {utterance.id}: {error}") from error


def _epochs(model: CtcRecognizer, heard: Sequence[Recording],
            config: TrainingConfig) -> Iterator[int]:
    """Trains ``model``; yields the number of each epoch when it is done."""
    rng = np.random.default_rng(config.seed)
    takes = [_take(heard, config, take, rng) for take in range(config.takes)]
    batches = -(-len(heard) // config.batch)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.peak_learning_rate, total_steps=config.epochs * batches)
    for epoch in range(config.epochs):
        model.train()
        for batch in _batches(takes[epoch % config.takes], config.batch, rng):
            _step(model, batch, optimiser, config.gradient_norm)
            schedule.step()
        yield epoch + 1


def _step(model: CtcRecognizer, batch: Sequence[Recording], optimiser: torch.optim.Optimizer,
          gradient_norm: float) -> None:
    loss = model.loss([r.wave for r in batch], [r.text for r in batch]).sum()
    optimiser.zero_grad()
    (loss / sum(len(r.text) for r in batch)).backward()
    torch.nn.utils.clip_grad_norm_(model.parameters(), gradient_norm)
    optimiser.step()


def _take(heard: Sequence[Recording], config: TrainingConfig, take: int,
          rng: np.random.Generator) -> list[Recording]:
    """Every recording once, at a drawn speed, some in drawn noise."""
    utterances = [r.utterance for r in heard]
    noises = [Noise(kind, ratio, seed=config.seed).bind(utterances)
              for kind in NOISES for ratio in config.snr_db]
    rendered = []
    for recording in heard:
        speed = int(rng.choice(config.speeds))
        audio = resample(Audio(recording.wave, RATE * speed // 100), RATE)
        if rng.random() < config.noisy:
            noise = noises[rng.integers(len(noises))]
            # Noise follows from the utterance's id: another id for another noise.
            other = replace(recording.utterance, id=f"{recording.utterance.id} take {take}")
            audio = noise.apply(audio, other)
        rendered.append(replace(recording, wave=audio.samples))
    return rendered


def _batches(heard: Sequence[Recording], size: int,
             rng: np.random.Generator) -> list[list[Recording]]:
    """Batches of recordings of about equal length, in random order."""
    lengths = np.array([len(r.wave) for r in heard]) * rng.uniform(0.9, 1.1, len(heard))
    order = np.argsort(lengths)
    batches = [[heard[i] for i in order[first:first + size]]
               for first in range(0, len(order), size)]
    return [batches[i] for i in rng.permutation(len(batches))]


@contextmanager
def _reproducible(seed: int) -> Iterator[None]:
    """torch draws from ``seed`` and refuses operations that give other results each time."""
    strict = torch.are_deterministic_algorithms_enabled()
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        torch.use_deterministic_algorithms(True)
        try:
            yield
        finally:
            torch.use_deterministic_algorithms(strict)
