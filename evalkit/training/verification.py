"""Training of speaker embeddings with weighted samples and early stopping."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from copy import deepcopy
from dataclasses import dataclass

import numpy as np
import torch
from pydantic import Field
from torch import Tensor

from evalkit.core.errors import ManifestError
from evalkit.core.strict import Strict
from evalkit.store.trials import equal_error_rate
from evalkit.training.loop import train_steps
from evalkit.training.speaker_embeddings import (
    EmbeddingModel,
    Similarity,
    balanced_mean,
    pair_losses,
)
from evalkit.training.weightings import PairBatch, Weighting, weights_of_pairs

EMBEDDED_AT_ONCE = 256
"""Utterances that are embedded at once."""


class LearningConfig(Strict):
    """Adam (Kingma and Ba 2015) on batches of ``speakers`` with ``utterances`` each. ``anchor``
    penalises the squared distance from the start. After ``warm_up`` steps with even weights, one
    step of the weighting follows each of the model. Regions are found again every ``refit``
    steps. With ``look``, the equal error rate on dev is computed every so many steps, and training
    ends when it has not fallen ``patience`` times in a row; without, it is computed at the end,
    where the model is kept if it is better than the start."""

    steps: int = Field(600, gt=0)
    speakers: int = Field(40, gt=1)
    utterances: int = Field(2, gt=1)
    learning_rate: float = Field(3e-4, gt=0)
    scale_learning_rate: float = Field(0.05, gt=0)
    anchor: float = Field(0.003, ge=0)
    warm_up: int = Field(25, ge=0)
    refit: int = Field(25, gt=0)
    look: int | None = Field(None, gt=0)
    patience: int = Field(6, gt=0)


@dataclass(frozen=True)
class SpeakerInputs:
    """Inputs of an embedding model, (n, …), and who speaks in each, (n,)."""

    x: Tensor
    speakers: np.ndarray


@dataclass(frozen=True)
class BestStep:
    """Where training was stopped: after how many steps, the equal error rate on dev there and at
    the start, and the weights (n,) that the training utterances had there."""

    step: int
    dev: float
    dev_at_start: float
    weights: Tensor


def fit(model: EmbeddingModel, train: SpeakerInputs, dev: SpeakerInputs, weighting: Weighting,
        config: LearningConfig, *, seed: int) -> BestStep:
    """Trains ``model`` in place and leaves it as it was when the equal error rate on ``dev`` was
    lowest, which may be the start. The batches follow from ``seed`` alone, so that arms which
    differ in their weighting see the same ones. Speakers with fewer utterances than a batch
    takes are not used. Raises ManifestError where there is nothing to train on or to stop by."""
    training = WeightedTraining(model, train, weighting, config)
    start = dev_error(model, dev)
    if np.isnan(start):
        raise ManifestError("dev needs two speakers, and two utterances of one of them, to tell "
                            "when to stop")
    best, state = BestStep(0, start, start, training.weights()), deepcopy(model.state_dict())
    look = config.look or config.steps
    for done in training.steps(_batches(train.speakers, config, seed)):
        if done % look:
            continue
        error = dev_error(model, dev)
        if error < best.dev:
            best = BestStep(done, error, start, training.weights())
            state = deepcopy(model.state_dict())
        elif done - best.step >= config.patience * look:
            break
    model.load_state_dict(state)
    return best


class WeightedTraining:
    """Training of an embedding model under a weighting of its samples; the two take turns."""

    def __init__(self, model: EmbeddingModel, train: SpeakerInputs, weighting: Weighting,
                 config: LearningConfig) -> None:
        self.model, self.train, self.weighting, self.config = model, train, weighting, config
        self.similarity = Similarity().to(train.x.device)
        self._optimiser = torch.optim.Adam([
            {"params": model.parameters(), "lr": config.learning_rate},
            {"params": self.similarity.parameters(), "lr": config.scale_learning_rate}])
        self._weighted: tuple[PairBatch, Tensor] | None = None
        self.refit()

    def refit(self) -> None:
        """Gives the weighting the present embeddings of the training utterances."""
        self.weighting.refit(embed(self.model, self.train.x))

    def weights(self) -> Tensor:
        """Of all training utterances, (n,)."""
        rows = torch.arange(len(self.train.x), device="cpu")
        return self.weighting.samples(rows, embed(self.model, self.train.x)).cpu()

    def steps(self, batches: Iterable[Tensor]) -> Iterator[int]:
        """Takes one step on each of the ``batches``, utterances as row numbers (N, M); yields
        after each how many were taken. After ``warm_up`` steps, one of the weighting follows
        each of the model."""
        numbered = enumerate(batches, 1)
        for done in train_steps(self.model, numbered, self._loss, self._optimiser):
            if self._weighted is not None:
                self.weighting.update(*self._weighted)
            if done % self.config.refit == 0:
                self.refit()
            yield done

    def _loss(self, batch: tuple[int, Tensor]) -> Tensor:
        number, rows = batch
        embeddings = self.model(self.train.x[rows.flatten()]).unflatten(0, rows.shape)
        losses = pair_losses(self.similarity(embeddings))
        self._weighted = None
        weighted = losses
        if number > self.config.warm_up:
            self._weighted = PairBatch(rows, embeddings.detach()), losses.detach()
            weighted = weights_of_pairs(self.weighting, self._weighted[0]) * losses
        return balanced_mean(weighted) + self.config.anchor * self.model.drift()


@torch.no_grad()
def embed(model: EmbeddingModel, x: Tensor) -> Tensor:
    """Embeddings (n, dimension) in evaluation mode."""
    model.eval()
    return torch.cat([model(part) for part in x.split(EMBEDDED_AT_ONCE)])


def dev_error(model: EmbeddingModel, dev: SpeakerInputs) -> float:
    """Equal error rate in [0, 1] over all pairs of ``dev``."""
    vectors = embed(model, dev.x).cpu().double().numpy()
    first, second = np.triu_indices(len(vectors), 1)
    scores = (vectors @ vectors.T)[first, second]
    return equal_error_rate(scores, dev.speakers[first] == dev.speakers[second]).value


def _batches(speakers: np.ndarray, config: LearningConfig, seed: int) -> Iterator[Tensor]:
    """Row numbers (N, M): different speakers, different utterances of each."""
    rng = np.random.default_rng(seed)
    _, code = np.unique(speakers, return_inverse=True)
    of_each = np.split(np.argsort(code, kind="stable"), np.cumsum(np.bincount(code))[:-1])
    members = [rows for rows in of_each if len(rows) >= config.utterances]
    if len(members) < 2:
        raise ManifestError(f"train has {len(members)} speakers with {config.utterances} "
                            "utterances or more; at least two are needed")
    for _ in range(config.steps):
        drawn = rng.permutation(len(members))[:config.speakers]
        yield torch.as_tensor(np.stack([
            rng.choice(members[i], config.utterances, replace=False) for i in drawn]),
            device="cpu")
