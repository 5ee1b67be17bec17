"""Training the reference recognizer from scratch on a corpus, with noise mixed in."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from time import perf_counter

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from evalkit.audio import resample
from evalkit.conditions.noise import Noise
from evalkit.core.strict import Strict
from evalkit.core.types import Audio, Recording
from evalkit.models.ctc.network import RATE, CtcRecognizer, NetworkConfig, encode
from evalkit.models.tensors import threads
from evalkit.training.data import batches_by_length, recordings
from evalkit.training.loop import deterministic, train_steps

Progress = Callable[[int, int, float, float], None]
"""Called after each epoch with its number from 1, how many there are, the loss on dev in nats a
character, and seconds since the start."""
NOISES = ("babble", "stationary", "modulated")


class TrainingConfig(Strict):
    """AdamW (Loshchilov and Hutter 2019, arXiv:1711.05101) under a one-cycle schedule (Smith and
    Topin 2019, arXiv:1708.07120).

    Every utterance is rendered in ``takes`` versions, of which an epoch uses one: at a speed
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
    of threads. Raises ManifestError for an utterance that cannot be trained on."""
    config = config or TrainingConfig()
    start = perf_counter()
    speech, dev = reference_recordings(manifest_train), reference_recordings(manifest_dev)
    watched = dev[::max(1, len(dev) // config.watched)]
    with deterministic(config.seed), threads(workers):
        model = CtcRecognizer(config.network)
        for epoch in _epochs(model, speech, config):
            loss = mean_loss(model, watched, config.batch)
            progress(epoch, config.epochs, loss, perf_counter() - start)
    model.eval().save(out)
    return model


def reference_recordings(manifest: Path) -> list[Recording]:
    """Every utterance of ``manifest`` with its waveform at RATE. Raises ManifestError, naming the
    utterance, where one has no audio, or no text that the reference recognizer can spell."""
    return recordings(manifest, RATE, encode)


@torch.inference_mode()
def mean_loss(model: CtcRecognizer, speech: Sequence[Recording], batch: int) -> float:
    """Negative log-likelihood in nats a character, in evaluation mode, over batches of
    ``batch`` recordings."""
    model.eval()
    total = sum(float(model.loss([r.wave for r in part], [r.text for r in part]).sum())
                for part in (speech[i:i + batch] for i in range(0, len(speech), batch)))
    return total / sum(len(r.text) for r in speech)


def _epochs(model: CtcRecognizer, speech: Sequence[Recording],
            config: TrainingConfig) -> Iterator[int]:
    """Trains ``model``; yields the number of each epoch when it is done."""
    rng = np.random.default_rng(config.seed)
    takes = [_take(speech, config, take, rng) for take in range(config.takes)]
    batches = -(-len(speech) // config.batch)
    optimiser = torch.optim.AdamW(model.parameters(), weight_decay=config.weight_decay)
    schedule = torch.optim.lr_scheduler.OneCycleLR(
        optimiser, config.peak_learning_rate, total_steps=config.epochs * batches)
    # Batches of an epoch are drawn when it begins.
    drawn = (batch for epoch in range(config.epochs)
             for batch in batches_by_length(takes[epoch % config.takes], config.batch, rng))
    for done in train_steps(model, drawn, partial(_loss, model), optimiser, schedule=schedule,
                            gradient_norm=config.gradient_norm):
        if done % batches == 0:
            yield done // batches


def _loss(model: CtcRecognizer, batch: Sequence[Recording]) -> Tensor:
    """In nats a character."""
    losses = model.loss([r.wave for r in batch], [r.text for r in batch])
    return losses.sum() / sum(len(r.text) for r in batch)


def _take(speech: Sequence[Recording], config: TrainingConfig, take: int,
          rng: np.random.Generator) -> list[Recording]:
    """Every recording once, at a drawn speed, some in drawn noise."""
    utterances = [r.utterance for r in speech]
    noises = [Noise(kind, ratio, seed=config.seed).bind(utterances)
              for kind in NOISES for ratio in config.snr_db]
    rendered = []
    for recording in speech:
        speed = int(rng.choice(config.speeds))
        audio = resample(Audio(recording.wave, RATE * speed // 100), RATE)
        if rng.random() < config.noisy:
            noise = noises[rng.integers(len(noises))]
            # Noise follows from the utterance's id: another id for another noise.
            other = replace(recording.utterance, id=f"{recording.utterance.id} take {take}")
            audio = noise.apply(audio, other)
        rendered.append(replace(recording, wave=audio.samples))
    return rendered
